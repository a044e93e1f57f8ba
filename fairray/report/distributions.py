"""How far attacks move images, image by image: box plots and cumulative shares (Figures 3.2 and 3.3)."""

from collections.abc import Sequence
from itertools import cycle

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fairray.report.attacks import attacked, counted, of_images
from fairray.report.figures import by_ratio, coloured, directed, figure_section, legend_above
from fairray.report.section import Section, joined
from fairray.results import Results

__all__ = ["distributions"]

STROKES = "-", (0, (4, 2)), (0, (1, 1))  # in turn, as curves that lie on each other hide each other


def distributions(results: Results, metrics: Sequence[str] = ("dists", "lpips")) -> Section:
    """A figure per task with a row per metric: boxes of the values of each method, and the share of images below."""
    title, arms = "Distances image by image", attacked(results)
    values = {task: {metric: _values(results, task, of, metric) for metric in metrics} for task, of in arms.items()}
    values = {task: measured for task, of in values.items() if (measured := {m: v for m, v in of.items() if v})}
    if not values:
        return Section(title, "<p>No distance was measured.</p>")
    figures = [
        figure_section(title, _drawn(task, arms[task], measured), f"distributions_{place}.png")
        for place, (task, measured) in enumerate(values.items(), 1)
    ]
    text = (
        "Of each attacked image, fooled or not, the distance of what an attack makes of it; left the quartiles, with "
        "whiskers to at most 1.5 times the box and points beyond, right the share of images with at most that distance "
        f"({counted(results, {task: arms[task] for task in values})})."
    )
    return joined(title, figures, text)


def _values(results: Results, task: str, arms: Sequence[str], metric: str) -> dict[str, pd.Series]:
    """The values of the methods that have any."""
    found = {arm: of_images(results, task, arm, metric) for arm in arms}
    return {arm: values for arm, values in found.items() if len(values)}


def _drawn(task: str, arms: Sequence[str], measured: dict[str, dict[str, pd.Series]]) -> Figure:
    colours = coloured(arms)
    with sns.axes_style("whitegrid"):
        figure = Figure(figsize=(11.0, 0.6 + len(measured) * (1.3 + 0.3 * len(arms))), layout="constrained")
        panels = figure.subplots(len(measured), 2, squeeze=False, sharex="row")
        for (metric, values), (boxes, shares) in zip(measured.items(), panels, strict=True):
            _boxes(boxes, values, colours)
            _shares(shares, values, colours)
            by_ratio(boxes, pd.concat([*values.values()]))
            for axes in (boxes, shares):
                axes.set(xlabel=directed(metric))
        for axes in panels[0]:
            axes.set_title(task)
        legend_above(figure)
    return figure


def _boxes(axes: Axes, values: dict[str, pd.Series], colours: dict) -> None:
    rows = pd.concat(values, names=["method"]).rename("value").reset_index()
    style = {"width": 0.65, "linewidth": 1, "fliersize": 2.5}
    sns.boxplot(rows, x="value", y="method", hue="method", palette=colours, legend=False, ax=axes, **style)
    axes.set_ylabel("")


def _shares(axes: Axes, values: dict[str, pd.Series], colours: dict) -> None:
    for (arm, sample), stroke in zip(values.items(), cycle(STROKES), strict=False):
        shares = np.arange(1, len(sample) + 1) / len(sample) * 100
        axes.step(np.sort(sample), shares, where="post", color=colours[arm], ls=stroke, lw=1.8, label=arm)
    axes.set(ylabel="images (%)", ylim=(0, 102))
