"""From data frames to tensors: standardised numbers, one-hot categories."""

import numpy as np
import pandas as pd
import torch
from pandas.api.types import is_numeric_dtype

from fairray.data import SPLITS, Dataset, Problem, Tensors
from fairray.errors import BadInput, unknown


def tabular(
    frames: dict[str, pd.DataFrame],
    *,
    name: str,
    where: str,
    target: str,
    protected: str,
    positive: object = None,
    privileged: object = None,
    inputs: tuple[str, ...] = (),
    include_protected: bool = False,
    problem: Problem = "binary",
) -> Dataset:
    """A task from one frame per split.

    Numbers are standardised with the training split's mean and deviation, except columns of zeros
    and ones; text becomes one-hot by the training split's categories, missing text a category.

    positive: the label that is class 1 (default: the last in sorted order).
    privileged: the group that is group 1, all others then being group 0 (default: every value is a group, sorted).
    inputs: columns to use (default: all but target and protected).
    problem: how the target is read; a number to be regressed is used as it is.
    """
    asked = {"target": target, "protected": protected, **{f"inputs: {c}": c for c in inputs}}
    _check_columns(frames["train"], asked, where)
    of_target, of_protected = f"{where} (target: {target})", f"{where} (protected: {protected})"
    table = frames["train"]
    classes = () if problem == "regression" else _classes(table[target], positive, problem, of_target)
    groups = _groups(table[protected], privileged, of_protected)
    columns = list(inputs) or [str(c) for c in table if c not in (target, protected)]
    if include_protected and protected not in columns:
        columns.append(protected)
    x = _encode(frames, columns, where)

    def split(part: str) -> Tensors:
        frame = frames[part]
        return {
            "x": torch.from_numpy(x[part]),
            "y": _labels(frame[target], classes, of_target),
            "group": _index(frame[protected], groups, of_protected),
            "id": torch.tensor(frame.index.to_numpy(np.int64)),
        }

    train, val, test = map(split, SPLITS)
    task = f"{target} ~ {protected}"
    return Dataset(name, task, train, val, test, classes, groups, "table", target, protected).checked(where)


def divide(frame: pd.DataFrame, fractions: tuple[float, ...], seed: int) -> list[pd.DataFrame]:
    """The rows in random parts of the given fractions; the last part takes what is left."""
    order = np.random.default_rng(seed).permutation(len(frame))
    ends = np.cumsum([round(f * len(frame)) for f in fractions])
    return [frame.iloc[np.sort(rows)] for rows in np.split(order, ends)]


REST = "other"


def _check_columns(frame: pd.DataFrame, asked: dict[str, str], where: str) -> None:
    """Raise BadInput where a column is not there. asked: columns, by the key that names them."""
    for key, column in asked.items():
        if column not in frame:
            raise unknown(f"{where} ({key})", "column", column, map(str, frame.columns))


def _groups(column: pd.Series, privileged: object, where: str) -> tuple[str, ...]:
    groups = _levels(column, privileged, where)
    if len(groups) < 2:
        problem = f"it has the one value {groups[0]!r}, so there are no groups to compare"
        raise BadInput(where, problem, "choose a column with at least two values")
    return groups


def _classes(column: pd.Series, positive: object, problem: Problem, where: str) -> tuple[str, ...]:
    classes = _levels(column, positive, where)
    if problem == "binary" and len(classes) != 2:
        raise BadInput(
            where,
            f"it has {len(classes)} values, two were expected",
            "choose another target, say which value counts as 1 with positive: VALUE, or set problem: multiclass",
        )
    return classes


def _labels(column: pd.Series, classes: tuple[str, ...], where: str) -> torch.Tensor:
    if classes:
        return _index(column, classes, where)
    if not is_numeric_dtype(column) or column.isna().any():
        raise BadInput(
            where, "it has missing or non-numeric values", "drop or fill those rows, or choose another target"
        )
    return torch.tensor(column.to_numpy(np.float32))


def _levels(column: pd.Series, chosen: object, where: str) -> tuple[str, ...]:
    if column.isna().any():
        raise BadInput(where, f"{int(column.isna().sum())} values are missing", "drop or fill those rows")
    levels = tuple(map(str, sorted(column.unique())))
    if chosen is None:
        return levels
    if str(chosen) not in levels:
        raise unknown(where, "value", str(chosen), levels)
    rest = [level for level in levels if level != str(chosen)]
    return (rest[0] if len(rest) == 1 else REST, str(chosen))


def _index(column: pd.Series, levels: tuple[str, ...], where: str) -> torch.Tensor:
    place = {level: i for i, level in enumerate(levels)}
    index = column.astype(str).map(place)
    if REST in place:
        index = index.fillna(place[REST])
    elif index.isna().any():
        raise unknown(where, "value in the training split", column[index.isna()].iloc[0], levels)
    return torch.tensor(index.to_numpy(np.int64))


def _encode(frames: dict[str, pd.DataFrame], columns: list[str], where: str) -> dict[str, np.ndarray]:
    blocks: dict[str, list[np.ndarray]] = {part: [] for part in SPLITS}
    for column in columns:
        encode = _numbers if is_numeric_dtype(frames["train"][column]) else _categories
        for part, block in encode({p: frames[p][column] for p in SPLITS}, f"{where} ({column})").items():
            blocks[part].append(block)
    return {part: np.concatenate(parts, axis=1).astype(np.float32) for part, parts in blocks.items()}


def _numbers(columns: dict[str, pd.Series], where: str) -> dict[str, np.ndarray]:
    for part, column in columns.items():
        if not is_numeric_dtype(column) or column.isna().any():
            raise BadInput(where, f"the {part} split has missing or non-numeric values", "drop or fill those rows")
    train = columns["train"].to_numpy(np.float64)
    binary = set(np.unique(train)) <= {0.0, 1.0}
    mean, deviation = (0.0, 1.0) if binary else (train.mean(), train.std() or 1.0)
    return {part: ((column.to_numpy(np.float64) - mean) / deviation)[:, None] for part, column in columns.items()}


def _categories(columns: dict[str, pd.Series], where: str) -> dict[str, np.ndarray]:
    text = {part: column.astype(object).where(column.notna(), "?").astype(str) for part, column in columns.items()}
    levels = np.array(sorted(text["train"].unique()), dtype=object)
    return {part: column.to_numpy(object)[:, None] == levels for part, column in text.items()}
