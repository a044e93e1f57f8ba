"""One metric against another over many tasks (BaDe, Figure 3)."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fairray.report._answers import tell_needed
from fairray.report._blocks import Answer, Block, Picture, Text
from fairray.report._figures import express_points, find_measured, pick_looks, tell_mean
from fairray.report._words import name_metric, name_with_unit, write_interval
from fairray.results import Results, change_of
from fairray.statistics.correlation import Correlation, correlation
from fairray.statistics.intervals import Interval

__all__ = ["Scatter"]

EXTREMES = 5  # points that are named
SURE = "Intervals of 95 % that take the tasks as independent, which those of one data set are not."


@dataclass(frozen=True)
class Scatter:
    """One metric against another, a point per task, and their correlation over tasks.

    Tasks called "Adult income/sex" are coloured by their first word, the data set; the points that are
    farthest from the identity are numbered, and named beside the figure.
    """

    x: str
    y: str

    @property
    def title(self) -> str:
        return f"{name_metric(self.y)} against {name_metric(self.x)}"

    def __call__(self, results: Results) -> Iterator[Block]:
        points = self._average(results)
        if points.empty:
            yield Text("Nothing was measured.")
            return
        found = correlation(points["x"].tolist(), points["y"].tolist())
        caption = f"{self._say(points, found)} {SURE}"
        yield Picture("scatter", self._draw(points, found), f"{self.title}, a point for each task", caption)

    def answer(self, results: Results) -> Answer | None:
        points = self._average(results)
        if points.empty:
            return None
        gap = self._compare(points)
        found = self._say(points, correlation(points["x"].tolist(), points["y"].tolist()))
        return Answer(found, SURE, "" if gap.clear_of_zero else tell_needed([gap], "task"))

    def _compare(self, points: pd.DataFrame) -> Interval:
        return change_of(self.y, points["y"] - points["x"])

    def _say(self, points: pd.DataFrame, found: Correlation) -> str:
        gap = write_interval(self.y, self._compare(points), "+")
        return (
            f"Pearson's {_describe(found)}; Spearman's rank correlation {found.rank:.2f}. Mean over tasks of "
            f"{name_metric(self.y)} minus {name_metric(self.x)}: {gap}."
        )

    def _average(self, results: Results) -> pd.DataFrame:
        """A row per method on a task: its name and data set, means over seeds, half their intervals, and the note."""
        rows = []
        for task, arm in find_measured(results, self.x, self.y):
            h, v = (results.interval(task, arm, metric) for metric in (self.x, self.y))
            source = task.split()[0] if " " in task else ""
            said = tell_mean(results, task, arm, self.x, self.y)
            rows.append((task, source, h.mean, h.half, v.mean, v.half, said))
        return pd.DataFrame(rows, columns=["task", "source", "x", "x half", "y", "y half", "note"])

    def _draw(self, points: pd.DataFrame, found: Correlation) -> Figure:
        with sns.axes_style("whitegrid"):
            figure = Figure(figsize=(9.0, 6.4), layout="constrained")
            axes = figure.subplots()
            points = express_points(points, self.x, self.y)
            axes.axline((0, 0), slope=1, color="grey", ls="--", lw=1, label="identity")
            for source, look in pick_looks(list(points["source"].unique())).items():
                of = points[points["source"] == source]
                lines = {"color": look.colour, "fmt": "none", "lw": 0.8, "alpha": 0.5}
                axes.errorbar(of["x"], of["y"], xerr=of["x half"], yerr=of["y half"], **lines)
                dots = {"color": look.colour, "marker": look.marker, "s": 26, "alpha": 0.8, "urls": [*of["note"]]}
                axes.scatter(of["x"], of["y"], label=source or None, **dots)
            labels = {"xlabel": name_with_unit(self.x), "ylabel": name_with_unit(self.y)}
            axes.set(**labels, title=_describe(found), aspect="equal")
            _name_extremes(axes, points)
            figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper", frameon=False)
        return figure


def _describe(found: Correlation) -> str:
    return f"r = {found.r:.2f} [{found.low:.2f}, {found.high:.2f}], n = {found.n} tasks"


def _name_extremes(axes: Axes, points: pd.DataFrame) -> None:
    """Numbers at the points and names in the legend: names at the points would cover each other."""
    farthest = (points["y"] - points["x"]).abs().nlargest(EXTREMES).index
    for place, row in enumerate(points.loc[farthest].to_dict("records"), 1):
        axes.annotate(str(place), (row["x"], row["y"]), xytext=(5, 4), textcoords="offset points", fontsize=9)
        axes.plot([], [], ls="", label=f"{place}: {row['task']}")
