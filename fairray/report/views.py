"""A metric on parts of the test set and under triggers (BaDe, Table 4)."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from fairray.report._answers import tell_needed
from fairray.report._blocks import Answer, Block, Items, Line, Strong, Text, join
from fairray.report._tables import explain_printed, lay_out, tabulate
from fairray.report._views import measure_views, read_views
from fairray.report._words import name_metric, name_with_unit, write_interval, write_printed
from fairray.results import Results, change_of
from fairray.statistics.intervals import Interval

__all__ = ["Views"]

Effect = tuple[str, str, str, str, Interval]


@dataclass(frozen=True)
class Views:
    """A metric by view: who is looked at, and under which trigger; a column per method."""

    metric: str

    @property
    def title(self) -> str:
        return f"{name_metric(self.metric)} under triggers"

    def __call__(self, results: Results) -> Iterator[Block]:
        entries = list(measure_views(results, self.metric, "view"))
        cells = lay_out(entries, rows=("task", "view"), across="method")
        caption = f"{name_with_unit(self.metric)} on the test set; mean over seeds [95 % t-interval]."
        yield tabulate("views", cells, entries, caption)
        yield from explain_printed(results)
        yield Text("The largest effect of a trigger on the same examples, by paired differences over seeds:")
        yield Items(list(_describe_effects(results, self.metric)))

    def answer(self, results: Results) -> Answer | None:
        effects = [*_describe_effects(results, self.metric)]
        found = f"The largest effect of a trigger on {name_metric(self.metric)}: "
        sure = "By 95 % t-intervals of differences seed by seed; each is the largest of several."
        unclear = [change for *_, change in _find_effects(results, self.metric) if not change.clear_of_zero]
        return Answer((found, *join(" ", effects)), sure, tell_needed(unclear)) if effects else None


def _describe_effects(results: Results, metric: str) -> Iterator[Line]:
    """For each task, what triggers change most in each method."""
    for task in dict.fromkeys(task for task, _ in results.chosen):
        if said := [_describe_effect(results, metric, *effect) for effect in _find_effects(results, metric, task)]:
            yield Strong(task), f": {'; '.join(said)}."


def _find_effects(results: Results, metric: str, task: str | None = None) -> Iterator[Effect]:
    """Task, method, the two views that differ most, and by how much.

    Views of other examples differ without any trigger, so only views of the same ones are compared.
    """
    for of, arm in results.chosen:
        values = read_views(results, of, arm, metric) if task in (None, of) else {}
        pairs = [(a, b) for a, b in combinations(values, 2) if a.split(",")[0] == b.split(",")[0]]
        if pairs:
            changes = [(of, arm, a, b, change_of(metric, (values[b] - values[a]).dropna())) for a, b in pairs]
            yield max(changes, key=lambda effect: abs(effect[-1].mean))


def _describe_effect(
    results: Results, metric: str, task: str, arm: str, before: str, after: str, change: Interval
) -> str:
    beside = _describe_printed(results, task, arm, metric, before, after)
    unclear = ", not clear of zero" if change.low <= 0 <= change.high else ""
    return f"{arm} {write_interval(metric, change, '+')} ({after} against {before}{beside}{unclear})"


def _describe_printed(results: Results, task: str, arm: str, metric: str, before: str, after: str) -> str:
    """The printed difference between two views."""
    printed = [results.find_printed(task, arm, metric, view=view) for view in (after, before)]
    known = [value for value in printed if value is not None]
    return f", printed {write_printed(metric, known[0] - known[1], '+')}" if len(known) == 2 else ""
