"""Which point of a search is reported: chosen on validation data, never on test."""

import math
from collections.abc import Sequence

import pandas as pd

from fairray.measures import find
from fairray.records import headline

__all__ = ["best_trials", "val_means"]


def val_means(records: pd.DataFrame) -> pd.Series:
    """Each measure's mean over seeds on validation data, of one trial's records."""
    return headline(records).query("split == 'val'").groupby("metric")["value"].mean()


def best_trials(records: pd.DataFrame, objectives: Sequence[str]) -> dict[tuple[str, str], str]:
    """The chosen trial's uid for each (task, arm).

    The score of a point is the sum of its objectives' validation means over seeds, those of which low values are better
    counted negative: with EAcc and Odds, a point of bias is worth a point of accuracy. Ties go to the first, and so
    does a search without validation data, which is one of a single point (see `Study.check`).
    """
    trials = headline(records)[["task", "arm", "trial"]].drop_duplicates(ignore_index=True)
    val = headline(records).query("split == 'val' and metric in @objectives")
    signs = {metric: find(metric).sign for metric in objectives}
    means = val.groupby(["task", "arm", "trial", "metric"], sort=False)["value"].mean().reset_index()
    means["score"] = means["value"] * means["metric"].map(signs).astype(float)
    scores = trials.join(means.groupby(["task", "arm", "trial"])["score"].sum(), on=["task", "arm", "trial"])
    scores["score"] = scores["score"].fillna(-math.inf)
    best = scores.loc[scores.groupby(["task", "arm"], sort=False)["score"].idxmax()]
    return {(row.task, row.arm): row.trial for row in best.itertuples()}  # type: ignore[misc]
