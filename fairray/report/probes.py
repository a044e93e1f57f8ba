"""What models' features tell of every task (PreserveTask)."""

from collections.abc import Iterator
from dataclasses import dataclass

from fairray.report._blocks import Block
from fairray.report._tables import explain_printed, lay_out, tabulate
from fairray.report._views import measure_views
from fairray.results import Results

__all__ = ["Probes"]


@dataclass(frozen=True)
class Probes:
    """What the probes of each method's models tell of every task."""

    title: str = "Probes"

    def __call__(self, results: Results) -> Iterator[Block]:
        entries = list(measure_views(results, "probe_accuracy", "probed"))
        cells = lay_out(entries, rows=("task", "probed"), across="method")
        caption = "Accuracy (%) of a probe for each task on the test set; mean over seeds [95 % t-interval]."
        yield tabulate("probes", cells, entries, caption)
        yield from explain_printed(results)
