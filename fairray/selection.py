"""Which point of a search is reported: chosen on validation data, never on test."""

import math
from collections.abc import Mapping

import pandas as pd

__all__ = ["best_trials", "final", "val_means"]


def final(records: pd.DataFrame) -> pd.DataFrame:
    """The rows that are results of finished methods: not curves, over all groups and examples, under no view."""
    table = records[records["group"].eq("all")] if "group" in records else records
    for column in ("epoch", "view", "sample"):
        table = table[table[column].isna()] if column in table else table
    return table


def val_means(records: pd.DataFrame) -> pd.Series:
    """Each metric's mean over seeds on validation data, of one trial's records."""
    return final(records).query("split == 'val'").groupby("metric")["value"].mean()


def best_trials(records: pd.DataFrame, objectives: Mapping[str, str]) -> dict[tuple[str, str], str]:
    """The chosen trial's uid for each (task, arm).

    The score of a point is the sum of its objectives' validation means over seeds, those to minimise
    counted negative: with EAcc and Odds, a point of bias is worth a point of accuracy. Ties go to the first, and so
    does a search without validation data, which is one of a single point (see `Study.check`).
    """
    trials = final(records)[["task", "arm", "trial"]].drop_duplicates(ignore_index=True)
    val = final(records).query("split == 'val' and metric in @objectives")
    signs = {metric: 1 if direction == "maximize" else -1 for metric, direction in objectives.items()}
    means = val.groupby(["task", "arm", "trial", "metric"], sort=False)["value"].mean().reset_index()
    means["score"] = means["value"] * means["metric"].map(signs).astype(float)
    scores = trials.join(means.groupby(["task", "arm", "trial"])["score"].sum(), on=["task", "arm", "trial"])
    scores["score"] = scores["score"].fillna(-math.inf)
    best = scores.loc[scores.groupby(["task", "arm"], sort=False)["score"].idxmax()]
    return {(row.task, row.arm): row.trial for row in best.itertuples()}  # type: ignore[misc]
