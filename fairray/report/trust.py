"""What models learn beyond their tasks (PreserveTask): the matrices of accuracies, and their trust scores."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fairray.report.figures import figure_section
from fairray.report.section import Section, shown
from fairray.report.tables import Entry, items, laid_out, stands_for, table_section
from fairray.results import Results
from fairray.statistics.intervals import Interval, mean_interval
from fairray.statistics.trust import band, trust_score
from fairray.trial import dataset

__all__ = ["probed", "trust_matrices", "trust_scores"]

ACROSS = 3  # panels beside each other


@dataclass(frozen=True)
class Matrix:
    """What models that were trained for each task tell of each task: one method on one family of tasks.

    tasks: how many classes each has, by name. accuracy: fractions with axes (seed, preserved task, probed task).
    seeds: which they are.
    """

    family: str
    arm: str
    tasks: dict[str, int]
    accuracy: np.ndarray
    seeds: list[int]

    @cached_property
    def scores(self) -> pd.Series:
        """The trust score of each seed."""
        classes = [*self.tasks.values()]
        return pd.Series([trust_score(one, classes) for one in self.accuracy], index=self.seeds)

    @cached_property
    def score(self) -> Interval:
        return mean_interval(self.scores)


def trust_matrices(results: Results) -> Section:
    """A heat map for each method on each family of tasks: which task was learnt, and which can be read off."""
    found = list(_matrices(results))
    if not found:
        return Section("Task matrices", f"<p>{_lacking()}</p>")
    across, down = min(ACROSS, len(found)), -(-len(found) // ACROSS)
    with sns.axes_style("white"):
        figure = Figure(figsize=(0.8 + 4.6 * across, 0.4 + 4.1 * down), layout="constrained")
        panels = figure.subplots(down, across, squeeze=False).flatten()
        for axes in panels[len(found) :]:
            axes.set_visible(False)
        for matrix, axes in zip(found, panels, strict=False):
            _map(axes, matrix, several=len({one.family for one in found}) > 1)
        image = axes.collections[0]
        figure.colorbar(image, ax=list(panels), label="accuracy (%)", shrink=0.6)
    text = (
        "Accuracy on the test set of a probe for the task of the column, on the features of a model that was trained "
        "for the task of the row; means over seeds. The ideal has 100 on the diagonal and chance elsewhere, which "
        "stands under each column's name."
    )
    return figure_section("Task matrices", figure, "matrices.png", text)


def trust_scores(results: Results) -> Section:
    """The trust score of each method on each family of tasks, and how it differs from the baseline's, seed by seed."""
    found = {(matrix.family, matrix.arm): matrix for matrix in _matrices(results)}
    if not found:
        return Section("Trust scores", f"<p>{_lacking()}</p>")
    entries = [_entry(results, matrix) for matrix in found.values()]
    frame = laid_out(entries, rows=("tasks", "method", "band"), across="metric")
    note = (
        "1 is the ideal: a model tells its own task and nothing of the others. Mean over seeds [95 % t-interval]; "
        "highly desirable from .9, acceptable from .8, poor below."
    )
    section = table_section("Trust scores", "trust", frame, entries, [note])
    return Section(section.title, section.html + items(_changes(results, found)), section.files)


def probed(results: Results) -> Section:
    """What the probes of each method's models tell of every task."""
    entries = [
        Entry(
            key={"task": task, "probed": str(name), "method": arm},
            metric="probe_accuracy",
            interval=mean_interval(values),
            printed=results.print_of(task, arm, "probe_accuracy", view=str(name)),
        )
        for task, arm in results.chosen
        for name, values in _told(results, task, arm)
    ]
    frame = laid_out(entries, rows=("task", "probed"), across="method")
    note = "Accuracy (%) of a probe for each task on the test set; mean over seeds [95 % t-interval]."
    return table_section("Probes", "probes", frame, entries, [note, *stands_for(results)])


def _told(results: Results, task: str, arm: str) -> Iterator[tuple[Any, pd.Series]]:
    rows = results.of(task, arm, results.views)
    yield from rows[rows["metric"] == "probe_accuracy"].groupby("view", sort=False)["value"]


def _matrices(results: Results) -> Iterator[Matrix]:
    """Of every method on every family of which all rows are there.

    Where a task has a protected attribute, its models speak for that column and the diagonal alone, and the diagonal
    is the mean of all of a row's models.
    """
    rows = results.views[results.views["metric"] == "probe_accuracy"].copy()
    datasets = results.study.tasks
    rows["family"] = rows["task"].map(results.study.families)
    rows["preserved"] = rows["task"].map({task: dataset(member).target for task, member in datasets.items()})
    suppressed = rows["task"].map({task: getattr(member, "protected", None) for task, member in datasets.items()})
    rows = rows[suppressed.isna() | (rows["view"] == suppressed) | (rows["view"] == rows["preserved"])]
    for (family, arm), part in rows.groupby(["family", "arm"], sort=False):
        tasks = _tasks(results, str(family))
        means = part.groupby(["seed", "preserved", "view"])["value"].mean() / 100
        seeds = sorted(part["seed"].unique())
        cells = pd.MultiIndex.from_product([seeds, tasks, tasks])
        if cells.isin(means.index).all():
            accuracy = means[cells].to_numpy().reshape(len(seeds), len(tasks), len(tasks))
            yield Matrix(str(family), str(arm), tasks, accuracy, seeds)


def _tasks(results: Results, family: str) -> dict[str, int]:
    """The tasks of a family in the order in which the study names them, and how many classes each has."""
    data = [dataset(member) for task, member in results.study.tasks.items() if results.study.families[task] == family]
    order = dict.fromkeys([one.target for one in data] + [name for one in data for name in one.tasks])
    return {name: len(data[0].tasks[name].classes) for name in order}


def _map(axes: Axes, matrix: Matrix, several: bool) -> None:
    names = [f"{name}\n({100 / classes:.0f})" for name, classes in matrix.tasks.items()]
    sns.heatmap(
        100 * matrix.accuracy.mean(0), ax=axes, vmin=0, vmax=100, cmap="viridis", annot=True, fmt=".0f", square=True,
        cbar=False, xticklabels=names, yticklabels=list(matrix.tasks), linewidths=0.5,
    )  # fmt: skip
    axes.tick_params(axis="both", labelrotation=0, labelsize=8)
    of = f"{matrix.family}, {matrix.arm}" if several else matrix.arm
    axes.set(xlabel="probed task (chance)", ylabel="trained task", title=f"{of}: {shown('trust', matrix.score)}")
    axes.title.set_fontsize(10)


def _entry(results: Results, matrix: Matrix) -> Entry:
    return Entry(
        key={"tasks": matrix.family, "method": matrix.arm, "band": band(matrix.score.mean)},
        metric="trust",
        interval=matrix.score,
        printed=results.printed_value(task=matrix.family, arm=matrix.arm, metric="trust"),
    )


def _changes(results: Results, found: dict[tuple[str, str], Matrix]) -> Iterator[str]:
    baseline = results.study.baseline
    for (family, arm), matrix in found.items():
        if arm != baseline and (family, str(baseline)) in found:
            change = mean_interval((matrix.scores - found[family, str(baseline)].scores).dropna())
            verdict = "one seed: no verdict" if change.n < 2 else _said(change)
            text = f"{shown('trust', change, '+')} against {escape(str(baseline))}: {verdict}"
            yield f"<b>{escape(family)}, {escape(arm)}</b>: {text}."


def _said(change: Interval) -> str:
    if not change.clear_of_zero:
        return "not clear of zero"
    return "<span class='good'>more to be trusted</span>" if change.mean > 0 else "<span class='bad'>less</span>"


def _lacking() -> str:
    return "A score needs a model for every task of the data set."
