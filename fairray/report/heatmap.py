"""A search over two numbers as a map (BaDe, Figure 5)."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection, QuadMesh
from matplotlib.figure import Figure
from seaborn.utils import relative_luminance

from fairray.data import Dataset
from fairray.measures import find
from fairray.report._blocks import Block, Picture, Text
from fairray.report._drawing import note
from fairray.report._figures import ON_BRIGHT, add_legend_above
from fairray.report._grid import Cell, Grid, Mark, find_best, find_marks, find_searches, find_undecided, read_grids
from fairray.report._words import express, name_key, name_metric, name_with_unit, write_interval, write_value
from fairray.results import Results, interval_of

__all__ = ["Heatmap"]

HATCHED = (
    "Hatched are the cells that are not told from the best on validation data: p > .05 by paired t-tests over seeds, "
    "adjusted for all cells (Holm)."
)
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
        caption = f"Test set, means over seeds; brighter is better. {HATCHED}"
        yield Picture("heatmap", self._draw(results, pairs, metrics), alt, caption)

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
    best = find_best(val, metric)
    colours = "viridis_r" if find(metric).best == "low" else "viridis"
    image = axes.pcolormesh(table.columns, table.index, table.to_numpy(), shading="nearest", cmap=colours)
    axes.figure.colorbar(image, ax=axes)
    _cover_cells(axes, image, test, metric, find_undecided(test, best))
    if len(test) <= LEGIBLE:
        for (h, v), mean in zip(test, means, strict=True):
            dark = relative_luminance(image.to_rgba(mean)) < 0.4
            colour = "white" if dark else ON_BRIGHT
            axes.text(h, v, f"{mean:.3g}", ha="center", va="center", fontsize=7, color=colour)
    for cell, marker, label in (
        (find_best({cell: test[cell] for cell in val}, metric), "o", "best on test"),
        (best, "s", "best on validation"),
    ):
        axes.plot(*cell, marker=marker, color="red", mfc="none", markersize=24, mew=2, ls="", label=label)


def _cover_cells(axes: Axes, image: QuadMesh, test: Grid, metric: str, undecided: Collection[Cell]) -> None:
    """Hatch the undecided cells, and let each say what it is."""
    corners = np.asarray(image.get_coordinates())
    xs, ys = (sorted({cell[axis] for cell in test}) for axis in (0, 1))
    around = {
        (x, y): corners[[i, i, i + 1, i + 1], [j, j + 1, j + 1, j]] for j, x in enumerate(xs) for i, y in enumerate(ys)
    }
    hatched = [around[cell] for cell in test if cell in undecided]
    axes.add_collection(PolyCollection(hatched, facecolor="none", edgecolor="#808080", hatch="///", linewidths=0))
    notes = [note(f"{x:g}, {y:g}: {_tell(metric, values)}") for (x, y), values in test.items()]
    axes.add_collection(PolyCollection([around[cell] for cell in test], facecolor="none", edgecolor="none", urls=notes))


def _tell(metric: str, values: np.ndarray) -> str:
    seeds = ", ".join(write_value(metric, value) for value in values)
    return f"{name_metric(metric)} {write_interval(metric, interval_of(metric, values))}, by seed {seeds}"


def _draw_mark(axes: Axes, mark: Mark | None) -> None:
    """The data's own values, and the way to them from no bias at all."""
    if mark is None:
        return
    x, y, marginal = mark
    axes.plot([marginal, x], [marginal, y], color="red", lw=1.2, ls=":", label="from no bias to the data's")
    axes.plot(x, y, marker="X", markersize=12, color="red", mec="white", ls="", label="the data's own")
