"""Each metric along each searched number."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fairray.report.figures import by_ratio, figure_section, legend_above
from fairray.report.section import Section, with_unit
from fairray.report.tables import pointed
from fairray.results import Results
from fairray.statistics.intervals import mean_interval

__all__ = ["sweep"]


def sweep(results: Results, metrics: Sequence[str]) -> Section:
    """Each metric along each searched number; a line is the mean, the band its 95 % interval.

    Where several numbers are searched, a line joins the points that differ in one of them; others stand alone.
    """
    lines = [
        (task, arm, key)
        for key in results.searched
        for task, arm in results.chosen
        if _is_swept(results.of(task, arm)[key]) and any(results.has(task, arm, metric) for metric in metrics)
    ]
    if not lines:
        return Section("Search", "<p>No number was searched.</p>")
    with sns.axes_style("whitegrid"):
        figure = Figure(figsize=(max(6.0, 4.6 * len(metrics)), 0.5 + 3.6 * len(lines)), layout="constrained")
        panels = figure.subplots(len(lines), len(metrics), squeeze=False)
        for (task, arm, key), row in zip(lines, panels, strict=True):
            rows = results.of(task, arm).astype({key: float})
            for metric, axes in zip(metrics, row, strict=True):
                axes.set_visible(results.has(task, arm, metric))
                if axes.get_visible():
                    _curve(results, axes, rows, task, arm, key, metric)
        legend_above(figure)
    return figure_section("Search", figure, "sweep.png")


def _is_swept(values: pd.Series) -> bool:
    return values.nunique() > 1 and bool(pd.to_numeric(values, errors="coerce").notna().all())


def _curve(results: Results, axes: Axes, rows: pd.DataFrame, task: str, arm: str, key: str, metric: str) -> None:
    lines = dict(_lines(rows, [other for other in results.searched if other != key and rows[other].nunique() > 1]))
    colours = sns.color_palette("colorblind", len(lines))
    drawn = {
        place: line
        for (place, of), colour in zip(lines.items(), colours, strict=True)
        if (line := _line(axes, of, key, metric, colour))
    }
    if len(drawn) > 1:
        axes.legend(drawn.values(), drawn, fontsize=7)
    axes.axvline(float(results.chosen[task, arm].point[key]), color="grey", ls=":", label="chosen on validation")
    baseline = results.study.baseline
    if baseline and results.has(task, baseline, metric):
        axes.axhline(results.interval(task, baseline, metric).mean, color="grey", ls="--", lw=1, label=baseline)
    axes.set(title=f"{task}, {arm}", xlabel=key.split(".")[-1].replace("_", " "), ylabel=with_unit(metric))
    by_ratio(axes, rows[key])


def _lines(rows: pd.DataFrame, others: Sequence[str]) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows that differ in one searched number only, by where the others stand."""
    if not others:
        yield "", rows
        return
    for values, line in rows.groupby([*others]):
        yield pointed(dict(zip(others, values, strict=True))), line


def _line(axes: Axes, rows: pd.DataFrame, key: str, metric: str, colour) -> Line2D | None:
    """All seeds; where there are several values, their means and intervals too."""
    at, found = np.unique(rows[key]), [mean_interval(part) for _, part in rows.groupby(key)[metric]]
    alone = len(at) < 2
    style = {"color": "grey", "alpha": 0.7} if alone else {"color": colour, "alpha": 0.25}
    axes.scatter(rows[key], rows[metric], s=22, linewidths=0, label="seeds", **style)
    if alone:
        return None
    axes.fill_between(at, [i.low for i in found], [i.high for i in found], color=colour, alpha=0.15)
    return axes.plot(at, [i.mean for i in found], color=colour, marker="o", label="mean [95 %]")[0]
