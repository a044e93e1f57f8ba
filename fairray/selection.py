"""Which point of a search is reported: chosen on validation data, and on test only where an oracle is asked for."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from fairray.measures import find
from fairray.records import headline
from fairray.rules import RULES, Selection

__all__ = ["best_trials", "val_means"]

TRIAL = ["task", "arm", "trial"]
BY_SUM = Selection()


def val_means(records: pd.DataFrame) -> pd.Series:
    """Each measure's mean over seeds on validation data, of one trial's records."""
    return headline(records).query("split == 'val'").groupby("metric")["value"].mean()


def best_trials(
    records: pd.DataFrame, objectives: Sequence[str], selection: Selection = BY_SUM
) -> dict[tuple[str, str], str]:
    """The chosen trial's uid for each (task, arm), by its objectives' means over seeds.

    By default that is the largest sum of those on validation data, those of which low values are better counted
    negative: with EAcc and Odds, a point of bias is worth a point of accuracy. Ties go to the first, and so does a
    search without such data, which is one of a single point (see `Study.check`). A point that lacks an objective is
    chosen only where all do.
    """
    trials = headline(records)[TRIAL].drop_duplicates(ignore_index=True)
    rows = headline(records).query("split == @selection.split and metric in @objectives")
    means = rows.groupby([*TRIAL, "metric"], sort=False)["value"].mean().unstack("metric")
    measured = [metric for metric in objectives if metric in means]
    found = {}
    for pair, own in trials.groupby(["task", "arm"], sort=False):
        points = means.reindex(pd.MultiIndex.from_frame(own))[measured].dropna(axis=1, how="all")
        found[pair] = own["trial"].iloc[_choose(points, selection)]
    return found  # type: ignore[return-value]


def _choose(points: pd.DataFrame, selection: Selection) -> int:
    """The place of the best point. points: a row each, a column for each objective."""
    whole = np.flatnonzero(points.notna().all(axis=1))
    if not points.shape[1] or not len(whole):
        return 0
    measures = [find(str(metric)) for metric in points]
    high = points.to_numpy()[whole] * [measure.sign for measure in measures]
    scores = RULES[selection.rule](high, selection.within / measures[0].unit.factor)
    return int(whole[scores.argmax()])
