"""What models' features tell of every task (PreserveTask)."""

from collections.abc import Iterator
from dataclasses import dataclass

from fairray.report._blocks import Block
from fairray.report._tables import Entry, explain_printed, lay_out, tabulate
from fairray.results import Results
from fairray.statistics.intervals import mean_interval

__all__ = ["Probes"]


@dataclass(frozen=True)
class Probes:
    """What the probes of each method's models tell of every task."""

    title: str = "Probes"

    def __call__(self, results: Results) -> Iterator[Block]:
        entries = [entry for task, arm in results.chosen for entry in _measure(results, task, arm)]
        cells = lay_out(entries, rows=("task", "probed"), across="method")
        caption = "Accuracy (%) of a probe for each task on the test set; mean over seeds [95 % t-interval]."
        yield tabulate("probes", cells, entries, caption)
        yield from explain_printed(results)


def _measure(results: Results, task: str, arm: str) -> Iterator[Entry]:
    rows = results.of(task, arm, results.views)
    for name, values in rows[rows["metric"] == "probe_accuracy"].groupby("view", sort=False)["value"]:
        yield Entry(
            key={"task": task, "probed": str(name), "method": arm},
            metric="probe_accuracy",
            interval=mean_interval(values),
            printed=results.print_of(task, arm, "probe_accuracy", view=str(name)),
        )
