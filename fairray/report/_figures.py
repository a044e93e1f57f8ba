"""What figures share: panels, colours, scales, legends."""

from collections.abc import Collection, Sequence
from typing import Any

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from fairray.report._words import express
from fairray.results import Results

__all__ = [
    "add_legend_above", "express_points", "find_labels", "find_measured", "make_panels", "pick_colours",
    "scale_by_ratio",
]  # fmt: skip

mpl.use("agg")  # reports are written where there is no screen

ACROSS = 3  # panels beside each other
WIDE = 10  # ratio of the largest to the smallest value beyond which a scale is by ratio
DECADES = 3  # on a longer axis only powers of ten are labelled


def make_panels(number: int, size: tuple[float, float], margin: tuple[float, float]) -> tuple[Figure, list[Axes]]:
    """A figure with so many panels. size of each, margin around all of them: width and height in inches."""
    across, down = min(ACROSS, number), -(-number // ACROSS)
    width, height = margin[0] + size[0] * across, margin[1] + size[1] * down
    figure = Figure(figsize=(width, height), layout="constrained")
    panels = list(figure.subplots(down, across, squeeze=False).flatten())
    for axes in panels[number:]:
        axes.set_visible(False)
    return figure, panels[:number]


def add_legend_above(figure: Figure) -> None:
    """One legend for all panels, in which each label stands once."""
    labelled = find_labels(figure)
    figure.legend(labelled.values(), labelled, loc="outside upper center", ncols=len(labelled), frameon=False)


def find_labels(figure: Figure) -> dict[str, Any]:
    """What is drawn in its panels, by label."""
    return {k: v for axes in figure.axes for v, k in zip(*axes.get_legend_handles_labels(), strict=True)}


def pick_colours(names: Sequence[str]) -> dict[str, Any]:
    """A colour for each, all as far apart as colour-blind readers need."""
    return dict(zip(names, sns.color_palette("colorblind", len(names)), strict=True))


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
