"""Groups by a column, by numbers that are cut, or by several of these crossed."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa

from fairray.datasets._cells import Value, list_values, read_numbers
from fairray.errors import BadInput

__all__ = ["Cuts", "cross"]

Cuts = float | tuple[float, ...] | None


def cross(table: pa.Table, cuts: Mapping[str, Cuts], missing: Sequence[Value], where: str) -> pd.Series:
    """The group of each row, as a categorical, null where one of its columns holds nothing.

    cuts: of each column the points where its numbers are cut, or none, where each of its values is a group.
    """
    whole, *others = (
        list_values(table[name], missing) if points is None else _cut(table[name], points, missing, f"{where} ({name})")
        for name, points in cuts.items()
    )
    for other in others:
        whole = _pair(whole, other)
    return whole


def _pair(first: pd.Series, second: pd.Series) -> pd.Series:
    """Both values of each row as one; those that occur nowhere are none."""
    size = len(second.cat.categories)
    codes = np.where(second.isna() | first.isna(), -1, first.cat.codes.to_numpy(int) * size + second.cat.codes)
    names = [f"{a}, {b}" for a in first.cat.categories for b in second.cat.categories]
    return pd.Series(
        pd.Categorical.from_codes(codes.astype(np.int64), pd.Index(names, dtype=object))
    ).cat.remove_unused_categories()


def _cut(column: pa.ChunkedArray, points: float | Sequence[float], missing: Sequence[Value], where: str) -> pd.Series:
    points = [*points] if isinstance(points, Sequence) else [points]
    if not points or not all(low < high for low, high in pairwise(points)):
        raise BadInput(where, f"the cut points are {points}", "give rising numbers, such as [25, 60]")
    found = read_numbers(column, missing)
    if found is None:
        raise BadInput(where, "it does not hold numbers, so it cannot be cut", "leave the cut points out")
    inner = [f"{low:g} to below {high:g}" for low, high in pairwise(points)]
    names = [f"below {points[0]:g}", *inner, f"{points[-1]:g} and above"]
    codes = np.where(np.isnan(found.values), -1, np.digitize(found.values, points))
    return pd.Series(
        pd.Categorical.from_codes(codes.astype(np.int64), pd.Index(names, dtype=object))
    ).cat.remove_unused_categories()
