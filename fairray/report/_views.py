"""A metric by view: who is looked at, under which trigger, or which task a probe is for."""

from collections.abc import Iterator

import pandas as pd

from fairray.report._tables import Entry
from fairray.results import Results, interval_of

__all__ = ["measure_views", "read_views"]


def measure_views(results: Results, metric: str, axis: str) -> Iterator[Entry]:
    """An entry for each view of each method on each task. axis: what views are called in the table."""
    for task, arm in results.chosen:
        for view, values in read_views(results, task, arm, metric).items():
            yield Entry(
                key={"task": task, axis: view, "method": arm},
                metric=metric,
                interval=interval_of(metric, values),
                printed=results.find_printed(task, arm, metric, view=view),
                uid=results.chosen[task, arm].uid,
            )


def read_views(results: Results, task: str, arm: str, metric: str) -> dict[str, pd.Series]:
    """The values of each view, by seed."""
    rows = results.of(task, arm, results.views)
    seen = rows[rows["metric"] == metric].set_index("seed").groupby("view", sort=False)["value"]
    return {str(view): values for view, values in seen}
