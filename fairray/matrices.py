"""What models that were trained for each task of a family tell of each task (PreserveTask)."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from fairray.results import Results
from fairray.statistics.intervals import Interval, mean_interval
from fairray.statistics.trust import trust_score
from fairray.trial import dataset

__all__ = ["LACKING", "Matrix", "find_matrices"]

LACKING = "A score needs a model for every task of the data set."


@dataclass(frozen=True)
class Matrix:
    """What models that were trained for each task tell of each task: one method on one family of tasks.

    tasks: how many classes each has, by name. seeds: which they are. probes: a row for each, of what stage it is (uid),
    which task it tells (probed), how often it is right (value), and of which cell it is, of all of `accuracy` in order.
    """

    family: str
    arm: str
    tasks: dict[str, int]
    seeds: list[int]
    probes: pd.DataFrame

    @cached_property
    def accuracy(self) -> np.ndarray:
        """Fractions with axes (seed, preserved task, probed task)."""
        return self._average(self.probes["value"].to_numpy())

    @cached_property
    def scores(self) -> pd.Series:
        """The trust score of each seed."""
        return pd.Series(self.score_by(self.probes["value"].to_numpy()), index=self.seeds)

    def score_by(self, right: np.ndarray) -> np.ndarray:
        """The trust score of each seed, where each of the probes is right so often."""
        classes = [*self.tasks.values()]
        return np.array([trust_score(one, classes) for one in self._average(right)])

    def _average(self, right: np.ndarray) -> np.ndarray:
        cell, shape = self.probes["cell"].to_numpy(), (len(self.seeds), len(self.tasks), len(self.tasks))
        return (np.bincount(cell, right) / np.bincount(cell)).reshape(shape)

    @cached_property
    def score(self) -> Interval:
        return mean_interval(self.scores)


def find_matrices(results: Results) -> Iterator[Matrix]:
    """The matrix of every method on every family of which all rows are there.

    Where a task has a protected attribute, its models speak for that column and the diagonal alone, and the diagonal
    is the mean of all of a row's models.
    """
    rows = results.views[results.views["metric"] == "probe_accuracy"].copy()
    datasets = results.study.tasks
    rows["family"] = rows["task"].map(results.study.families)
    rows["preserved"] = rows["task"].map({task: dataset(member).target for task, member in datasets.items()})
    suppressed = rows["task"].map({task: getattr(member, "protected", None) for task, member in datasets.items()})
    rows = rows[suppressed.isna() | (rows["view"] == suppressed) | (rows["view"] == rows["preserved"])]
    for (family, arm), part in rows.groupby(["family", "arm"], sort=False):
        tasks = _count_classes(results, str(family))
        seeds = sorted(part["seed"].unique())
        cells = pd.MultiIndex.from_product([seeds, tasks, tasks])
        probes = part.assign(cell=cells.get_indexer(pd.MultiIndex.from_frame(part[["seed", "preserved", "view"]])))
        if len(cells) == probes["cell"].nunique():
            yield Matrix(str(family), str(arm), tasks, seeds, probes[["uid", "probed", "value", "cell"]])


def _count_classes(results: Results, family: str) -> dict[str, int]:
    """The tasks of a family in the order in which the study names them, and how many classes each has."""
    data = [dataset(member) for task, member in results.study.tasks.items() if results.study.families[task] == family]
    order = dict.fromkeys([one.target for one in data] + [name for one in data for name in one.tasks])
    return {name: len(data[0].tasks[name].classes) for name in order}
