"""Which columns of a table can be inputs, and as what."""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from fairray.datasets._cells import Value, is_plain, is_time, list_values, read_numbers, spelled_alike
from fairray.errors import BadInput
from fairray.words import cut, list_some

__all__ = ["Input", "Reader"]

MOST_CATEGORIES, NOTED = 200, 50  # values of a column that are inputs, and that are so without a word
FEWEST = 20  # rows from which an order or a difference of all values is no chance
MANY = 200  # rows of which whole numbers, such as wages in full, are hardly all different
ID = re.compile(r"(^|[_. -])(id|uid|uuid|guid|idx|index|key|nr|no)$|^unnamed: ", re.IGNORECASE)
HUGE = 1e30  # beyond which squares are no float32
FAR = 1e6  # interquartile ranges from the median


class Input(NamedTuple):
    """values: numbers with NaN, or a categorical with null, where there is nothing.

    unfit: why it should be none. unusable: whether it cannot be one either. notes: what is to be said of it.
    """

    values: pd.Series
    unfit: str = ""
    unusable: bool = False
    notes: tuple[str, ...] = ()


class Reader(NamedTuple):
    """How columns are read. missing: values that stand for nothing. place: what the n-th row is called. where: the
    file, for errors."""

    missing: tuple[Value, ...]
    place: Callable[[int], str]
    where: str

    def read(self, name: str, column: pa.ChunkedArray, is_category: bool = False) -> Input:
        """A column as numbers, if it holds some, or as categories. Raises BadInput where it holds neither."""
        found = None if is_category else read_numbers(column, self.missing)
        if found is not None:
            self.check(name, found.values)
            written = (f"{name!r} is read as numbers, {found.written!r} as one",) if found.written else ()
            return Input(
                pd.Series(found.values),
                _unfit_number(name, found.values),
                notes=(*written, *_doubt(name, found.values)),
            )
        if pa.types.is_nested(column.type) or pa.types.is_binary(column.type) or pa.types.is_null(column.type):
            return Input(pd.Series(np.full(len(column), np.nan)), f"it holds {column.type}", unusable=True)
        values = list_values(column, self.missing)
        if is_time(column):
            return Input(values, "it holds dates or times", unusable=True)
        return self._categories(name, values)

    def check(self, name: str, values: np.ndarray) -> None:
        """Raise BadInput where a number is infinite, or so far from all others that these would be one."""
        finite = values[np.isfinite(values)]
        low, median, high = np.quantile(finite, [0.25, 0.5, 0.75]) if len(finite) else (0.0, 0.0, 0.0)
        with np.errstate(invalid="ignore", over="ignore"):
            wild = (np.abs(values) > HUGE) | ((high > low) & (np.abs(values - median) > FAR * (high - low)))
        if wild.any():
            row = int(np.flatnonzero(wild)[0])
            problem = f"{name!r} is {values[row]:g} in {self.place(row)}"
            usual = f"; half of its numbers are from {low:g} to {high:g}" if len(finite) else ""
            raise BadInput(self.where, problem + usual, "mend the cell, or leave it empty, which means missing")

    def _categories(self, name: str, values: pd.Series) -> Input:
        levels = [*values.cat.categories]
        some = int(values.notna().sum())
        if len(levels) < 2 and (some in (0, len(values))):
            return Input(values, f"it has the one value {levels[0]!r}" if levels else "all of it is missing")
        number = sum(map(is_plain, levels))
        if number > max(FEWEST, len(levels) / 2) and number < len(levels):
            odd = next(level for level in levels if not is_plain(level))
            row = int(np.flatnonzero(values == odd)[0])
            problem = f"{name!r} is {cut(odd)!r} in {self.place(row)}, and a number in most other rows"
            raise BadInput(
                self.where, problem, f"mend it, list what stands for nothing in missing: [...], {_cures(name)}"
            )
        if len(levels) > max(FEWEST, 0.9 * some):
            return Input(values, "it is another text in nearly every row", unusable=True)
        if len(levels) > MOST_CATEGORIES:
            problem = (
                f"{name!r} has {len(levels):,} values, at most {MOST_CATEGORIES} make inputs: {list_some(levels, 5)}"
            )
            raise BadInput(self.where, problem, f"leave it out with without: [{name}], or join its rare values")
        alike = (
            f"{name!r} has {' and '.join(map(repr, same))}, which stay different" for same in spelled_alike(levels)
        )
        many = [f"{name!r} has {len(levels)} values, each of them an input"] if len(levels) > NOTED else []
        return Input(values, notes=(*many, *[*alike][:3]))


def _cures(name: str) -> str:
    return f"name it in categories: [{name}], or leave it out with without: [{name}]"


def _unfit_number(name: str, values: np.ndarray) -> str:
    """Why a column of numbers should be no input, if it should not."""
    seen = values[~np.isnan(values)]
    if len(seen) == len(values) and (seen == seen[0]).all():
        return f"it has the one value {seen[0]:g}"
    if not _is_whole(seen):
        return ""
    if _is_day(seen).all():
        return f"it holds days, such as {seen[0]:.0f}"
    if len(seen) < max(FEWEST, len(values)) or len(np.unique(seen)) < len(seen):
        return ""
    if (np.diff(seen) > 0).all() or np.ptp(seen) == len(seen) - 1:
        return "it counts the rows"
    return "it is another whole number in every row, and has the name of an id" if ID.search(name) else ""


def _doubt(name: str, values: np.ndarray) -> Iterator[str]:
    distinct = len(np.unique(values))
    if _is_whole(values) and (len(values) == distinct >= MANY or (ID.search(name) and distinct > MOST_CATEGORIES)):
        yield f"{name!r} has {distinct:,} different whole numbers; if it is an id, leave it out with without: [{name}]"


def _is_whole(values: np.ndarray) -> bool:
    return len(values) > 0 and bool((values == np.floor(values)).all())


def _is_day(values: np.ndarray) -> np.ndarray:
    """Which numbers are days written like 20130524."""
    year, month, day = values // 10_000, values // 100 % 100, values % 100
    return (year >= 1900) & (year <= 2100) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
