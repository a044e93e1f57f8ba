"""What a study found: the records of its trials, the points that validation data choose, the printed values."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from fairray.data import Tensors
from fairray.measures import find
from fairray.members import label
from fairray.records import headline
from fairray.selection import best_trials
from fairray.sheets import write_csv
from fairray.soundness import Doubt, Doubts, describe_doubts, find_doubts
from fairray.stages import Artifact
from fairray.statistics.bootstrap import Drawn
from fairray.statistics.intervals import Interval, mean_interval
from fairray.study import Study
from fairray.trial import Trial, dataset

__all__ = ["Results", "change_of", "interval_of"]


def interval_of(metric: str, values: Iterable[float]) -> Interval:
    """The mean of measured values, and an interval within what the metric can be."""
    return mean_interval(values, bounds=find(metric).range)


def change_of(metric: str, differences: Iterable[float]) -> Interval:
    """The mean of differences of measured values, and an interval within what these can be."""
    low, high = find(metric).range
    return mean_interval(differences).cut(low - high, high - low)


@dataclass(frozen=True)
class Results:
    """A study, the tidy records of its trials, and what they cost.

    Values are as measured, as in the records. Only the paper's, `printed`, are in the units of print, and stay so: the
    report turns ours into those where it prints them (`measures.Unit`).
    made: by uid, how each stored stage came to be (its spec's "made"). read: gives what is stored, by uid.
    runs: by task, arm and trial's uid, the run in MLflow that shows it, where that is known: its URL, or its id.
    missing: the trials that were asked for and are not stored. stopped: those that a search has stopped early, and that
    are no results. last_run: what the run that found them took.
    replay: tells of results what other searches of their grids would have taken (launch/replay.py).
    """

    study: Study
    records: pd.DataFrame
    trials: list[Trial]
    made: Mapping[str, Mapping[str, object]]
    read: Callable[[str], Artifact] = lambda uid: Artifact()
    runs: Mapping[tuple[str, str, str], str] = field(default_factory=dict)
    missing: Sequence[Trial] = ()
    stopped: Sequence[Trial] = ()
    last_run: str = ""
    replay: "Callable[[Results], pd.DataFrame] | None" = None

    @cached_property
    def chosen(self) -> dict[tuple[str, str], Trial]:
        """The trial that is chosen, by (task, arm): on validation data, unless the study asks for an oracle.

        Where the study confirms a search with fresh seeds, it is the chosen point with those.
        """
        fresh = {(trial.task, trial.arm): trial for trial in self.confirming}
        return {pair: fresh.get(pair, trial) for pair, trial in self.choices.items()}

    def count_missing(self, task: str, arm: str) -> tuple[int, int]:
        """How many trials of a method on a task are not stored, and of how many that were asked for."""
        missing, stored = (
            sum((trial.task, trial.arm) == (task, arm) for trial in trials) for trials in (self.missing, self.trials)
        )
        return missing, missing + stored

    @cached_property
    def choices(self) -> dict[tuple[str, str], Trial]:
        """The chosen trial, with the seeds that it was chosen by."""
        trials = {trial.key: trial for trial in self.trials}
        best = best_trials(self.tried, self.study.objectives, self.study.selection, self.doubts)
        return {(task, arm): trials[task, arm, uid] for (task, arm), uid in best.items()}

    @cached_property
    def confirming(self) -> list[Trial]:
        """The trials that repeat the chosen point of a search with fresh seeds."""
        fresh = self.study.reported if self.study.confirm else ()
        return [trial for trial in self.trials if trial.point and trial.seeds == fresh]

    def budget(self, task: str, arm: str) -> int:
        """How many points a method was tried at on a task, of which one is chosen; with those stopped early."""
        tried = [*self.trials, *self.stopped]
        asked, again = ([(t.task, t.arm) for t in trials] for trials in (tried, self.confirming))
        return asked.count((task, arm)) - again.count((task, arm))

    @cached_property
    def tried(self) -> pd.DataFrame:
        """The records of all that can be chosen."""
        again = [trial.key for trial in self.confirming]
        # a method that is not searched may be the very point that another's search chose
        return self.records[~pd.MultiIndex.from_frame(self.records[["task", "arm", "trial"]]).isin(again)]

    def measure_optimism(self, task: str, arm: str, metric: str) -> tuple[float, float] | None:
        """The means on the data of the choice, of the seeds that a point was chosen by and of fresh ones.

        None where the study confirms no choice of this method.
        """
        fresh = self.chosen[task, arm]
        if fresh is self.choices[task, arm]:
            return None
        rows = headline(self.records).query("split == @self.study.selection.split and metric == @metric")
        first, again = (rows[rows["trial"] == trial.uid]["value"] for trial in (self.choices[task, arm], fresh))
        return (float(first.mean()), float(again.mean())) if len(first) and len(again) else None

    @cached_property
    def doubts(self) -> Doubts:
        """Why what a trial measured is no result, of those of which there is something to say."""
        return find_doubts(self.records, self.study.objectives)

    def doubt(self, task: str, arm: str) -> str:
        """Why a chosen trial is no result, in words; nothing where it is one."""
        return describe_doubts(self._doubts(self.chosen[task, arm]))

    def doubtful(self, task: str, *arms: str) -> list[str]:
        """Those of some methods that are no result on a task, so that nothing is to be called better than another."""
        return [arm for arm in arms if (task, arm) in self.chosen and self.doubt(task, arm)]

    @property
    def doubted(self) -> list[tuple[Trial, str]]:
        """What a reader is told of doubtful trials: of the chosen ones, and of those with a seed that failed."""
        chosen = {id(trial) for trial in self.chosen.values()}
        found = [(trial, self._doubts(trial)) for trial in self.trials]
        told = [(t, doubts) for t, doubts in found if id(t) in chosen or any(d.kind == "failed" for d in doubts)]
        return [(trial, describe_doubts(doubts)) for trial, doubts in told if doubts]

    def _doubts(self, trial: Trial) -> tuple[Doubt, ...]:
        return self.doubts.get(trial.key, ())

    @cached_property
    def test(self) -> pd.DataFrame:
        """Test results of every trial: task, arm, trial, searched values, seed, and a column per metric."""
        return self._tabulate(self.tried)

    @cached_property
    def chosen_test(self) -> pd.DataFrame:
        """Likewise of the chosen trials."""
        return self._tabulate(self._select_chosen(self.records))

    def _tabulate(self, records: pd.DataFrame) -> pd.DataFrame:
        rows = headline(records).query("split == 'test'")
        keys = ["task", "arm", "trial", *self.searched, "seed"]
        return rows.set_index([*keys, "metric"])["value"].unstack("metric").reset_index()

    @cached_property
    def views(self) -> pd.DataFrame:
        """Test results of chosen trials under triggers, after defences and of probes, by what they are of, the view."""
        rows = self._select_chosen(self.records.query("split == 'test' and sample.isna() and epoch.isna()"))
        special = rows[rows[["trigger", "probed", "defence"]].notna().any(axis=1)]
        clean = headline(rows)
        clean = clean[clean["uid"].isin(special.loc[special["trigger"].notna(), "uid"])]
        clean = clean[clean["metric"].isin(special["metric"])].assign(trigger="clean")
        both = pd.concat([clean, special])
        return both.assign(view=[self._name_view(row) for row in both.to_dict("records")])

    @cached_property
    def per_image(self) -> pd.DataFrame:
        """Test results of chosen trials, a row for each image and measure, where a method measures single images."""
        rows = self.records.query("split == 'test' and sample.notna()")
        return self._select_chosen(rows).assign(view=rows["defence"])

    def tensors(self, task: str, arm: str) -> Tensors:
        """What the chosen trial's last stage leaves besides records, of its first seed."""
        return self.read(self.chosen[task, arm].replicas[0].uid).tensors

    @cached_property
    def drawn(self) -> dict[tuple[str, str, str, int], Drawn | None]:
        """What `resampling` has drawn, by task, arm, metric and how often."""
        return {}

    @cached_property
    def by_group(self) -> pd.DataFrame:
        """Test results of chosen trials by group."""
        rows = self.records.query("split == 'test' and group.notna() and trigger.isna() and model.isna()")
        return self._select_chosen(rows)

    def of(self, task: str, arm: str, rows: pd.DataFrame | None = None) -> pd.DataFrame:
        """The rows of `test`, or of the given ones, that belong to a method on a task."""
        rows = self.test if rows is None else rows
        return rows[(rows["task"] == task) & (rows["arm"] == arm)]

    def shown(self, metrics: Sequence[str]) -> list[str]:
        """The metrics that a section asks for, and the objectives where a task has none of them, or there are none."""
        without = [pair for pair in self.chosen if not any(self.has(*pair, metric) for metric in metrics)]
        return list(dict.fromkeys([*metrics, *(self.study.objectives if without or not metrics else ())]))

    @cached_property
    def replays(self) -> pd.DataFrame:
        """A row for each search that was played again on a grid, and each of its seeds; see launch/replay.py."""
        return pd.DataFrame() if self.replay is None else self.replay(self)

    @property
    def searched(self) -> list[str]:
        """The hyperparameters that the study searches."""
        return sorted({key for trial in self.trials for key in trial.point})

    def has(self, task: str, arm: str, metric: str) -> bool:
        """Whether a metric was measured for a method on a task: not every metric suits every task."""
        return metric in self.test and bool(self.of(task, arm, self.chosen_test)[metric].notna().any())

    def values(self, task: str, arm: str, metric: str) -> pd.Series:
        """The chosen trial's test values, by seed; where seeds share splits of the data, their means by split."""
        values = self.of(task, arm, self.chosen_test).set_index("seed")[metric]
        splits = self.study.splits
        return values if splits == 1 else values.groupby(values.index % splits).mean()

    def paired(self, metric: str) -> pd.DataFrame:
        """The values of `values` of the methods that have a metric on every task that has it at all, and are results
        there: a row for each task and seed, a column for each method; seeds of the same row are to be compared."""
        tasks = list(dict.fromkeys(task for task, arm in self.chosen if self.has(task, arm, metric)))
        sound = [pair for pair in self.chosen if self.has(*pair, metric) and not self.doubt(*pair)]
        arms = dict.fromkeys(arm for _, arm in sound)
        whole = [arm for arm in arms if {(task, arm) for task in tasks} <= {*sound}]
        by_arm = {arm: {task: self.values(task, arm, metric) for task in tasks} for arm in whole if tasks}
        columns = {arm: pd.concat(values, names=["task", self.unit]) for arm, values in by_arm.items()}
        return pd.DataFrame(columns).reindex(tasks, level="task") if columns else pd.DataFrame()

    def arrays(self, metric: str) -> dict[str, np.ndarray]:
        """Of each method of `paired` its values, with axes (seed, task), without seeds that lack one."""
        paired = self.paired(metric)
        tasks = list(dict.fromkeys(paired.index.get_level_values("task"))) if len(paired) else []
        tables = {arm: paired[arm].unstack("task")[tasks].dropna() for arm in paired}
        return {str(arm): table.to_numpy() for arm, table in tables.items() if len(table)}

    def interval(self, task: str, arm: str, metric: str) -> Interval:
        """Over the seeds that have a number; a failed one is told by `doubt`."""
        return interval_of(metric, self.values(task, arm, metric).dropna())

    @property
    def files(self) -> dict[str, bytes]:
        """By name, the files that hold the records; those of single samples, of which there are many, on their own."""
        single = self.records["sample"].notna()
        whole = write_csv(self.records[~single].drop(columns="sample"))
        samples = {"samples.parquet": self.records[single].to_parquet(index=False)} if single.any() else {}
        return {"records.csv": whole, **samples}

    @property
    def unit(self) -> str:
        """What values are drawn anew for, and intervals are therefore over, in a word."""
        return "seed" if self.study.splits == 1 else "split"

    @property
    def covers(self) -> str:
        """What intervals cover, in words."""
        if self.study.splits == 1:
            return "over seeds of the training, on one split of the data"
        return f"over {self.study.splits} splits of the data and the seeds on each"

    @cached_property
    def printed(self) -> pd.DataFrame:
        """The paper's numbers as it prints them, with columns task, arm, metric, value; empty where it prints none."""
        path = self.study.printed
        if path is None:
            return pd.DataFrame(columns=["task", "arm", "metric", "value"])
        return pd.read_csv(path, comment="#")

    def find_printed(self, task: str, arm: str, metric: str, column: str = "value", **more: str) -> float | None:
        """What the paper prints for a method on a task, or on the one that ours stands for.

        An arm that it does not name is compared with the method whose variant it is. column: the value, or its
        deviation over the paper's runs. more: what further columns say.
        """
        of = self.study.printed_tasks.get(task, task)
        names = (arm, label(self.chosen[task, arm].method))
        found = (self.look_up_printed(column, task=of, arm=name, metric=metric, **more) for name in names)
        return next((value for value in found if value is not None), None)

    def look_up_printed(self, column: str = "value", **wanted: str) -> float | None:
        """The printed number of which these columns say so."""
        if not {column, *wanted} <= set(self.printed):
            return None
        found = self.printed.loc[(self.printed[list(wanted)] == pd.Series(wanted)).all(axis=1), column].dropna()
        return float(found.iloc[0]) if len(found) else None

    def _name_view(self, row: Mapping[Any, Any]) -> str:
        """What a special row is of, in words."""
        named = [row[column] for column in ("probed", "defence") if isinstance(row[column], str)]
        if named:
            return named[0]
        who, trigger = "all", row["trigger"]
        if isinstance(row["group"], str):
            who = f"group {dataset(self.study.tasks[row['task']]).groups.index(row['group'])}"
        return f"{who}, {trigger}" if trigger == "clean" else f"{who}, trigger {trigger}"

    def _select_chosen(self, rows: pd.DataFrame) -> pd.DataFrame:
        pairs = {(task, arm, trial.uid) for (task, arm), trial in self.chosen.items()}
        return rows.loc[[key in pairs for key in zip(rows["task"], rows["arm"], rows["trial"], strict=True)]]
