"""What a correction does to the accuracy on each class (RR-ClArC, Figure A.17)."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from fairray.report._blocks import Block, Frame, Picture, Text
from fairray.report._figures import HATCHES, add_legend_above, pick_colours
from fairray.report._words import express, name_with_unit, write_interval
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
    arms, labels = (list(changes[key].unique()) for key in ("method", "label"))
    colours, width = pick_colours(arms), 0.8 / len(arms)
    with sns.axes_style("whitegrid"):
        figure = Figure(figsize=(max(7.0, 0.9 * len(labels)), 4.2), layout="constrained")
        axes = figure.subplots()
        for place, (arm, hatch) in enumerate(zip(arms, cycle(HATCHES))):
            of = changes[changes["method"] == arm].set_index("label").loc[labels]
            x = [i - 0.4 + width * (place + 0.5) for i in range(len(labels))]
            half = [express(metric, interval.half) for interval in of["interval"]]
            style = {"color": colours[arm], "hatch": hatch, "edgecolor": "white", "ecolor": "grey"}
            axes.bar(x, express(metric, of["mean"]), width, yerr=half, label=arm, **style)
        axes.axhline(0, color="black", lw=0.8)
        axes.set(
            title=task, ylabel=f"change of {name_with_unit(metric)}", xticks=range(len(labels)), xticklabels=labels
        )
        add_legend_above(figure)
    return figure
