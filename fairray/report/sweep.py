"""Each metric along each searched number."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fairray.report._answers import UNADJUSTED, tell_needed
from fairray.report._blocks import Answer, Block, Line, Picture, Strong, Text, find_place, join
from fairray.report._drawing import note
from fairray.report._figures import Look, add_legend_above, pick_looks, scale_by_ratio
from fairray.report._words import (
    describe_point,
    express,
    express_interval,
    name_key,
    name_metric,
    name_with_unit,
    write_interval,
    write_value,
)
from fairray.results import Results, change_of, interval_of
from fairray.statistics.intervals import Interval

__all__ = ["Sweep"]

MANY = 2000  # seeds in a panel beyond which a drawing has them as one picture
MOST = 12  # lines that a legend names
Search = tuple[str, str, str]  # task, method, and the dotted name of a searched number


@dataclass(frozen=True)
class Sweep:
    """Each metric along each searched number; a line is the mean, the band its 95 % interval.

    Where several numbers are searched, a line joins the points that differ in one of them; others stand alone.
    metrics: without any, the objectives.
    """

    metrics: tuple[str, ...] = ()
    title: str = "Search"

    def __call__(self, results: Results) -> Iterator[Block]:
        metrics = self.metrics or results.study.objectives
        searches = list(_find_searches(results, metrics))
        if not searches:
            yield Text("No number was searched.")
            return
        over = ", ".join(dict.fromkeys(key.split(".")[-1] for _, _, key in searches))
        alt = f"{', '.join(map(name_metric, metrics))} along {over}, a row for each method on each task"
        yield Picture("sweep", _draw(results, searches, metrics), alt)

    def answer(self, results: Results) -> Answer | None:
        """Of each search over one number, from which on an objective differs from what it is at the lowest."""
        metrics = results.study.objectives
        found = [(s, m) for s in _find_searches(results, metrics) for m in metrics if results.has(*s[:2], m)]
        if not found or len(results.searched) > 1:
            return None
        changes = [_compare_with_lowest(results, *one) for one in found]
        unclear = [change for of in changes for change in of.values() if not change.clear_of_zero]
        lines = [_say_first(results, *one, of) for one, of in zip(found, changes, strict=True)]
        return Answer((*join("; ", lines), "."), UNADJUSTED, tell_needed(unclear, results.unit))


def _compare_with_lowest(results: Results, search: Search, metric: str) -> dict[float, Interval]:
    """By searched number, in rising order: by how much a metric differs from that at the lowest number, by seed."""
    values = results.of(*search[:2]).astype({search[2]: float}).pivot_table(metric, "seed", search[2])
    lowest, *others = sorted(map(float, values))  # type: ignore[arg-type]
    return {number: change_of(metric, (values[number] - values[lowest]).dropna()) for number in others}


def _say_first(results: Results, search: Search, metric: str, changes: Mapping[float, Interval]) -> Line:
    name, said = name_key(search[2]), name_metric(metric)
    told = [number for number, change in changes.items() if change.clear_of_zero]
    if not told:
        return Strong(", ".join(search[:2])), f": {said} is at no {name} told from that at the lowest"
    first, last = (f"{write_interval(metric, changes[n], '+')} at {name} = {n:g}" for n in (told[0], max(changes)))
    return Strong(
        ", ".join(search[:2])
    ), f": {said} first differs from that at the lowest {name} by {first}, and by {last}"


def _find_searches(results: Results, metrics: Sequence[str]) -> Iterator[Search]:
    for key in results.searched:
        for task, arm in results.chosen:
            measured = any(results.has(task, arm, metric) for metric in metrics)
            if measured and _is_swept(results.of(task, arm)[key]):
                yield task, arm, key


def _is_swept(values: pd.Series) -> bool:
    return values.nunique() > 1 and bool(pd.to_numeric(values, errors="coerce").notna().all())


def _draw(results: Results, searches: Sequence[Search], metrics: Sequence[str]) -> Figure:
    with sns.axes_style("whitegrid"):
        figure = Figure(figsize=(max(6.0, 4.6 * len(metrics)), 0.5 + 3.6 * len(searches)), layout="constrained")
        panels = figure.subplots(len(searches), len(metrics), squeeze=False)
        for search, row in zip(searches, panels, strict=True):
            for metric, axes in zip(metrics, row, strict=True):
                axes.set_visible(results.has(*search[:2], metric))
                if axes.get_visible():
                    _draw_panel(results, axes, search, metric)
        add_legend_above(figure)
    return figure


def _draw_panel(results: Results, axes: Axes, search: Search, metric: str) -> None:
    task, arm, key = search
    rows = results.of(task, arm).astype({key: float})
    rows["doubtful"] = [(task, arm, trial) in results.doubts for trial in rows["trial"]]
    _draw_lines(axes, rows, [other for other in results.searched if other != key], key, metric)
    axes.axvline(float(results.chosen[task, arm].point[key]), color="grey", ls=":", label=results.study.selection.said)
    baseline = results.study.baseline
    if baseline and results.has(task, baseline, metric):
        axes.axhline(
            express(metric, results.values(task, baseline, metric)).mean(), color="grey", ls="--", lw=1, label=baseline
        )
    axes.set(title=f"{task}, {arm}", xlabel=name_key(key), ylabel=name_with_unit(metric))
    scale_by_ratio(axes, rows[key])


def _draw_lines(axes: Axes, rows: pd.DataFrame, others: Sequence[str], key: str, metric: str) -> None:
    """A line for each place at which the other searched numbers stand; where there are several, they are named."""
    lines = dict(_split(rows, [other for other in others if rows[other].nunique() > 1]))
    looks = pick_looks([*lines])
    drawn = {place: line for place, of in lines.items() if (line := _draw_line(axes, of, key, metric, looks[place]))}
    if 1 < len(drawn) <= MOST:
        axes.legend(drawn.values(), drawn, fontsize=7)


def _split(rows: pd.DataFrame, others: Sequence[str]) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows that differ in one searched number only, by where the others stand."""
    if not others:
        yield "", rows
        return
    for values, line in rows.groupby([*others]):
        yield describe_point(dict(zip(others, values, strict=True))), line


def _draw_line(axes: Axes, rows: pd.DataFrame, key: str, metric: str, look: Look) -> Line2D | None:
    """All seeds; where there are several values, their means and intervals too."""
    at, found = (
        np.unique(rows[key]),
        [express_interval(metric, interval_of(metric, part)) for _, part in rows.groupby(key)[metric]],
    )
    alone = len(at) < 2
    style: Any = {"s": 22, "linewidths": 0}
    style |= {"color": "grey", "alpha": 0.7} if alone else {"color": look.colour, "alpha": 0.4}
    _draw_seeds(axes, rows[~rows["doubtful"]], key, metric, label="seeds", **style)
    if rows["doubtful"].any():
        hollow = {"s": 22, "facecolors": "none", "edgecolors": "grey", "label": "no result"}
        _draw_seeds(axes, rows[rows["doubtful"]], key, metric, **hollow)
    if alone:
        return None
    axes.fill_between(at, [i.low for i in found], [i.high for i in found], color=look.colour, alpha=0.15)
    style = {"color": look.colour, "marker": look.marker, "ls": look.stroke}
    return axes.plot(at, [i.mean for i in found], label="mean [95 %]", **style)[0]


def _draw_seeds(axes: Axes, rows: pd.DataFrame, key: str, metric: str, **style: Any) -> None:
    many = len(rows) > MANY
    notes = None if many else _tell_seeds(rows, key, metric)
    dots = axes.scatter(rows[key], express(metric, rows[metric]), urls=notes, **style)
    dots.set_rasterized(many)


def _tell_seeds(rows: pd.DataFrame, key: str, metric: str) -> list[str]:
    return [
        note(
            f"{name_key(key)} = {at:g}, seed {seed}: {name_metric(metric)} {write_value(metric, value)}",
            find_place(trial),
        )
        for at, seed, value, trial in zip(rows[key], rows["seed"], rows[metric], rows["trial"], strict=True)
    ]
