"""A metric on parts of the test set: all examples, and each group (BaDe, Table 5)."""

from collections.abc import Iterator
from dataclasses import dataclass

from fairray.report._blocks import Block
from fairray.report._tables import Entry, explain_printed, lay_out, tabulate
from fairray.report._words import name_metric, name_with_unit
from fairray.results import Results, interval_of

__all__ = ["ByGroup"]


@dataclass(frozen=True)
class ByGroup:
    """A metric of each group, such as group_mse, and over all examples; mean over seeds with 95 % interval."""

    metric: str

    @property
    def title(self) -> str:
        return f"{name_metric(self._overall)} by group"

    @property
    def _overall(self) -> str:
        """The same metric over all examples."""
        return self.metric.removeprefix("group_")

    def __call__(self, results: Results) -> Iterator[Block]:
        entries = [entry for task, arm in results.chosen for entry in self._measure(results, task, arm)]
        cells = lay_out(entries, rows=("task", "method"), across="group")
        over = "on the test set, over all examples and by group"
        caption = f"{name_with_unit(self._overall)} {over}; mean over seeds [95 % t-interval]."
        yield tabulate(self.metric, cells, entries, caption)
        yield from explain_printed(results)

    def _measure(self, results: Results, task: str, arm: str) -> Iterator[Entry]:
        overall = self._overall
        rows = results.of(task, arm, results.by_group)
        groups = rows[rows["metric"] == self.metric].groupby("group", sort=False)["value"]
        samples = {"all": results.values(task, arm, overall)} if results.has(task, arm, overall) else {}
        for group, sample in (samples | {str(group): values for group, values in groups}).items():
            yield Entry(
                key={"task": task, "method": arm, "group": group},
                metric=overall,
                interval=interval_of(overall, sample),
                printed=results.find_printed(task, arm, overall, view=group),
            )
