"""Which point of a search is reported: chosen on validation data, and on test only where an oracle is asked for."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from fairray.measures import find
from fairray.records import headline
from fairray.rules import RULES, Selection
from fairray.soundness import Doubts, Key, find_doubts, gravity

__all__ = ["best_trials", "eligible", "judge_together", "list_val_means", "val_means"]

TRIAL = ["task", "arm", "trial"]
BY_SUM = Selection()


def val_means(records: pd.DataFrame) -> pd.Series:
    """Each measure's mean over seeds on validation data, of one trial's records; nan where a seed has no number."""
    return _average_val(records, ["metric"])


def list_val_means(records: pd.DataFrame) -> dict[Key, dict[str, float]]:
    """Those of each trial that has any, where the records are of many: one look at all is as quick as one at each."""
    means = _average_val(records, [*TRIAL, "metric"])
    found: dict[Key, dict[str, float]] = defaultdict(dict)
    for (task, arm, trial, metric), mean in zip(means.index, means, strict=True):
        found[task, arm, trial][metric] = mean
    return found


def judge_together(
    tables: Sequence[pd.DataFrame], objectives: Sequence[str]
) -> tuple[Mapping[Key, Mapping[str, float]], Doubts]:
    """What validation data say of trials, and why some of them are no results. tables: the records of each."""
    if not tables:
        return {}, {}
    records = pd.concat(tables, ignore_index=True)
    return list_val_means(records), find_doubts(records, objectives)


def _average_val(records: pd.DataFrame, by: list[str]) -> pd.Series:
    return headline(records[records["split"] == "val"]).groupby(by)["value"].mean(skipna=False)


def best_trials(
    records: pd.DataFrame,
    objectives: Sequence[str],
    selection: Selection = BY_SUM,
    doubts: Doubts | None = None,
) -> dict[tuple[str, str], str]:
    """The chosen trial's uid for each (task, arm), by its objectives' means over seeds, of those that are `eligible`.

    By default that is the largest sum of those on validation data, those of which low values are better counted
    negative: with EAcc and Odds, a point of bias is worth a point of accuracy. Ties go to the first, and so does a
    search without such data, which is one of a single point (see `Study.check`). A point of which a seed lacks
    an objective is chosen only where all do. doubts: those of these records, where they are known.
    """
    trials = eligible(records, find_doubts(records, objectives) if doubts is None else doubts)
    rows = headline(records).query("split == @selection.split and metric in @objectives")
    means = rows.groupby([*TRIAL, "metric"], sort=False)["value"].mean(skipna=False).unstack("metric")
    measured = [metric for metric in objectives if metric in means]
    found = {}
    for pair, own in trials.groupby(["task", "arm"], sort=False):
        points = means.reindex(pd.MultiIndex.from_frame(own))[measured].dropna(axis=1, how="all")
        found[pair] = own["trial"].iloc[_choose(points, selection)]
    return found  # type: ignore[return-value]


def eligible(records: pd.DataFrame, doubts: Doubts) -> pd.DataFrame:
    """The trials that can be chosen, with columns task, arm and trial: of each (task, arm) the least doubtful ones."""
    trials = headline(records)[TRIAL].drop_duplicates(ignore_index=True)
    grave = pd.Series([gravity(doubts.get(key, ())) for key in trials.itertuples(index=False, name=None)], dtype=int)
    least = grave.groupby([trials["task"], trials["arm"]]).transform("min")
    return trials[grave == least].reset_index(drop=True)


def _choose(points: pd.DataFrame, selection: Selection) -> int:
    """The place of the best point. points: a row each, a column for each objective."""
    whole = np.flatnonzero(points.notna().all(axis=1))
    if not points.shape[1] or not len(whole):
        return 0
    measures = [find(str(metric)) for metric in points]
    high = points.to_numpy()[whole] * [measure.sign for measure in measures]
    scores = RULES[selection.rule](high, selection.within / measures[0].unit.factor)
    return int(whole[scores.argmax()])
