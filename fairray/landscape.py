"""What a grid measured at each of its points: what any search of them would have been told."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from fairray.records import headline
from fairray.results import Results
from fairray.selection import eligible
from fairray.soundness import gravity
from fairray.space import Space, is_grid, points
from fairray.statistics.comparison import tell_apart
from fairray.study import Arm

__all__ = ["Landscape", "find_landscapes"]


class Landscape(NamedTuple):
    """A grid of which all points are stored, by place: the points, their objectives' means on the data of the choice,
    and how grave it is what makes them no result; which is chosen, and those that are not told from it, with itself."""

    task: str
    arm: str
    space: Space
    points: Sequence[Mapping[str, Any]]
    means: Sequence[Mapping[str, float]]
    grave: Sequence[int]
    chosen: int
    alike: frozenset[int]


def find_landscapes(results: Results) -> Iterator[Landscape]:
    """Of each method on each task that has a grid of more than one point, and all of it stored."""
    for arm in results.study.arms():
        stopped = any((trial.task, trial.arm) == (arm.task, arm.name) for trial in results.stopped)
        whole = not stopped and results.budget(arm.task, arm.name) == len(points(arm.space)) > 1
        if arm.space and is_grid(arm.space) and whole:
            yield _survey(results, arm)


def _survey(results: Results, arm: Arm) -> Landscape:
    rows = headline(results.of(arm.task, arm.name, results.tried)).query("split == @results.study.selection.split")
    names = [measure.name for measure in results.study.objectives_of(arm.task)]
    tables = [rows[rows["metric"] == name].pivot(index="trial", columns="seed", values="value") for name in names]
    uids = [arm.at(point).uid for point in points(arm.space)]
    values = np.stack([table.reindex(uids).to_numpy() for table in tables])  # axes (objective, point, seed)
    grave = [gravity(results.doubts.get((arm.task, arm.name, uid), ())) for uid in uids]
    chosen = uids.index(results.choices[arm.task, arm.name].uid)
    sound = pd.Index(uids).isin(eligible(rows, results.doubts)["trial"]) & np.isfinite(values).all((0, 2))
    return Landscape(
        arm.task,
        arm.name,
        arm.space,
        points(arm.space),
        [dict(zip(names, map(float, means), strict=True)) for means in values.mean(2).T],
        grave,
        chosen,
        _find_alike(values, sound, chosen),
    )


def _find_alike(values: np.ndarray, sound: np.ndarray, chosen: int) -> frozenset[int]:
    """The places of the sound points that no objective tells from the chosen one, and its own."""
    (places,) = np.nonzero(sound)
    if chosen not in places:
        return frozenset({chosen})
    apart = tell_apart(values[:, places], places.tolist().index(chosen))
    return frozenset(places[~apart].tolist())
