"""Where a gap between groups closes, whose rates moved: did the group that was behind gain, or the other one lose?

The second is levelling down (Mittelstadt, Wachter & Russell, 2023, "The Unfairness of Fair Machine Learning").
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fairray.metrics.rates import positive_rate, true_negative_rate, true_positive_rate
from fairray.report._blocks import Bad, Block, Frame, Good, Items, Line, Part, Picture, Strong, Text, join
from fairray.report._figures import add_legend_above, make_panels, pick_colours
from fairray.report._words import express, refuse_verdict, write_interval, write_value
from fairray.results import Results, change_of, interval_of
from fairray.statistics.intervals import Interval

__all__ = ["WhoPays"]

SELECTED = positive_rate.__name__  # which all rates are written like
MARKERS = "os^Dv"  # of groups, so that they are told without colour


@dataclass(frozen=True)
class Rate:
    """A rate of each group. better: 1 where a high one is right, -1 where it is wrong, 0 where it may be either."""

    title: str
    metric: str
    better: int

    def read(self, results: Results, task: str, arm: str) -> pd.DataFrame:
        """The chosen trial's test values, with axes (seed, group), or (split, group) where seeds share splits."""
        rows = results.of(task, arm, results.by_group)
        values = rows[rows["metric"] == self.metric].pivot(index="seed", columns="group", values="value")
        splits = results.study.splits
        values = values if splits == 1 else values.groupby(values.index % splits).mean()
        return 1 - values if self.metric == true_negative_rate.__name__ else values


RATES = (
    Rate("true positive rate", true_positive_rate.__name__, 1),
    Rate("false positive rate", true_negative_rate.__name__, -1),
    Rate("selection rate", SELECTED, 0),
)


@dataclass(frozen=True)
class Change:
    """A rate under the baseline and under a method, with axes (seed, group)."""

    rate: Rate
    before: pd.DataFrame
    after: pd.DataFrame

    @property
    def names(self) -> list[str]:
        """Of all groups."""
        return [*map(str, self.before)]

    @property
    def rivals(self) -> list[str]:
        """The group that was behind, and the one that was ahead; of several the two that were farthest apart."""
        order = ((self.rate.better or 1) * self.before.mean()).sort_values(kind="stable").index
        return [str(order[0]), str(order[-1])]

    @property
    def closing(self) -> Interval:
        """By how much less the two are apart."""
        behind, ahead = self.rivals
        gaps = [(values[ahead] - values[behind]).abs() for values in (self.before, self.after)]
        return change_of(SELECTED, (gaps[0] - gaps[1]).dropna())

    def of(self, group: str) -> Interval:
        return change_of(SELECTED, (self.after[group] - self.before[group]).dropna())

    def describe(self) -> Line:
        """What became of the gap, and by whose rates."""
        closing, moves = self.closing, [f"{group} {_write(self.of(group))}" for group in self.rivals]
        if not closing.clear_of_zero:
            word: Part = "the gap does not clearly change"
        elif closing.mean < 0:
            word = "the gap widens"
        else:
            word = self.judge()
        return f"{self.rate.title}: ", word, f" (gap {_write(closing, -1)}; {', '.join(moves)})"

    def judge(self) -> Part:
        """By whose rates the gap closes."""
        sign = self.rate.better or 1
        behind, ahead = (self.of(group) for group in self.rivals)
        gains = behind.clear_of_zero and sign * behind.mean > 0
        loses = ahead.clear_of_zero and sign * ahead.mean < 0
        if gains and loses:
            return "the gap closes by both"
        if not gains and not loses:
            return "the gap closes, by whom is not clear"
        if not self.rate.better:
            return f"the gap closes as the {'lower rises' if gains else 'higher falls'}"
        return Good("levelled up") if gains else Bad("levelled down")


@dataclass(frozen=True)
class WhoPays:
    """Each group's true positive, false positive and selection rate beside the baseline's, and how gaps close."""

    title: str = "Who pays"

    def __call__(self, results: Results) -> Iterator[Block]:
        found = {pair: changes for pair in results.chosen if (changes := _compare(results, *pair))}
        if not found:
            yield Text("It needs a baseline, groups, and a target that is true or false.")
            return
        yield Items([_describe(results, *pair, changes) for pair, changes in found.items()])
        alt = f"rates of each group by method on {', '.join(dict.fromkeys(task for task, _ in found))}"
        caption = "Test set; means over seeds with their 95 % intervals; a dashed line is the group's rate before."
        yield Picture("who_pays", _draw(results, found), alt, caption)
        yield _tabulate(found)
        yield Text(
            f"Before is {results.study.baseline}, after the method; changes are {results.unit} by {results.unit}, in "
            "points [95 % t-interval], one by one, without correction for their number. Behind is the group with the "
            "lower true positive rate, the higher false positive rate, or the lower selection rate under the baseline. "
            "Levelled up: the gap closes as the group that was behind gains and the other does not lose; levelled "
            "down: as the other loses and the group that was behind does not gain."
        )


def _compare(results: Results, task: str, arm: str) -> list[Change]:
    """How a method changes each rate; nothing where it is the baseline, or has no groups or no such rates."""
    baseline = results.study.baseline
    if baseline is None or arm == baseline or (task, baseline) not in results.chosen:
        return []
    pairs = [(rate, rate.read(results, task, baseline), rate.read(results, task, arm)) for rate in RATES]
    return [Change(*pair) for pair in pairs if all(values.shape[1] > 1 for values in pair[1:])]


def _describe(results: Results, task: str, arm: str, changes: Sequence[Change]) -> Line:
    who = Strong(f"{task}, {arm}")
    if doubtful := results.doubtful(task, arm, str(results.study.baseline)):
        return who, f": {refuse_verdict(doubtful)}."
    if changes[0].closing.n < 2:
        return who, ": no verdict, as there is one seed."
    return who, ": ", *join("; ", [change.describe() for change in changes]), "."


def _tabulate(found: dict[tuple[str, str], list[Change]]) -> Frame:
    cells, numbers = [], []
    for (task, arm), changes in found.items():
        for group in changes[0].names:
            place: dict[str, Any] = {"task": task, "method": arm, "group": group}
            cells.append(place | {change.rate.title: _write_change(change, group) for change in changes})
            numbers += [place | _list_numbers(change, group) for change in changes]
    caption = "Rates of each group before → after the method (%), and the change in points [95 % t-interval]."
    return Frame("who_pays", pd.DataFrame(cells).fillna(""), pd.DataFrame(numbers), caption)


def _list_numbers(change: Change, group: str) -> dict[str, Any]:
    means = {"before": change.before[group].mean(), "after": change.after[group].mean(), **change.of(group)._asdict()}
    return {"rate": change.rate.title} | {
        name: value if name == "n" else express(SELECTED, value) for name, value in means.items()
    }


def _write_change(change: Change, group: str) -> str:
    before, after = (write_value(SELECTED, values[group].mean()) for values in (change.before, change.after))
    return f"{before} → {after} ({_write(change.of(group))})"


def _write(change: Interval, sign: int = 1) -> str:
    """sign: -1 for what becomes smaller by so much."""
    if sign < 0:
        change = Interval(-change.mean, -change.high, -change.low, change.n)
    return write_interval(SELECTED, change, "+")


def _draw(results: Results, found: dict[tuple[str, str], list[Change]]) -> Figure:
    """A row of panels for each task, one for each rate."""
    tasks = list(dict.fromkeys(task for task, _ in found))
    colours = pick_colours(list(dict.fromkeys(group for changes in found.values() for group in changes[0].names)))
    arms = max(sum(of == task for of, _ in found) for task in tasks)
    with sns.axes_style("whitegrid"):
        figure, panels = make_panels(len(RATES) * len(tasks), size=(4.0, 1.0 + 0.5 * arms), margin=(0.5, 0.4))
        for axes, (task, rate) in zip(panels, product(tasks, RATES), strict=True):
            shown = {
                arm: of for (other, arm), changes in found.items() if other == task for of in changes if of.rate == rate
            }
            _draw_panel(axes, shown, colours, results.doubtful(task, *shown))
            axes.set(title=task, xlabel=f"{rate.title} (%)")
        add_legend_above(figure)
    return figure


def _draw_panel(axes: Axes, changes: dict[str, Change], colours: dict[str, Any], doubtful: Sequence[str]) -> None:
    """A line for each group under each method, with an arrow from its rate before to that after."""
    for place, (arm, change) in enumerate(changes.items()):
        for number, group in enumerate(change.names):
            before, after = (interval_of(SELECTED, of[group].dropna()) for of in (change.before, change.after))
            start, end, low, high = (express(SELECTED, value) for value in (before.mean, *after[:3]))
            y, colour = place + 0.6 * ((number + 0.5) / len(change.names) - 0.5), colours[group]
            face, marker = "none" if arm in doubtful else colour, MARKERS[number % len(MARKERS)]
            axes.axvline(start, ls="--", lw=1, alpha=0.6, color=colour)
            axes.annotate("", (end, y), (start, y), arrowprops={"arrowstyle": "->", "color": colour})
            axes.errorbar(
                end,
                y,
                xerr=[[end - low], [high - end]],
                color=colour,
                marker=marker,
                mfc=face,
                lw=1,
                ls="",
                label=group,
            )
    axes.set(yticks=range(len(changes)), yticklabels=list(changes), ylim=(len(changes) - 0.5, -0.5))
