"""What methods do to metrics, in words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fairray.measures import PERCENT, find
from fairray.report._blocks import Bad, Block, Good, Items, Line, Strong, Text, join
from fairray.report._words import name_metric, write_interval
from fairray.results import Results
from fairray.statistics.intervals import Interval, mean_interval

__all__ = ["Verdict"]


@dataclass(frozen=True)
class Verdict:
    """What each method does to each metric against the baseline, by paired differences over seeds.

    What was left out or is not stored is said, too. metrics: without any, and for a task
    that has none of them, the objectives.
    """

    metrics: tuple[str, ...] = ()
    title: str = "Verdict"

    def __call__(self, results: Results) -> Iterator[Block]:
        study, metrics = results.study, results.shown(self.metrics)
        missing = [arm for arm in study.arms() if (arm.task, arm.name) not in results.chosen]
        yield Items(
            [
                *_compare(results, metrics),
                *(f"{arm.task}, {arm.name}: nothing is stored of it." for arm in missing),
                *(f"{task} was left out: {why}" for task, why in study.left_out.items()),
            ]
        )
        if study.baseline is None:
            yield Text("The study has no baseline to compare its methods with.")
            return
        points = ", ".join(name_metric(metric) for metric in metrics if find(metric).unit == PERCENT)
        yield Text(
            f"Against {study.baseline}, seed by seed [95 % t-interval of the difference]"
            f"{f'; {points} in percentage points' if points else ''}."
        )


def _compare(results: Results, metrics: Sequence[str]) -> Iterator[Line]:
    """A line for each method on each task of which the baseline has a metric, too."""
    baseline = results.study.baseline
    for task, arm in results.chosen:
        if baseline is None or arm == baseline:
            continue
        both = [m for m in metrics if results.has(task, arm, m) and results.has(task, baseline, m)]
        if both:
            changes = [_describe(metric, _pair(results, task, arm, baseline, metric)) for metric in both]
            yield Strong(f"{task}, {arm}"), ": ", *join("; ", changes), "."


def _pair(results: Results, task: str, arm: str, baseline: str, metric: str) -> Interval:
    difference = results.values(task, arm, metric) - results.values(task, baseline, metric)
    return mean_interval(difference.dropna())


def _describe(metric: str, change: Interval) -> Line:
    text = f"{name_metric(metric)} {write_interval(metric, change, '+')}"
    if change.n < 2:
        return f"{text} (one seed: no verdict)"
    if not change.clear_of_zero:
        return f"{text}, not clear of zero"
    return f"{text}, ", Good("better") if find(metric).sign * change.mean > 0 else Bad("worse")
