"""What the integers of labels and groups stand for."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from fairray.data import Problem
from fairray.datasets._cells import Value, find_value, spelled_alike
from fairray.errors import BadInput
from fairray.words import list_some

__all__ = ["Levels", "find_classes", "find_groups", "note_alike"]

MOST = 60
REST = "other"


class Levels(NamedTuple):
    """names: of the integers. places: of each value of a column its integer."""

    names: tuple[str, ...]
    places: dict[str, int]

    def encode(self, column: pd.Series) -> torch.Tensor:
        """The integers of a column's values."""
        return torch.tensor(column.astype(str).map(self.places).to_numpy(np.int64))


def find_classes(column: pd.Series, positive: Value | None, problem: Problem, where: str) -> Levels:
    """Those of a target; `positive` is class 1 (default: the last in order). column: all rows of it."""
    levels = _find(column, positive, where, "set problem: regression, or choose another target")
    if problem == "binary" and len(levels.names) != 2:
        raise BadInput(
            where,
            f"it has {len(levels.names)} values, two were expected",
            "choose another target, say which value counts as 1 with positive: VALUE, or set problem: multiclass",
        )
    return levels


def find_groups(column: pd.Series, privileged: Value | None, where: str) -> Levels:
    """Those of a protected attribute; `privileged` is group 1 and all others group 0 (default: each value is one)."""
    levels = _find(
        column, privileged, where, "cut numbers into groups, protected: {COLUMN: [25, 60]}, or choose another"
    )
    if len(levels.names) < 2:
        problem = f"it has the one value {levels.names[0]!r}, so there are no groups to compare"
        raise BadInput(where, problem, "choose a column with at least two values")
    return levels


def note_alike(column: pd.Series, what: str) -> list[str]:
    """A note where values of a column differ in their spelling only."""
    alike = spelled_alike(_list_in_order(column))
    return [f"{what} has {' and '.join(map(repr, same))}, which stay different values" for same in alike]


def _find(column: pd.Series, chosen: Value | None, where: str, cure: str) -> Levels:
    if missing := int(column.isna().sum()):
        problem = f"{missing:,} of {len(column):,} values are missing"
        raise BadInput(where, problem, "drop or fill those rows, or choose the values with where: {COLUMN: [...]}")
    values = _list_in_order(column)
    if chosen is not None:
        one = find_value(chosen, values, where)
        rest = [value for value in values if value != one]
        others = rest[0] if len(rest) == 1 else REST if REST not in values else f"not {one}"
        return Levels((others, one), {value: int(value == one) for value in values})
    if len(values) > MOST:
        raise BadInput(where, f"it has {len(values):,} values: {list_some(values, 5)}", cure)
    return Levels(tuple(values), {value: i for i, value in enumerate(values)})


def _list_in_order(column: pd.Series) -> list[str]:
    """The values that occur: of a categorical in its own order, else sorted."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return [str(value) for value in column.cat.remove_unused_categories().cat.categories]
    return [str(value) for value in sorted(column.dropna().unique())]
