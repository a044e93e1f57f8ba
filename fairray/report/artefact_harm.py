"""What it costs to take out ever more artefacts, always or only where they are (Reactive Model Correction)."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from fairray.report._blocks import Block, Picture, Text
from fairray.report._figures import Look, add_legend_above, pick_looks
from fairray.report._words import express, name_with_unit
from fairray.results import Results
from fairray.statistics.intervals import Interval

__all__ = ["ArtefactHarm"]


@dataclass(frozen=True)
class ArtefactHarm:
    """Metrics by the number of artefacts that a method takes out, a line for each condition; the baseline is dashed."""

    metrics: tuple[str, ...] = ("clean_accuracy", "attacked_accuracy")
    title: str = "Harm by the number of artefacts"

    def __call__(self, results: Results) -> Iterator[Block]:
        rows = [row for task, arm in results.chosen for row in self._measure(results, task, arm)]
        if not rows:
            yield Text("No method takes out artefacts beside the data's own.")
            return
        alt = f"{', '.join(map(name_with_unit, self.metrics))} by the number of artefacts taken out, by condition"
        yield Picture("artefact_harm", self._draw(results, pd.DataFrame(rows)), alt, "Means [95 % t-interval].")

    def _measure(self, results: Results, task: str, arm: str) -> Iterator[dict]:
        method = results.chosen[task, arm].method
        if not hasattr(method, "artefacts"):
            return
        for metric in self.metrics:
            if results.has(task, arm, metric):
                interval = results.interval(task, arm, metric)
                place = {"task": task, "metric": metric, "condition": method.condition}
                yield {**place, "number": 1 + len(method.artefacts), "interval": interval}

    def _draw(self, results: Results, rows: pd.DataFrame) -> Figure:
        tasks, conditions = (list(rows[key].unique()) for key in ("task", "condition"))
        looks = pick_looks(conditions)
        with sns.axes_style("whitegrid"):
            figure = Figure(figsize=(5.4 * len(self.metrics), 4.0 * len(tasks)), layout="constrained")
            panels = figure.subplots(len(tasks), len(self.metrics), squeeze=False)
            for task, across in zip(tasks, panels, strict=True):
                for metric, axes in zip(self.metrics, across, strict=True):
                    of = rows[(rows["task"] == task) & (rows["metric"] == metric)].sort_values("number")
                    for condition in conditions:
                        line = of[of["condition"] == condition]
                        _draw_line(axes, line["number"], list(line["interval"]), metric, condition, looks[condition])
                    base = str(results.study.baseline)
                    if results.has(task, base, metric):
                        level = express(metric, results.interval(task, base, metric).mean)
                        axes.axhline(level, color="grey", ls="--", lw=1, label=base)
                    axes.set(title=task, xlabel="artefacts taken out", ylabel=name_with_unit(metric))
                    axes.set_xticks(sorted(of["number"].unique()))
            add_legend_above(figure)
        return figure


def _draw_line(axes, numbers: pd.Series, intervals: list[Interval], metric: str, label: str, look: Look) -> None:
    means, half = ([express(metric, getattr(i, part)) for i in intervals] for part in ("mean", "half"))
    style = {"color": look.colour, "marker": look.marker, "ls": look.stroke}
    axes.errorbar(numbers, means, yerr=half, capsize=3, label=label, **style)
