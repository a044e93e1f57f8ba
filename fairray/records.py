"""Records: one tidy table of everything that is measured. A row is a value, and what it is of."""

from collections.abc import Hashable, Iterable, Mapping
from functools import lru_cache
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from fairray.measures import find

__all__ = ["COLUMNS", "DETAILS", "headline", "join", "rows"]

# what a value is of besides its split; null where that does not apply: over all groups, after training, of no image
DETAILS = {
    "group": "str",  # of the protected attribute
    "label": "str",  # the class of the examples
    "epoch": "float64",  # of training
    "sample": "float64",  # the id of one example
    "trigger": "str",  # that inputs carry
    "probed": "str",  # the task that a probe was trained for
    "defence": "str",  # that images went through
    "model": "str",  # the stage that was evaluated, where it is not the one that a trial ends in
}
COLUMNS: dict[str, Any] = {"metric": "str", "value": "float64", "split": "str", **DETAILS}


def rows(values: Mapping[str, Any], **place: Any) -> pd.DataFrame:
    """A row for each value, with all of `COLUMNS`.

    values: by measure, one number, or one for each of several things. place: what they are of, one text or number for
    all of them or one for each. Raises BadInput for a measure that nothing declares.
    """
    numbers = {find(name).name: np.atleast_1d(value).astype(float) for name, value in values.items()}
    sizes = [len(each) for each in numbers.values()]
    columns: dict[str, Any] = {"metric": np.repeat([*numbers], sizes), "value": [*chain(*numbers.values())]}
    for name, of in place.items():
        columns[name] = of if np.ndim(of) == 0 else np.tile(np.asarray(of), len(numbers))
    return _table(columns, sum(sizes))


def join(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Tables of records as one, with all of `COLUMNS`."""
    filled = [table for table in tables if len(table)]
    table = pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()
    return table if [*table.dtypes.items()] == [*COLUMNS.items()] else _table(table, len(table))


def _table(columns: Mapping[str, Any] | pd.DataFrame, size: int) -> pd.DataFrame:
    """All of `COLUMNS`, in their order and types, from those of one thing for all rows, or of one for each.

    A study makes thousands of small ones, and columns that are typed before the table is made take a third of the time.
    """
    typed = {}
    for name, kind in COLUMNS.items():
        of: Any = columns.get(name)
        alike = np.ndim(of) == 0
        typed[name] = _repeat(of, kind, size).copy() if alike else pd.array(np.asarray(of, dtype=object), dtype=kind)
    return pd.DataFrame(typed, copy=False)


@lru_cache(maxsize=256, typed=True)  # most columns of most tables are null, or the name of a split
def _repeat(of: Hashable, kind: Any, size: int) -> Any:
    return pd.array(np.full(size, of, dtype=object), dtype=kind)


def headline(records: pd.DataFrame) -> pd.DataFrame:
    """The rows that are results: over all groups and examples, after training, under nothing special."""
    return records[records[[*DETAILS]].isna().all(axis=1)]
