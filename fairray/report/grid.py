"""A search over two numbers (BaDe, Figure 5): the map, and where its best cell lies."""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from seaborn.utils import relative_luminance

from fairray.measures import find
from fairray.records import headline
from fairray.report.figures import figure_section, legend_above
from fairray.report.section import Section, named, shown, with_unit
from fairray.report.tables import items
from fairray.results import Results
from fairray.statistics.intervals import mean_interval

__all__ = ["Mark", "grid_verdict", "heatmap"]

Mark = tuple[float, float, float]  # the data's own x and y, and the rate that both have where there is no bias
Cell = tuple[float, float]
Grid = dict[Cell, np.ndarray]  # of each cell (x, y) the values of the seeds, as printed
LEGIBLE = 121  # cells with their values written in them


def heatmap(results: Results, x: str, y: str, metrics: Sequence[str], marks: Mapping[str, Mark]) -> Section:
    """Mean test values over the grid of two searched numbers, a row per method on a task, a panel per metric.

    x, y: dotted names of the search. marks: of each task, where the data's own values lie, and the marginal.
    """
    lines = _searches(results, x, y)
    if not lines:
        return Section("Grid", f"<p>{escape(x)} and {escape(y)} were not searched together.</p>")
    with sns.axes_style("white"):
        figure = Figure(figsize=(6.6 * len(metrics), 0.6 + 5.2 * len(lines)), layout="constrained")
        panels = figure.subplots(len(lines), len(metrics), squeeze=False)
        for (task, arm), row in zip(lines, panels, strict=True):
            for metric, axes in zip(metrics, row, strict=True):
                axes.set_visible(results.has(task, arm, metric))
                if axes.get_visible():
                    _map(axes, *_searched(results, task, arm, x, y, metric), metric)
                    _mark(axes, marks.get(task))
                    axes.set(title=f"{task}, {arm}: {with_unit(metric)}", xlabel=_label(x), ylabel=_label(y))
        legend_above(figure)
    return figure_section("Grid", figure, "heatmap.png", "Test set, means over seeds; brighter is better.")


def grid_verdict(results: Results, x: str, y: str, metric: str, marks: Mapping[str, Mark]) -> Section:
    """How the best cell compares with the one nearest to the data's own values, and how sure it is."""
    lines = [
        f"<b>{escape(task)}, {escape(arm)}</b>: {_said(results, task, arm, x, y, metric, marks[task])}"
        for task, arm in _searches(results, x, y)
        if task in marks and results.has(task, arm, metric)
    ]
    note = (
        f"{with_unit(metric)} on the test set, mean over seeds [95 % t-interval]; differences are taken seed by seed. "
        "A cell that was lucky with its seeds is so on validation and on test data alike, which still flatters the "
        "best one; where each seed's cell is chosen on the other seeds, it does not. Cells are compared one by one, "
        "without correction for their number."
    )
    return Section(f"Best {named(metric)} of the grid", f"{items(lines)}<p>{note}</p>")


def _searches(results: Results, x: str, y: str) -> list[tuple[str, str]]:
    return [pair for pair, trial in results.chosen.items() if {x, y} <= set(trial.point)]


def _searched(results: Results, task: str, arm: str, x: str, y: str, metric: str) -> tuple[Grid, Grid]:
    """The grid on validation and on test data, with the same seeds in the same order."""
    rows = results.of(task, arm, headline(results.records))
    rows = rows[rows["metric"] == metric].astype({x: float, y: float})
    splits = [rows[rows["split"] == split] for split in ("val", "test")]
    tables = [
        part.pivot_table(index=[x, y], columns="seed", values="value").dropna() * find(metric).unit.factor
        for part in splits
    ]
    val, test = (dict(zip(table.index.to_list(), table.to_numpy(), strict=True)) for table in tables)
    return val, test


def _label(key: str) -> str:
    return key.split(".")[-1].replace("_", " ")


def _best(grid: Grid, metric: str) -> Cell:
    """The cell with the best mean over seeds."""
    sign = 1 if find(metric).best == "low" else -1
    return min(grid, key=lambda cell: sign * grid[cell].mean())


def _map(axes: Axes, val: Grid, test: Grid, metric: str) -> None:
    means = pd.Series({cell: values.mean() for cell, values in test.items()})
    table = means.unstack(0)
    colours = "viridis_r" if find(metric).best == "low" else "viridis"
    image = axes.pcolormesh(table.columns, table.index, table.to_numpy(), shading="nearest", cmap=colours)
    axes.figure.colorbar(image, ax=axes)
    if len(test) <= LEGIBLE:
        for (h, v), values in test.items():
            dark = relative_luminance(image.to_rgba(values.mean())) < 0.4
            colour = "white" if dark else "black"
            axes.text(h, v, f"{values.mean():.3g}", ha="center", va="center", fontsize=7, color=colour)
    for cell, marker, label in (
        (_best(test, metric), "o", "best on test"),
        (_best(val, metric), "s", "best on validation"),
    ):
        axes.plot(*cell, marker=marker, color="red", mfc="none", markersize=24, mew=2, ls="", label=label)


def _mark(axes: Axes, mark: Mark | None) -> None:
    """The data's own values, and the way to them from no bias at all."""
    if mark is None:
        return
    x, y, marginal = mark
    axes.plot([marginal, x], [marginal, y], color="red", lw=1.2, ls=":", label="from no bias to the data's")
    axes.plot(x, y, marker="X", markersize=12, color="red", mec="white", ls="", label="the data's own")


def _said(results: Results, task: str, arm: str, x: str, y: str, metric: str, mark: Mark) -> str:
    val, test = _searched(results, task, arm, x, y, metric)
    best, near = _best(val, metric), _nearest(test, mark)
    texts = [
        f"{named(metric)} {shown(metric, mean_interval(test[best]))} at {_place(best, x, y)}, the best cell on "
        f"validation data{_strength(best, mark)}",
        f"{shown(metric, mean_interval(test[near]))} at {_place(near, x, y)}, the cell nearest to the data's own "
        f"({mark[0]:.3g}, {mark[1]:.3g})",
        f"the best minus the nearest {shown(metric, mean_interval(test[best] - test[near]), '+')}",
        *_noise(val, test, best, near, metric),
    ]
    return "; ".join(texts) + "."


def _noise(val: Grid, test: Grid, best: Cell, near: Cell, metric: str) -> list[str]:
    """What the choice among many noisy cells is worth; nothing can be said of one seed."""
    seeds = range(len(test[best]))
    if len(seeds) < 2:
        return ["one seed: no verdict"]
    others = [_best({cell: np.delete(values, seed) for cell, values in val.items()}, metric) for seed in seeds]
    apart = mean_interval(test[others[seed]][seed] - test[near][seed] for seed in seeds)
    return [
        f"{shown(metric, apart, '+')} where each seed's cell is chosen on the others",
        f"{_not_worse(test, best, metric)} of {len(test) - 1} other cells are not clearly worse than the best",
    ]


def _not_worse(test: Grid, best: Cell, metric: str) -> int:
    sign = 1 if find(metric).best == "low" else -1
    losses = [mean_interval(sign * (values - test[best])) for cell, values in test.items() if cell != best]
    return sum(loss.low <= 0 for loss in losses)


def _nearest(grid: Grid, mark: Mark) -> Cell:
    return min(grid, key=lambda cell: (cell[0] - mark[0]) ** 2 + (cell[1] - mark[1]) ** 2)


def _place(cell: Cell, x: str, y: str) -> str:
    return f"{_label(x)} = {cell[0]:g}, {_label(y)} = {cell[1]:g}"


def _strength(cell: Cell, mark: Mark) -> str:
    """The cell's projection on the way from no bias (0) to the data's own (1)."""
    x, y, marginal = mark
    way = (x - marginal, y - marginal)
    length = way[0] ** 2 + way[1] ** 2
    if length == 0:
        return ""
    along = ((cell[0] - marginal) * way[0] + (cell[1] - marginal) * way[1]) / length
    return f" (strength {along:.2f} on the way from no bias, 0, to the data's, 1)"
