"""What the models of each task tell of every task, as bars (PreserveTask, Figures 5 to 7, 9 to 20, 24)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fairray.matrices import LACKING, Matrix, find_matrices
from fairray.report._blocks import Block, Picture, Text
from fairray.report._figures import add_legend_above, draw_bars, make_panels
from fairray.report._words import express, name_with_unit
from fairray.results import Results
from fairray.statistics.intervals import mean_interval

__all__ = ["TrustBars"]

METRIC = "probe_accuracy"


@dataclass(frozen=True)
class TrustBars:
    """For each task that models are trained for, how often probes of every task are right: a bar for each method."""

    title: str = "What models tell, side by side"

    def __call__(self, results: Results) -> Iterator[Block]:
        found = sorted(find_matrices(results), key=lambda one: one.family)
        if not found:
            yield Text(LACKING)
        caption = (
            "Each panel has the models of one task; accuracy on the test set of a probe for each task, mean over seeds "
            "and 95 % t-interval. A line is chance: above it, models tell of a task that was not theirs."
        )
        for place, (family, of) in enumerate(groupby(found, key=lambda one: one.family), 1):
            matrices = list(of)
            arms = ", ".join(one.arm for one in matrices)
            alt = f"accuracy of probes by trained and probed task of {family}, a bar for each of {arms}"
            yield Picture(f"trust_bars_{place}", _draw(matrices), alt, caption)


def _draw(matrices: Sequence[Matrix]) -> Figure:
    tasks = matrices[0].tasks
    with sns.axes_style("whitegrid"):
        width = len(tasks) * max(0.8, 0.16 * len(matrices) + 0.2)
        figure, panels = make_panels(len(tasks), size=(max(width, 3.4), 2.6), margin=(0.3, 0.5))
        for row, (task, axes) in enumerate(zip(tasks, panels, strict=True)):
            bars = {one.arm: [mean_interval(column) for column in one.accuracy[:, row].T] for one in matrices}
            draw_bars(axes, METRIC, bars, [*tasks])
            _draw_chance(axes, [*tasks.values()])
            axes.set(title=f"trained for {task}", ylim=(0, express(METRIC, 1)))
            axes.tick_params(axis="x", labelsize=8)
        panels[0].set_ylabel(name_with_unit(METRIC))
        add_legend_above(figure)
    return figure


def _draw_chance(axes: Axes, classes: Sequence[int]) -> None:
    for place, count in enumerate(classes):
        axes.hlines(express(METRIC, 1 / count), place - 0.45, place + 0.45, color="black", lw=1.2)
