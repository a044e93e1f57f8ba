"""What figures share: panels, colours, scales, legends."""

import os
import sys
from collections.abc import Collection, Mapping, Sequence
from itertools import cycle
from typing import Any, NamedTuple

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from fairray.report._blocks import find_place
from fairray.report._drawing import draw_png, note
from fairray.report._words import express, express_interval, name_metric, write_interval, write_value
from fairray.results import Results
from fairray.statistics.intervals import Interval

__all__ = [
    "ON_BRIGHT", "Look", "add_legend_above", "draw_bars", "draw_mean", "express_points", "find_labels",
    "find_measured", "make_panels", "pick_colours", "pick_looks", "scale_by_ratio", "tell_mean", "tell_seeds",
]  # fmt: skip

if "MPLBACKEND" not in os.environ and "matplotlib.pyplot" not in sys.modules:  # a notebook has its own
    mpl.use("agg")  # reports are written where there is no screen

MARKERS = "o", "s", "^", "D", "v", "P", "X"
STROKES = "-", (0, (4, 2)), (0, (1, 1)), (0, (4, 1, 1, 1))
ON_BRIGHT = "#111111"  # of letters on a bright cell, which stay dark on a dark page
HATCHES = "", "////", "....", "xxxx", "----", "\\\\\\\\"
ACROSS = 3  # panels beside each other
WIDE = 10  # ratio of the largest to the smallest value beyond which a scale is by ratio
DECADES = 3  # on a longer axis only powers of ten are labelled


class Drawing(Figure):
    """A figure that a notebook shows, though pyplot does not know it."""

    def _repr_png_(self) -> bytes:
        return draw_png(self)


def make_panels(number: int, size: tuple[float, float], margin: tuple[float, float]) -> tuple[Figure, list[Axes]]:
    """A figure with so many panels. size of each, margin around all of them: width and height in inches."""
    across, down = min(ACROSS, number), -(-number // ACROSS)
    width, height = margin[0] + size[0] * across, margin[1] + size[1] * down
    figure = Drawing(figsize=(width, height), layout="constrained")
    panels = list(figure.subplots(down, across, squeeze=False).flatten())
    for axes in panels[number:]:
        axes.set_visible(False)
    return figure, panels[:number]


def add_legend_above(figure: Figure) -> None:
    """One legend for all panels, in which each label stands once, in as many rows as the figure is too narrow for."""
    labelled = find_labels(figure)
    for rows in range(1, len(labelled) + 1):
        columns = -(-len(labelled) // rows)
        legend = figure.legend(labelled.values(), labelled, loc="outside upper center", ncols=columns, frameon=False)
        if columns == 1 or legend.get_window_extent().width <= figure.bbox.width:
            return
        legend.remove()


def find_labels(figure: Figure) -> dict[str, Any]:
    """What is drawn in its panels, by label."""
    return {k: v for axes in figure.axes for v, k in zip(*axes.get_legend_handles_labels(), strict=True)}


def draw_bars(axes: Axes, metric: str, bars: Mapping[str, Sequence[Interval]], labels: Sequence[str]) -> None:
    """At each label a bar for each method: a mean and its interval. bars: by method, one for each label."""
    colours, width = pick_colours([*bars]), 0.8 / len(bars)
    for place, ((arm, of), hatch) in enumerate(zip(bars.items(), cycle(HATCHES))):
        x = [i - 0.4 + width * (place + 0.5) for i in range(len(labels))]
        heights, halves = (
            [express(metric, value) for value in values] for values in zip(*((i.mean, i.half) for i in of))
        )
        style = {"color": colours[arm], "hatch": hatch, "edgecolor": "white", "ecolor": "grey"}
        axes.bar(x, heights, width, yerr=halves, label=arm, **style)
    axes.set(xticks=range(len(labels)), xticklabels=labels)


def draw_mean(
    axes: Axes, results: Results, task: str, arm: str, metrics: tuple[str, str], look: "Look", **style: Any
) -> None:
    """A method's means of two metrics with their intervals, as a point; it is hollow where it is no result."""
    x, y = (express_interval(metric, results.interval(task, arm, metric)) for metric in metrics)
    drawn = axes.errorbar(
        x.mean, y.mean, xerr=[[x.mean - x.low], [x.high - x.mean]], yerr=[[y.mean - y.low], [y.high - y.mean]],
        color=look.colour, marker=look.marker, ls="", label=arm,
        mfc="none" if results.doubt(task, arm) else None, **style,
    )  # fmt: skip
    drawn.lines[0].set_url(tell_mean(results, task, arm, *metrics))


def pick_colours(names: Sequence[str]) -> dict[str, Any]:
    """A colour for each, all as far apart as colour-blind readers need."""
    return dict(zip(names, sns.color_palette("colorblind", len(names)), strict=True))


class Look(NamedTuple):
    """How one of several is drawn, so that they differ without colour, too. stroke: of its lines."""

    colour: Any
    marker: str
    stroke: Any


def pick_looks(names: Sequence[str]) -> dict[str, Look]:
    """A look for each."""
    return {
        name: Look(colour, marker, stroke)
        for (name, colour), marker, stroke in zip(pick_colours(names).items(), cycle(MARKERS), cycle(STROKES))
    }


def tell_mean(results: Results, task: str, arm: str, *metrics: str) -> str:
    """A method's means and the values of its seeds, as the note of a point that leads to its trial."""
    said = []
    for metric in metrics:
        values = results.values(task, arm, metric)
        mean, seeds = results.interval(task, arm, metric), ", ".join(write_value(metric, value) for value in values)
        said.append(f"{name_metric(metric)} {write_interval(metric, mean)}, by seed {seeds}")
    return note(f"{arm} on {task}: {'; '.join(said)}", find_place(results.chosen[task, arm].uid))


def tell_seeds(results: Results, task: str, arm: str, *metrics: str) -> list[str]:
    """Of each seed of a method its values, as the note of a point that leads to its trial."""
    values = pd.DataFrame({metric: results.values(task, arm, metric) for metric in metrics})
    said = (
        f"{arm} on {task}, seed {seed}: {', '.join(f'{name_metric(m)} {write_value(m, row[m])}' for m in metrics)}"
        for seed, row in values.iterrows()
    )
    place = find_place(results.chosen[task, arm].uid)
    return [note(line, place) for line in said]


def scale_by_ratio(axes: Axes, values: Collection[float]) -> bool:
    """Whether x has a scale by ratio now, as one by difference would press values of many sizes into a corner."""
    low, high = float(min(values)), float(max(values))
    if not 0 < WIDE * low < high:
        return False
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1,) if high > low * 10**DECADES else (1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    return True


def express_points(points: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    """Points in the plane of two metrics in the units of print: columns x and y, and half their intervals."""
    columns = {"x": x, "x half": x, "y": y, "y half": y}
    return points.assign(**{column: express(metric, points[column]) for column, metric in columns.items()})


def find_measured(results: Results, *metrics: str) -> list[tuple[str, str]]:
    """The methods on tasks of which all these metrics were measured."""
    return [pair for pair in results.chosen if all(results.has(*pair, metric) for metric in metrics)]
