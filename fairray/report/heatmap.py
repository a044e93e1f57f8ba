"""A search over two numbers as a map (BaDe, Figure 5)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from seaborn.utils import relative_luminance

from fairray.data import Dataset
from fairray.measures import find
from fairray.report._blocks import Block, Picture, Text
from fairray.report._figures import add_legend_above
from fairray.report._grid import Grid, Mark, find_best, find_marks, find_searches, read_grids
from fairray.report._words import express, name_key, name_metric, name_with_unit
from fairray.results import Results

__all__ = ["Heatmap"]

LEGIBLE = 121  # cells with their values written in them


@dataclass(frozen=True)
class Heatmap:
    """Mean test values over the grid of two searched numbers, a row per method on a task, a panel per metric.

    x, y: dotted names of the search. metrics: without any, the objectives. mark: of a data set its own x and y, and the
    value that both have where there is no bias.
    """

    x: str
    y: str
    metrics: tuple[str, ...] = ()
    mark: Callable[[Dataset], Mark] | None = None
    title: str = "Grid"

    def __call__(self, results: Results) -> Iterator[Block]:
        pairs, metrics = find_searches(results, self.x, self.y), self.metrics or results.study.objectives
        if not pairs:
            yield Text(f"{self.x} and {self.y} were not searched together.")
            return
        alt = f"{', '.join(map(name_metric, metrics))} by {name_key(self.x)} and {name_key(self.y)}"
        yield Picture(
            "heatmap", self._draw(results, pairs, metrics), alt, "Test set, means over seeds; brighter is better."
        )

    def _draw(self, results: Results, pairs: Sequence[tuple[str, str]], metrics: Sequence[str]) -> Figure:
        marks, (x, y) = find_marks(results, self.mark), map(name_key, (self.x, self.y))
        with sns.axes_style("white"):
            figure = Figure(figsize=(6.6 * len(metrics), 0.6 + 5.2 * len(pairs)), layout="constrained")
            panels = figure.subplots(len(pairs), len(metrics), squeeze=False)
            for (task, arm), row in zip(pairs, panels, strict=True):
                for metric, axes in zip(metrics, row, strict=True):
                    axes.set_visible(results.has(task, arm, metric))
                    if axes.get_visible():
                        _draw_map(axes, *read_grids(results, task, arm, self.x, self.y, metric), metric)
                        _draw_mark(axes, marks.get(task))
                        axes.set(title=f"{task}, {arm}: {name_with_unit(metric)}", xlabel=x, ylabel=y)
            add_legend_above(figure)
        return figure


def _draw_map(axes: Axes, val: Grid, test: Grid, metric: str) -> None:
    means = express(metric, pd.Series({cell: values.mean() for cell, values in test.items()}))
    table = means.unstack(0)
    colours = "viridis_r" if find(metric).best == "low" else "viridis"
    image = axes.pcolormesh(table.columns, table.index, table.to_numpy(), shading="nearest", cmap=colours)
    axes.figure.colorbar(image, ax=axes)
    if len(test) <= LEGIBLE:
        for (h, v), mean in zip(test, means, strict=True):
            dark = relative_luminance(image.to_rgba(mean)) < 0.4
            colour = "white" if dark else "black"
            axes.text(h, v, f"{mean:.3g}", ha="center", va="center", fontsize=7, color=colour)
    for cell, marker, label in (
        (find_best({cell: test[cell] for cell in val}, metric), "o", "best on test"),
        (find_best(val, metric), "s", "best on validation"),
    ):
        axes.plot(*cell, marker=marker, color="red", mfc="none", markersize=24, mew=2, ls="", label=label)


def _draw_mark(axes: Axes, mark: Mark | None) -> None:
    """The data's own values, and the way to them from no bias at all."""
    if mark is None:
        return
    x, y, marginal = mark
    axes.plot([marginal, x], [marginal, y], color="red", lw=1.2, ls=":", label="from no bias to the data's")
    axes.plot(x, y, marker="X", markersize=12, color="red", mec="white", ls="", label="the data's own")
