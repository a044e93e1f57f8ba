"""The figures of a study: all seeds faint, mean and 95 % interval on top."""

import base64
from collections.abc import Collection, Sequence
from io import BytesIO
from typing import Any

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from fairray.measures import find
from fairray.report.section import Section, named, shown, with_unit
from fairray.results import Results
from fairray.statistics.correlation import Correlation, correlation
from fairray.statistics.intervals import mean_interval

__all__ = ["by_ratio", "coloured", "directed", "figure_section", "legend_above", "scatter", "tradeoff"]

mpl.use("agg")  # reports are written where there is no screen

ACROSS = 3  # panels beside each other
EXTREMES = 5  # points that are named
WIDE = 10  # ratio of the largest to the smallest value beyond which a scale is by ratio
DECADES = 3  # on a longer axis only powers of ten are labelled


def tradeoff(results: Results, x: str, y: str) -> Section:
    """Accuracy against bias of every method, a panel per task; a cross is what the paper prints of that task."""
    pairs = _measured(results, x, y)
    tasks = list(dict.fromkeys(task for task, _ in pairs))
    if not tasks:
        return Section("Accuracy and fairness", "<p>Nothing was measured.</p>")
    arms = list(dict.fromkeys(arm for _, arm in pairs))
    colours = coloured(arms)
    across, down = min(ACROSS, len(tasks)), -(-len(tasks) // ACROSS)
    with sns.axes_style("whitegrid"):
        figure = Figure(figsize=(1.5 + 5.0 * across, 4.4 * down), layout="constrained")
        panels = figure.subplots(down, across, squeeze=False).flatten()
        for axes in panels[len(tasks) :]:
            axes.set_visible(False)
        for task, axes in zip(tasks, panels, strict=False):
            for arm in [arm for arm in arms if (task, arm) in pairs]:
                _point(results, axes, task, arm, x, y, colours[arm])
            axes.set(title=task, xlabel=directed(x), ylabel=directed(y))
        labelled = {k: v for axes in panels for v, k in zip(*axes.get_legend_handles_labels(), strict=True)}
        order = sorted(labelled, key=lambda label: [*arms, "printed"].index(label))
        figure.legend([labelled[k] for k in order], order, loc="outside right center", frameon=False)
    return figure_section("Accuracy and fairness", figure, "tradeoff.png")


def scatter(results: Results, x: str, y: str) -> Section:
    """One metric against another, a point per task, and their correlation over tasks (BaDe, Figure 3).

    Tasks called "Adult income/sex" are coloured by their first word, the data set; the points that are
    farthest from the identity are numbered, and named beside the figure.
    """
    points = _points(results, x, y)
    title = f"{named(y)} against {named(x)}"
    if points.empty:
        return Section(title, "<p>Nothing was measured.</p>")
    found = correlation(points["x"].tolist(), points["y"].tolist())
    sources = list(points["source"].unique())
    with sns.axes_style("whitegrid"):
        figure = Figure(figsize=(9.0, 6.4), layout="constrained")
        axes = figure.subplots()
        axes.axline((0, 0), slope=1, color="grey", ls="--", lw=1, label="identity")
        for source, colour in coloured(sources).items():
            of = points[points["source"] == source]
            style = {"color": colour, "fmt": "o", "markersize": 5, "lw": 0.8, "alpha": 0.8}
            axes.errorbar(of["x"], of["y"], xerr=of["x half"], yerr=of["y half"], label=source or None, **style)
        axes.set(xlabel=with_unit(x), ylabel=with_unit(y), title=_correlated(found), aspect="equal")
        _name_extremes(axes, points)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper", frameon=False)
    gap = shown(y, mean_interval(points["y"] - points["x"]), "+")
    text = (
        f"Pearson's {_correlated(found)}; Spearman's rank correlation {found.rank:.2f}. Mean over tasks of {named(y)} "
        f"minus {named(x)}: {gap}. Intervals of 95 % that take the tasks as independent, which those of one data set "
        "are not."
    )
    return figure_section(title, figure, "scatter.png", text)


def figure_section(title: str, figure: Figure, name: str, text: str = "") -> Section:
    """A figure inside the page and as a file, with a paragraph under it."""
    png = BytesIO()
    figure.savefig(png, dpi=150, bbox_inches="tight")
    data = base64.b64encode(png.getvalue()).decode()
    image = f"<img alt='{title}' src='data:image/png;base64,{data}'>"
    return Section(title, image + (f"<p>{text}</p>" if text else ""), {name: png.getvalue()})


def legend_above(figure: Figure) -> None:
    """One legend for all panels, in which each label stands once."""
    labelled = {k: v for axes in figure.axes for v, k in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(labelled.values(), labelled, loc="outside upper center", ncols=len(labelled), frameon=False)


def coloured(names: Sequence[str]) -> dict[str, Any]:
    """A colour for each, all as far apart as colour-blind readers need."""
    return dict(zip(names, sns.color_palette("colorblind", len(names)), strict=True))


def by_ratio(axes: Axes, values: Collection[float]) -> bool:
    """Whether x has a scale by ratio now, as one by difference would press values of many sizes into a corner."""
    low, high = float(min(values)), float(max(values))
    if not 0 < WIDE * low < high:
        return False
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1,) if high > low * 10**DECADES else (1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    return True


def _measured(results: Results, *metrics: str) -> list[tuple[str, str]]:
    """The methods on tasks of which all these metrics were measured."""
    return [pair for pair in results.chosen if all(results.has(*pair, metric) for metric in metrics)]


def directed(metric: str) -> str:
    """How an axis is labelled."""
    return f"{with_unit(metric)}, {find(metric).better} is better"


def _point(results: Results, axes: Axes, task: str, arm: str, x: str, y: str, colour) -> None:
    h, v = (results.values(task, arm, metric) for metric in (x, y))
    axes.scatter(h, v, color=colour, alpha=0.25, s=22, linewidths=0)
    means = [mean_interval(values) for values in (h, v)]
    axes.errorbar(
        means[0].mean, means[1].mean, xerr=means[0].half, yerr=means[1].half,
        color=colour, marker="o", markersize=7, capsize=3, lw=1.5, ls="", label=arm,
    )  # fmt: skip
    printed = [value for metric in (x, y) if (value := results.print_of(task, arm, metric)) is not None]
    if len(printed) == 2 and task not in results.study.printed_tasks:  # other data's values would lie far away
        axes.plot(*printed, color=colour, marker="x", markersize=8, ls="", mew=1.5)
        axes.plot([], [], color="grey", marker="x", ls="", label="printed")


def _points(results: Results, x: str, y: str) -> pd.DataFrame:
    """A row per method on a task: its name, the data set it is of, means over seeds and half their intervals."""
    rows = []
    for task, arm in _measured(results, x, y):
        h, v = (results.interval(task, arm, metric) for metric in (x, y))
        source = task.split()[0] if " " in task else ""
        rows.append((task, source, h.mean, h.half, v.mean, v.half))
    return pd.DataFrame(rows, columns=["task", "source", "x", "x half", "y", "y half"])


def _correlated(found: Correlation) -> str:
    return f"r = {found.r:.2f} [{found.low:.2f}, {found.high:.2f}], n = {found.n} tasks"


def _name_extremes(axes: Axes, points) -> None:
    """Numbers at the points and names in the legend: names at the points would cover each other."""
    farthest = (points["y"] - points["x"]).abs().nlargest(EXTREMES).index
    for place, row in enumerate(points.loc[farthest].itertuples(), 1):
        axes.annotate(str(place), (row.x, row.y), xytext=(5, 4), textcoords="offset points", fontsize=9)
        axes.plot([], [], ls="", label=f"{place}: {row.task}")
