"""What other tools are shown of a trial: what it was run with, its curves and its numbers, by name."""

import math
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import pandas as pd

from fairray.records import DETAILS
from fairray.results import interval_of
from fairray.trees import flatten
from fairray.trial import Trial

__all__ = ["Point", "clean", "list_curves", "list_finals", "list_parameters"]


class Point(NamedTuple):
    """A number of a name; step: the epoch of a curve."""

    name: str
    value: float
    step: int = 0


def list_parameters(trial: Trial) -> dict[str, Any]:
    """Everything that a trial was run with, by dotted names."""
    parts = ("task", "dataset", "method", "network", "training", "numerics")
    plain = trial.plain
    return dict(flatten({part: plain[part] for part in parts}))


def list_curves(records: pd.DataFrame) -> Iterator[Point]:
    """Means over seeds at each epoch, for every stage that has epochs."""
    curves = records[records["epoch"].notna() & (records["metric"] != "kept_epoch")]
    if not len(curves):
        return
    means = curves.groupby(["stage", "split", "metric", "epoch"])["value"].mean().reset_index()
    for row in means.to_dict("records"):
        yield Point(f"{row['stage']}/{row['split']}_{row['metric']}", float(row["value"]), int(row["epoch"]))


def list_finals(records: pd.DataFrame) -> Iterator[Point]:
    """Each measure by split and by what it is of: the mean and every seed's value; of results, 95 % interval and n."""
    last = records[records["epoch"].isna() & records["sample"].isna()]
    of = [name for name in DETAILS if name not in ("epoch", "sample")]
    found: dict[tuple[Any, ...], list[tuple[int, float]]] = defaultdict(list)
    # pandas takes twice as long as a loop for the few hundred rows of a trial, and every trial of a study is shown
    for seed, value, *place in zip(*(last[name].tolist() for name in ("seed", "value", "split", "metric", *of))):
        found[tuple(part if isinstance(part, str) else None for part in place)].append((seed, value))
    for (split, metric, *places), by_seed in found.items():
        labels = {name: clean(place) for name, place in zip(of, places, strict=True) if place is not None}
        is_result, model = not labels, labels.pop("model", "")
        named = (f"{name} {place}" for name, place in labels.items())
        name = "/".join(filter(None, [model, f"{split}_{metric}", *named]))
        mean, *interval = interval_of(metric, [value for _, value in by_seed if not math.isnan(value)])
        parts = dict(zip(("low", "high", "n"), interval, strict=True)) if is_result else {}
        parts |= {f"seed{seed}": value for seed, value in by_seed}
        yield Point(name, mean)
        yield from (Point(f"{name}/{part}", float(value)) for part, value in parts.items())


def clean(label: Any) -> str:
    """What trackers take for a name, or for a part of one between slashes."""
    return re.sub(r"[^A-Za-z0-9_\-. :]", "_", str(label))
