"""What defences leave of attacks: the success rate by JPEG quality and by bit depth (Imperceptible Attacks,
Figure 3.5)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fairray.report._blocks import Answer, Block, Line, Picture, Strong, Text, join
from fairray.report._figures import Look, add_legend_above, pick_looks
from fairray.report._images import average_images, count_images, find_attacked, list_defences, read_images
from fairray.report._tables import Entry, lay_out, tabulate
from fairray.report._words import express_interval, write_interval
from fairray.results import Results
from fairray.statistics.intervals import Interval

__all__ = ["Defences"]

AXES = {"jpeg": "JPEG quality", "depth": "bits per channel"}
NONE = "none"
CLEAN = "clean images misread"


@dataclass(frozen=True)
class Defences:
    """The success rate of every method by defence, two panels per task, over a table of the same numbers."""

    title: str = "Defences"

    def __call__(self, results: Results) -> Iterator[Block]:
        tried, entries = _measure_all(results)
        if not entries:
            yield Text("No defence was tried.")
            return
        yield Picture("defences", _draw(entries, list(tried)), f"success of attacks by defence on {', '.join(tried)}")
        caption = "Images misread (%), by defence; share of images [95 % interval, Wilson's]."
        yield tabulate("defences", lay_out(entries, rows=("task", "defence"), across="method"), entries, caption)
        yield Text(
            "Percent of the test images that the model reads right without attack and defence, and misreads after "
            f'attack and defence ({count_images(results, tried)}). "{CLEAN}": after the defence alone.'
        )

    def answer(self, results: Results) -> Answer | None:
        tried, entries = _measure_all(results)
        found = [line for task in tried for line in _find_least(task, entries)]
        sure = (
            f"Shares of images with Wilson's 95 % intervals ({count_images(results, tried)}); no defence was attacked."
        )
        return Answer((*join("; ", found), "."), sure) if found else None


def _measure_all(results: Results) -> tuple[dict[str, list[str]], list[Entry]]:
    """The methods of each task on which a defence was tried, and all that was measured there."""
    arms = find_attacked(results)
    entries = [entry for task, of in arms.items() for entry in _measure(results, task, of)]
    tried = {entry.key["task"]: arms[entry.key["task"]] for entry in entries if entry.key["defence"] != NONE}
    return tried, [entry for entry in entries if entry.key["task"] in tried]


def _find_least(task: str, entries: Sequence[Entry]) -> Iterator[Line]:
    """Of each method, what it reaches without a defence, and under the one that leaves least."""
    for method in dict.fromkeys(entry.key["method"] for entry in entries if entry.key["task"] == task):
        of = {e.key["defence"]: e.interval for e in entries if (e.key["task"], e.key["method"]) == (task, method)}
        if method != CLEAN and NONE in of:
            least = min(of, key=lambda defence: of[defence].mean)
            said = f": fools {write_interval('success', of[NONE])} % undefended"
            yield Strong(f"{task}, {method}"), f"{said}, {write_interval('success', of[least])} % after {least}"


def _measure(results: Results, task: str, arms: Sequence[str]) -> Iterator[Entry]:
    """The success rate of each method under each defence, and how many clean images the defence itself costs."""
    for view in [None, *chain.from_iterable(list_defences(results, task).values())]:
        key = {"task": task, "defence": view or NONE}
        for arm in arms:
            if len(values := read_images(results, task, arm, "success", view)):
                yield Entry(key={**key, "method": arm}, metric="success", interval=average_images("success", values))
        if view and len(accuracy := read_images(results, task, arms[0], "accuracy", view)):
            misread = average_images("success", 1 - accuracy)
            yield Entry(key={**key, "method": CLEAN}, metric="success", interval=misread)


def _draw(entries: Sequence[Entry], tasks: Sequence[str]) -> Figure:
    arms = list(dict.fromkeys(entry.key["method"] for entry in entries if entry.key["method"] != CLEAN))
    looks = pick_looks(arms) | {CLEAN: Look("black", "x", "--")}
    with sns.axes_style("whitegrid"):
        figure = Figure(figsize=(11.0, 0.5 + 4.0 * len(tasks)), layout="constrained")
        for task, row in zip(tasks, figure.subplots(len(tasks), len(AXES), squeeze=False, sharey=True), strict=True):
            of = [entry for entry in entries if entry.key["task"] == task]
            for kind, axes in zip(AXES, row, strict=True):
                _draw_panel(axes, of, kind, looks)
                axes.set(title=task, xlabel=AXES[kind], ylim=(-2, 102))
            row[0].set_ylabel("misread (%)")
        add_legend_above(figure)
    return figure


def _draw_panel(axes: Axes, entries: Sequence[Entry], kind: str, looks: dict[str, Look]) -> None:
    """A line per method over the defences of a kind, which are evenly spaced from none to the strongest."""
    seen = [entry for entry in entries if entry.key["defence"] == NONE or entry.key["defence"].split()[0] == kind]
    views = list(dict.fromkeys(entry.key["defence"] for entry in seen))
    for method, look in looks.items():
        lines = [entry for entry in seen if entry.key["method"] == method]
        of = {entry.key["defence"]: express_interval(entry.metric, entry.interval) for entry in lines}
        if of:
            _draw_line(axes, [views.index(view) for view in of], [*of.values()], method, look)
    axes.set_xticks(range(len(views)), [view.split()[-1] for view in views])


def _draw_line(axes: Axes, at: Sequence[int], intervals: Sequence[Interval], method: str, look: Look) -> None:
    low, mean, high = ([getattr(interval, end) for interval in intervals] for end in ("low", "mean", "high"))
    axes.plot(at, mean, color=look.colour, ls=look.stroke, marker=look.marker, markersize=5, label=method)
    axes.fill_between(at, low, high, color=look.colour, alpha=0.15, linewidth=0)
