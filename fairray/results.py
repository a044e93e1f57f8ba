"""What a study found: the records of its trials, the points that validation data choose, the printed values."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from fairray.selection import best_trials, final
from fairray.statistics.intervals import Interval, mean_interval
from fairray.study import Study
from fairray.trial import Trial

__all__ = ["Results"]


@dataclass(frozen=True)
class Results:
    """A study, the tidy records of its trials, and what they cost.

    made: by uid, how each stored stage came to be (its spec's "made").
    """

    study: Study
    records: pd.DataFrame
    trials: list[Trial]
    made: Mapping[str, Mapping[str, object]]

    @cached_property
    def chosen(self) -> dict[tuple[str, str], Trial]:
        """Of each (task, arm) the trial that validation data choose."""
        trials = {(trial.task, trial.arm, trial.uid): trial for trial in self.trials}
        best = best_trials(self.records, self.study.objectives)
        return {(task, arm): trials[task, arm, uid] for (task, arm), uid in best.items()}

    @cached_property
    def test(self) -> pd.DataFrame:
        """Test results in percent of every trial: task, arm, trial, searched values, seed, and a column per metric."""
        rows = final(self.records).query("split == 'test'")
        rows = rows.assign(value=100 * rows["value"])
        keys = ["task", "arm", "trial", *self.searched, "seed"]
        return rows.set_index([*keys, "metric"])["value"].unstack("metric").reset_index()

    @cached_property
    def best(self) -> pd.DataFrame:
        """The rows of `test` that belong to chosen trials."""
        pairs = {(task, arm, trial.uid) for (task, arm), trial in self.chosen.items()}
        keep = [(row.task, row.arm, row.trial) in pairs for row in self.test.itertuples()]
        return self.test[keep]

    def of(self, task: str, arm: str, rows: pd.DataFrame | None = None) -> pd.DataFrame:
        """The rows of `test`, or of the given ones, that belong to a method on a task."""
        rows = self.test if rows is None else rows
        return rows[(rows["task"] == task) & (rows["arm"] == arm)]

    @property
    def searched(self) -> list[str]:
        """The hyperparameters that the study searches."""
        return sorted({key for trial in self.trials for key in trial.point})

    def values(self, task: str, arm: str, metric: str) -> pd.Series:
        """The chosen trial's test values in percent, by seed."""
        return self.of(task, arm, self.best).set_index("seed")[metric]

    def interval(self, task: str, arm: str, metric: str) -> Interval:
        return mean_interval(self.values(task, arm, metric))

    @property
    def summary(self) -> dict[str, dict[str, float]]:
        """Of each arm, the chosen trials' mean test values of the objectives, as fractions, by task."""
        found: dict[str, dict[str, float]] = {}
        for task, arm in self.chosen:
            values = {f"{task}/test_{m}": self.interval(task, arm, m).mean / 100 for m in self.study.objectives}
            found[arm] = found.get(arm, {}) | values
        return found

    @cached_property
    def printed(self) -> pd.DataFrame:
        """The paper's numbers in percent, with columns task, arm, metric, value; empty where it prints none."""
        path = self.study.printed
        if path is None:
            return pd.DataFrame(columns=["task", "arm", "metric", "value"])
        return pd.read_csv(path, comment="#")

    def print_of(self, task: str, arm: str, metric: str) -> float | None:
        """What the paper prints for a method; a method's variants are compared with it too."""
        wanted = {"task": task, "arm": self.chosen[task, arm].method["name"], "metric": metric}
        rows = self.printed[(self.printed[list(wanted)] == pd.Series(wanted)).all(axis=1)]
        return float(rows["value"].iloc[0]) if len(rows) else None
