"""Whether one of the attacks is perceived least."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, NamedTuple

from annotated_types import Ge, Le

from fairray.report._answers import tell_needed
from fairray.report._blocks import Answer, Bad, Block, Good, Items, Line, Part, Strong, Text, join
from fairray.report._images import count_stuck, find_attacked, read_images
from fairray.report._words import express, name_metric, refuse_verdict, write_interval, write_value
from fairray.results import Results
from fairray.statistics.intervals import Interval, mean_interval
from fairray.words import write_count

__all__ = ["AttackVerdict"]

SURE = (
    "Paired t-intervals of 95 % over the images that both methods fool, not adjusted for their number; they cover "
    "other images, not other models."
)


class Said(NamedTuple):
    """A line, the numbers behind it, and which differences are not told from zero."""

    line: Line
    detail: str = ""
    unclear: Sequence[Interval] = ()


@dataclass(frozen=True)
class AttackVerdict:
    """Whether one method has the smallest distances of those that fool nearly all images, by paired differences.

    success: share of the images that a method has to fool to be compared. rivals: whom it is compared with; without
    any, all others.
    """

    ours: str
    metrics: tuple[str, ...] = ("lpips", "dists")
    success: Annotated[float, Ge(0), Le(1)] = 0.99
    rivals: tuple[str, ...] = ()
    title: str = "Which attack is perceived least"

    def __call__(self, results: Results) -> Iterator[Block]:
        if not find_attacked(results):
            yield Text("No verdict, as the model reads no image right that could be attacked.")
            return
        yield Items(
            [
                join("", (Strong(task), ": ", line, f"{detail}."))
                for task, arms in find_attacked(results).items()
                for line, detail, _ in self._judge(results, task, arms)
            ]
        )
        yield Text(
            f"{self.ours} minus the other method, image by image, on the images that both fool [95 % t-interval over "
            "images of each difference]."
        )

    def answer(self, results: Results) -> Answer | None:
        tasks = find_attacked(results)
        said = {task: [*self._judge(results, task, arms)] for task, arms in tasks.items()}
        found = [(Strong(task), ": ", *join("; ", [one.line for one in lines])) for task, lines in said.items()]
        unclear = [change for lines in said.values() for one in lines for change in one.unclear]
        return Answer((*join(". ", found), "."), SURE, tell_needed(unclear, "image")) if found else None

    def _judge(self, results: Results, task: str, arms: Sequence[str]) -> Iterator[Said]:
        """Of each metric what is found and by which numbers, or why there is no verdict."""
        arms = [arm for arm in arms if not self.rivals or arm in (self.ours, *self.rivals)]
        rates = {arm: read_images(results, task, arm, "success").mean() for arm in arms}
        doubtful = results.doubtful(task, *arms)
        able = {arm for arm, rate in rates.items() if rate >= self.success and arm not in doubtful}
        least = f"{express('success', self.success):g} % of the images"
        if self.ours not in rates:
            yield Said(f"no verdict, as nothing is stored of {self.ours}")
        elif self.ours in doubtful:
            yield Said(refuse_verdict([self.ours]))
        elif self.ours not in able:
            few = _describe_rates(results, task, {self.ours: rates[self.ours]})
            yield Said((Bad("it has not"), f", as {few}, and the methods compared fool at least {least}"))
        elif able == {self.ours}:
            yield Said(f"no verdict, as no other method that is a result fools at least {least}")
        else:
            yield from self._compare(results, task, [arm for arm in arms if arm in able - {self.ours}])
        if self.ours in able and (below := {arm: rate for arm, rate in rates.items() if arm not in able}):
            which = f"as they fool less than {least} or are no results"
            yield Said(f"left out, {which}: {_describe_rates(results, task, below)}")

    def _compare(self, results: Results, task: str, rivals: Sequence[str]) -> Iterator[Said]:
        for metric in self.metrics:
            changes = {arm: change for arm in rivals if (change := self._pair(results, task, arm, metric))}
            if changes:
                unclear = [change for change in changes.values() if not change.clear_of_zero]
                yield Said(self._describe(metric, changes), f": {'; '.join(_list_changes(metric, changes))}", unclear)
            else:
                why = "which was not measured of two methods on an image that both fool"
                yield Said(f"no verdict on {name_metric(metric)}, {why}")

    def _pair(self, results: Results, task: str, rival: str, metric: str) -> Interval | None:
        """The mean difference on images that both methods fool, with every seed; None where there is no such image."""
        ours, theirs = (
            read_images(results, task, arm, metric).where(read_images(results, task, arm, "success") == 1)
            for arm in (self.ours, rival)
        )
        differences = (ours - theirs).dropna()
        return mean_interval(differences) if len(differences) else None

    def _describe(self, metric: str, changes: Mapping[str, Interval]) -> tuple[Part, ...]:
        """What the differences to the other methods say of a distance."""
        smaller = [arm for arm, change in changes.items() if change.low > 0]
        unclear = [arm for arm, change in changes.items() if not change.clear_of_zero]
        distance = name_metric(metric)
        if smaller:
            why = f", {self.ours} has not the smallest {distance}; smaller is that of {_join_names(smaller)}"
            return Bad("no"), why
        if unclear:
            either = f"{self.ours} or {_join_names(unclear)}"
            return (f"not distinguishable: whether {either} has the smallest {distance} is not clear",)
        return Good("yes"), f", {self.ours} has the smallest {distance} of {len(changes) + 1} methods"


def _join_names(arms: Sequence[str]) -> str:
    return " and ".join(arms)


def _list_changes(metric: str, changes: Mapping[str, Interval]) -> Iterator[str]:
    for arm, change in changes.items():
        yield f"{write_interval(metric, change, '+')} against {arm} on {write_count(change.n, 'image')}"


def _describe_rates(results: Results, task: str, rates: Mapping[str, float]) -> str:
    stuck = {arm: f" ({said})" if (said := count_stuck(results, task, arm)) else "" for arm in rates}
    return ", ".join(f"{arm} fools {write_value('success', rate)} %{stuck[arm]}" for arm, rate in rates.items())
