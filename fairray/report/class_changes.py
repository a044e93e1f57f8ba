"""What a correction does to the accuracy on each class (RR-ClArC, Figure A.17)."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from fairray.report._blocks import Block, Frame, Picture, Text
from fairray.report._figures import add_legend_above, draw_bars
from fairray.report._words import name_with_unit, write_interval
from fairray.results import Results, change_of

__all__ = ["ClassChanges"]


@dataclass(frozen=True)
class ClassChanges:
    """The change of the accuracy on each class against the baseline, seed by seed."""

    metric: str = "clean_class_accuracy"
    title: str = "Changes by class"

    def __call__(self, results: Results) -> Iterator[Block]:
        changes = _find_changes(results, self.metric)
        if changes.empty:
            yield Text("Accuracies by class were not measured of two methods.")
            return
        for place, (task, of) in enumerate(changes.groupby("task", sort=False), 1):
            alt = f"change of the accuracy on each class of {task} against {results.study.baseline}, by method"
            yield Picture(f"class_changes_{place}", _draw(str(task), of, self.metric), alt)
        cells = changes.assign(change=[write_interval(self.metric, interval, "+") for interval in changes["interval"]])
        wide = cells.pivot(index=["task", "method"], columns="label", values="change").reset_index()
        numbers = changes.assign(**{name: [i._asdict()[name] for i in changes["interval"]] for name in ("low", "high")})
        caption = f"{name_with_unit(self.metric)}, less that of {results.study.baseline} [95 % t-interval over seeds]."
        yield Frame("class_changes", wide, numbers.drop(columns="interval"), caption)


def _find_changes(results: Results, metric: str) -> pd.DataFrame:
    """A row for each task, method and class: the interval of the difference to the baseline, and its mean."""
    rows = results.records.query("split == 'test' and metric == @metric and label.notna()")
    found = []
    for task, arm in results.chosen:
        base = results.chosen.get((task, str(results.study.baseline)))
        if base is None or arm == results.study.baseline:
            continue
        own, other = (
            rows[rows["trial"] == trial.uid].pivot_table(index="seed", columns="label", values="value", sort=False)
            for trial in (results.chosen[task, arm], base)
        )
        for label in own.columns.intersection(other.columns, sort=False):
            interval = change_of(metric, (own[label] - other[label]).dropna())
            place = {"task": task, "method": arm, "label": label}
            found.append({**place, "interval": interval, "mean": interval.mean, "n": interval.n})
    return pd.DataFrame(found)


def _draw(task: str, changes: pd.DataFrame, metric: str) -> Figure:
    labels = list(changes["label"].unique())
    by_arm = changes.set_index("label").groupby("method", sort=False)
    bars = {str(arm): list(of.loc[labels, "interval"]) for arm, of in by_arm}
    with sns.axes_style("whitegrid"):
        figure = Figure(figsize=(max(7.0, 0.9 * len(labels)), 4.2), layout="constrained")
        axes = figure.subplots()
        draw_bars(axes, metric, bars, labels)
        axes.axhline(0, color="black", lw=0.8)
        axes.set(title=task, ylabel=f"change of {name_with_unit(metric)}")
        add_legend_above(figure)
    return figure
