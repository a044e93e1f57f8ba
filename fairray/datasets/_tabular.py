"""From data frames to tensors: standardised numbers, one-hot categories."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from pandas.api.types import is_numeric_dtype

from fairray.data import SPLITS, Column, Dataset, Problem, cell_counts
from fairray.datasets._cells import Value
from fairray.datasets._levels import find_classes, find_groups, note_alike
from fairray.errors import BadInput, unknown

__all__ = ["divide", "encode", "note_few", "tabular"]

FEW = 30  # rows of a subgroup; the 95 % interval of a rate over them is a third wide
NAMED = 5  # subgroups
SMALLEST = 1e-9  # deviation, in the range of all values

Frames = dict[str, pd.DataFrame]


def tabular(
    frames: Frames,
    *,
    name: str,
    where: str,
    target: str,
    protected: str,
    positive: Value | None = None,
    privileged: Value | None = None,
    inputs: Sequence[str] = (),
    include_protected: bool = False,
    problem: Problem = "binary",
    own_unit: bool = False,
    weights: str | None = None,
) -> Dataset:
    """A task from one frame per split.

    Numbers are standardised with the training split's mean and deviation, except columns of zeros and ones; where some
    are missing they are the mean, and one more input says so. Text becomes one-hot by the training split's categories,
    missing text a category.

    positive: the label that is class 1 (default: the last in sorted order).
    privileged: the group that is group 1, all others then being group 0 (default: every value is a group, sorted).
    inputs: columns to use (default: all but target and protected).
    problem: how the target is read. own_unit: whether a number to be regressed is standardised, and its errors are
        measured in its own unit; else it is used as it is.
    weights: the column of the examples' weights; they become ``weight``, whose mean is 1 in training.
    """
    asked = {"target": target, "protected": protected, **{f"inputs: {c}": c for c in inputs}}
    _check_columns(frames["train"], asked, where)
    of_target, of_protected = f"{where} (target: {target})", f"{where} (protected: {protected})"
    columns = list(inputs) or [str(c) for c in frames["train"] if c not in (target, protected, weights)]
    if include_protected and protected not in columns:
        columns.append(protected)
    made = [_fit(column, {part: frames[part][column] for part in SPLITS}) for column in columns]
    y, classes, unit, zero = _labels(frames, target, positive, problem, own_unit, of_target)
    groups = find_groups(_whole(frames, protected), privileged, of_protected)
    weight = _weights(frames, weights) if weights else {}
    train, val, test = (
        {
            "x": torch.from_numpy(encode(frames[part], made)),
            "y": y[part],
            "group": groups.encode(frames[part][protected]),
            "id": torch.tensor(frames[part].index.to_numpy(np.int64)),
            **({"weight": weight[part]} if weights else {}),
        }
        for part in SPLITS
    )
    data = Dataset(
        name, f"{target} ~ {protected}", train, val, test, classes, groups.names, "table", target, protected,
        unit=unit, zero=zero, columns=tuple(made),
    ).checked(where)  # fmt: skip
    return replace(data, notes=(*_note_alike(frames, target if classes else None, protected), *note_few(data)))


def divide(frame: pd.DataFrame, fractions: tuple[float, ...], seed: int) -> list[pd.DataFrame]:
    """The rows in random parts of the given fractions; the last part takes what is left."""
    order = np.random.default_rng(seed).permutation(len(frame))
    ends = np.cumsum([round(f * len(frame)) for f in fractions])
    return [frame.iloc[np.sort(rows)] for rows in np.split(order, ends)]


def _check_columns(frame: pd.DataFrame, asked: dict[str, str], where: str) -> None:
    """Raise BadInput where a column is not there. asked: columns, by the key that names them."""
    for key, column in asked.items():
        if column not in frame:
            raise unknown(f"{where} ({key})", "column", column, map(str, frame.columns))


def _whole(frames: Frames, column: str) -> pd.Series:
    """A column of all splits."""
    return pd.concat([frames[part][column] for part in SPLITS])


def _labels(
    frames: Frames, target: str, positive: Value | None, problem: Problem, own_unit: bool, where: str
) -> tuple[dict[str, torch.Tensor], tuple[str, ...], float, float]:
    """The labels of each split, what their integers stand for, and of those that are numbers unit and zero."""
    whole = _whole(frames, target)
    if problem != "regression":
        classes = find_classes(whole, positive, problem, where)
        return {part: classes.encode(frames[part][target]) for part in SPLITS}, classes.names, 1.0, 0.0
    if not is_numeric_dtype(whole) or whole.isna().any():
        raise BadInput(
            where, "it has missing or non-numeric values", "drop or fill those rows, or choose another target"
        )
    values = {part: frames[part][target].to_numpy(np.float64) for part in SPLITS}
    train = values["train"]
    zero, unit = (float(train.mean()), float(train.std()) or 1.0) if own_unit else (0.0, 1.0)
    return {part: torch.tensor(((of - zero) / unit).astype(np.float32)) for part, of in values.items()}, (), unit, zero


def _weights(frames: Frames, column: str) -> dict[str, torch.Tensor]:
    mean = frames["train"][column].mean()
    return {part: torch.tensor((frames[part][column] / mean).to_numpy(np.float32)) for part in SPLITS}


def encode(frame: pd.DataFrame, columns: Sequence[Column]) -> np.ndarray:
    """Inputs of float32 with axes (example, feature), as the columns were made for training."""
    blocks = (_standardise(frame[c.name], c) if c.kind == "number" else _tell_apart(frame[c.name], c) for c in columns)
    return np.concatenate([block.astype(np.float32) for block in blocks], axis=1)


def _fit(name: str, column: dict[str, pd.Series]) -> Column:
    """What inputs a column makes. column: its values by split, of which those of training say how."""
    missing = sum(int(values.isna().sum()) for values in column.values())
    if not is_numeric_dtype(column["train"]):
        levels = tuple(sorted(_as_text(column["train"]).unique()))
        return Column(name, "category", missing, len(levels), levels=levels)
    values = {part: of.to_numpy(np.float64) for part, of in column.items()}
    seen = values["train"][~np.isnan(values["train"])]
    binary = set(np.unique(seen)) <= {0.0, 1.0}
    mean, deviation = (0.0, 1.0) if binary else _moments(seen, np.concatenate([*values.values()]))
    return Column(name, "number", missing, 1 + (len(seen) < len(values["train"])), mean, deviation)


def _moments(seen: np.ndarray, every: np.ndarray) -> tuple[float, float]:
    """The mean and deviation of training; 1 for one that is rounding beside the range of all rows."""
    deviation = float(seen.std())
    return float(seen.mean()), deviation if deviation > SMALLEST * (np.nanmax(every) - np.nanmin(every)) else 1.0


def _standardise(column: pd.Series, fitted: Column) -> np.ndarray:
    """One input, and where there are gaps in training a second one that is 1 in a gap."""
    values = column.to_numpy(np.float64)
    missing = np.isnan(values)
    scaled = np.where(missing, 0.0, (values - fitted.mean) / fitted.deviation)
    return np.stack([scaled, missing], axis=1) if fitted.width > 1 else scaled[:, None]


def _tell_apart(column: pd.Series, fitted: Column) -> np.ndarray:
    """An input for each value of training, which is 1 where that is; a new value is none of them."""
    codes = pd.Index(fitted.levels).get_indexer(pd.Index(_as_text(column)))
    return codes[:, None] == np.arange(len(fitted.levels))


def _as_text(column: pd.Series) -> pd.Series:
    return column.astype(object).where(column.notna(), "?").astype(str)


def _note_alike(frames: Frames, *columns: str | None) -> Iterator[str]:
    for column in filter(None, columns):
        yield from note_alike(_whole(frames, column), column)


def note_few(data: Dataset) -> Iterator[str]:
    """A note where a subgroup is so small that its rates say little."""
    if not data.classes:
        return
    few = []
    for part in SPLITS:
        counts = cell_counts(data.split(part), len(data.classes), len(data.groups))
        few += [
            (int(counts[y, group]), f"{part} has {counts[y, group]} of (label {label}, group {name})")
            for y, label in enumerate(data.classes)
            for group, name in enumerate(data.groups)
            if counts[y, group] < FEW
        ]
    if few:
        named = [text for _, text in sorted(few)[:NAMED]]
        more = f" and {len(few) - NAMED} more" if len(few) > NAMED else ""
        yield f"few rows, over which rates say little: {'; '.join(named)}{more}"
