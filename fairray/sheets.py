"""Tables as csv files, which programs read and spreadsheets open: there a text is no formula."""

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd

__all__ = ["read_csv", "write_csv"]

GUARDED = re.compile(r"^'(?=[=+\-@\t\r])")
FORMULA = re.compile(r"[=+\-@\t\r]")  # what a spreadsheet takes a cell for that begins so (OWASP, CSV injection)


def write_csv(table: pd.DataFrame) -> bytes:
    """An apostrophe stands before a text that would be a formula, also before the names of columns."""
    guarded = table.copy(deep=False)
    for name, column in _list_texts(table):
        if found := _find(column):
            guarded[name] = column.replace(found)
    return guarded.rename(columns=_find([*table])).to_csv(index=False).encode()


def read_csv(path: Path) -> pd.DataFrame:
    """What `write_csv` has written."""
    table = pd.read_csv(path)
    for name, column in _list_texts(table):
        table[name] = column.str.replace(GUARDED, "", regex=True)
    return table


def _list_texts(table: pd.DataFrame) -> Iterable[tuple[Any, pd.Series]]:
    return table.select_dtypes(exclude=["number", "bool"]).items()


def _find(texts: Iterable[Any]) -> dict[str, str]:
    """Those that would be formulas, and what stands for them."""
    different = {text for text in texts if isinstance(text, str)}
    return {text: f"'{text}" for text in different if FORMULA.match(text) and not _is_number(text)}


def _is_number(text: str) -> bool:
    with suppress(ValueError):
        float(text)
        return True
    return False
