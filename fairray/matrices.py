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

    tasks: how many classes each has, by name. accuracy: fractions with axes (seed, preserved task, probed task).
    seeds: which they are.
    """

    family: str
    arm: str
    tasks: dict[str, int]
    accuracy: np.ndarray
    seeds: list[int]

    @cached_property
    def scores(self) -> pd.Series:
        """The trust score of each seed."""
        classes = [*self.tasks.values()]
        return pd.Series([trust_score(one, classes) for one in self.accuracy], index=self.seeds)

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
        means = part.groupby(["seed", "preserved", "view"])["value"].mean()
        seeds = sorted(part["seed"].unique())
        cells = pd.MultiIndex.from_product([seeds, tasks, tasks])
        if cells.isin(means.index).all():
            accuracy = means[cells].to_numpy().reshape(len(seeds), len(tasks), len(tasks))
            yield Matrix(str(family), str(arm), tasks, accuracy, seeds)


def _count_classes(results: Results, family: str) -> dict[str, int]:
    """The tasks of a family in the order in which the study names them, and how many classes each has."""
    data = [dataset(member) for task, member in results.study.tasks.items() if results.study.families[task] == family]
    order = dict.fromkeys([one.target for one in data] + [name for one in data for name in one.tasks])
    return {name: len(data[0].tasks[name].classes) for name in order}
