"""Methods in the plane of bias and accuracy: all seeds faint, mean and 95 % interval on top."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fairray.report._blocks import Block, Picture, Text
from fairray.report._figures import Look, draw_mean, find_labels, find_measured, make_panels, pick_looks, tell_seeds
from fairray.report._words import describe_metric, express, name_metric
from fairray.results import Results

__all__ = ["Tradeoff"]

LISTED = 16  # methods below each other in the legend, which is as high as a panel


@dataclass(frozen=True)
class Tradeoff:
    """One metric against another for every method, a panel per task; a cross is what the paper prints of that task.
    Hollow is what is no result.

    Where no task has both, the last of the objectives against the first.
    """

    x: str = "odds"
    y: str = "eacc"
    title: str = "Accuracy and fairness"

    def __call__(self, results: Results) -> Iterator[Block]:
        pairs = find_measured(results, self.x, self.y)
        if not pairs:
            *_, x = y, *_ = results.study.objectives
            if find_measured(results, x, y) and x != y:
                yield from replace(self, x=x, y=y)(results)
            else:
                yield Text("Nothing was measured.")
            return
        tasks = list(dict.fromkeys(task for task, _ in pairs))
        alt = f"{name_metric(self.y)} against {name_metric(self.x)} of every method on {', '.join(tasks)}"
        yield Picture("tradeoff", self._draw(results, pairs, tasks), alt)

    def _draw(self, results: Results, pairs: Sequence[tuple[str, str]], tasks: Sequence[str]) -> Figure:
        looks = pick_looks(list(dict.fromkeys(arm for _, arm in pairs)))
        with sns.axes_style("whitegrid"):
            columns = -(-len(looks) // LISTED)
            figure, panels = make_panels(len(tasks), size=(5.0, 4.4), margin=(2.2 * columns - 0.7, 0.0))
            for task, axes in zip(tasks, panels, strict=True):
                for arm in [arm for arm in looks if (task, arm) in pairs]:
                    self._draw_point(results, axes, task, arm, looks[arm])
                axes.set(title=task, xlabel=describe_metric(self.x), ylabel=describe_metric(self.y))
            labelled = find_labels(figure)
            order = sorted(labelled, key=[*looks, "no result", "printed"].index)
            handles = [labelled[name] for name in order]
            figure.legend(handles, order, loc="outside right center", ncols=columns, frameon=False)
        return figure

    def _draw_point(self, results: Results, axes: Axes, task: str, arm: str, look: Look) -> None:
        h, v = (express(metric, results.values(task, arm, metric)) for metric in (self.x, self.y))
        colour, marker, _ = look
        notes = tell_seeds(results, task, arm, self.x, self.y)
        axes.scatter(h, v, color=colour, marker=marker, alpha=0.4, s=22, linewidths=0, urls=notes)
        draw_mean(axes, results, task, arm, (self.x, self.y), look, markersize=7, capsize=3, lw=1.5)
        if results.doubt(task, arm):
            axes.plot([], [], color="grey", marker="o", mfc="none", ls="", label="no result")
        printed = [value for m in (self.x, self.y) if (value := results.find_printed(task, arm, m)) is not None]
        if len(printed) == 2 and task not in results.study.printed_tasks:  # other data's values would lie far away
            axes.plot(*printed, color=colour, marker="x", markersize=8, ls="", mew=1.5)
            axes.plot([], [], color="grey", marker="x", ls="", label="printed")
