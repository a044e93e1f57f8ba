"""How far attacks move images, image by image: box plots and cumulative shares (Imperceptible Attacks, Figures 3.2
and 3.3)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fairray.measures import PERCENT
from fairray.report._blocks import Block, Picture, Text
from fairray.report._figures import Look, add_legend_above, pick_looks, scale_by_ratio
from fairray.report._images import count_images, find_attacked, read_images
from fairray.report._words import describe_metric, express, name_metric
from fairray.results import Results

__all__ = ["Distributions"]


@dataclass(frozen=True)
class Distributions:
    """A figure per task with a row per metric: boxes of the values of each method, and the share of images below."""

    metrics: tuple[str, ...] = ("dists", "lpips")
    title: str = "Distances image by image"

    def __call__(self, results: Results) -> Iterator[Block]:
        arms = find_attacked(results)
        values = {task: self._measure(results, task, of) for task, of in arms.items()}
        values = {task: measured for task, measured in values.items() if measured}
        if not values:
            yield Text("No distance was measured.")
            return
        for place, (task, measured) in enumerate(values.items(), 1):
            alt = f"{', '.join(map(name_metric, measured))} of each image of {task}, by method"
            yield Picture(f"distributions_{place}", _draw(task, arms[task], measured), alt)
        yield Text(
            "Of each attacked image, fooled or not, the distance of what an attack makes of it; left the quartiles, "
            "with whiskers to at most 1.5 times the box and points beyond, right the share of images with at most that "
            f"distance ({count_images(results, {task: arms[task] for task in values})})."
        )

    def _measure(self, results: Results, task: str, arms: Sequence[str]) -> dict[str, dict[str, pd.Series]]:
        """The values of the methods that have any, by metric."""
        found = {metric: {arm: read_images(results, task, arm, metric) for arm in arms} for metric in self.metrics}
        found = {metric: {arm: values for arm, values in of.items() if len(values)} for metric, of in found.items()}
        return {metric: of for metric, of in found.items() if of}


def _draw(task: str, arms: Sequence[str], measured: dict[str, dict[str, pd.Series]]) -> Figure:
    looks = pick_looks(arms)
    with sns.axes_style("whitegrid"):
        figure = Figure(figsize=(11.0, 0.6 + len(measured) * (1.3 + 0.3 * len(arms))), layout="constrained")
        panels = figure.subplots(len(measured), 2, squeeze=False, sharex="row")
        for (metric, found), (boxes, shares) in zip(measured.items(), panels, strict=True):
            values = {arm: express(metric, of) for arm, of in found.items()}
            _draw_boxes(boxes, values, {arm: look.colour for arm, look in looks.items()})
            _draw_shares(shares, values, looks)
            scale_by_ratio(boxes, pd.concat([*values.values()]))
            for axes in (boxes, shares):
                axes.set(xlabel=describe_metric(metric))
        for axes in panels[0]:
            axes.set_title(task)
        add_legend_above(figure)
    return figure


def _draw_boxes(axes: Axes, values: dict[str, pd.Series], colours: dict) -> None:
    rows = pd.concat(values, names=["method"]).rename("value").reset_index()
    style = {"width": 0.65, "linewidth": 1, "fliersize": 2.5}
    sns.boxplot(rows, x="value", y="method", hue="method", palette=colours, legend=False, ax=axes, **style)
    axes.set_ylabel("")


def _draw_shares(axes: Axes, values: dict[str, pd.Series], looks: dict[str, Look]) -> None:
    for arm, sample in values.items():
        shares = np.arange(1, len(sample) + 1) / len(sample)
        style = {"color": looks[arm].colour, "ls": looks[arm].stroke, "lw": 1.8}
        axes.step(np.sort(sample), PERCENT.express(shares), where="post", label=arm, **style)
    axes.set(ylabel=f"images{PERCENT.label}", ylim=(0, 102))
