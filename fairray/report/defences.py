"""What defences leave of attacks: the success rate by JPEG quality and by bit depth (Figure 3.5)."""

from collections.abc import Iterator, Sequence

import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fairray.report.attacks import attacked, counted, of_images, over_images
from fairray.report.figures import coloured, figure_section, legend_above
from fairray.report.section import Section, joined
from fairray.report.tables import Entry, laid_out, table_section
from fairray.results import Results
from fairray.statistics.intervals import Interval

__all__ = ["defences"]

AXES = {"jpeg": "JPEG quality", "depth": "bits per channel"}
NONE = "none"
CLEAN = "clean images misread"


def defences(results: Results) -> Section:
    """The success rate of every method by defence, two panels per task, over a table of the same numbers."""
    title, arms = "Defences", attacked(results)
    entries = [entry for task, of in arms.items() for entry in _entries(results, task, of)]
    tried = dict.fromkeys(entry.key["task"] for entry in entries if entry.key["defence"] != NONE)
    entries = [entry for entry in entries if entry.key["task"] in tried]
    if not entries:
        return Section(title, "<p>No defence was tried.</p>")
    text = (
        "Percent of the test images that the model reads right without attack and defence, and misreads after attack "
        "and defence; share of images with the 95 % interval (Wilson) "
        f'({counted(results, {task: arms[task] for task in tried})}). "{CLEAN}": after the defence alone.'
    )
    figure = figure_section(title, _drawn(entries, list(tried)), "defences.png")
    frame = laid_out(entries, rows=("task", "defence"), across="method")
    return joined(title, [figure, table_section(title, "defences", frame, entries, [])], text)


def _entries(results: Results, task: str, arms: Sequence[str]) -> Iterator[Entry]:
    """The success rate of each method under each defence, and how many clean images the defence itself costs."""
    for view in [None, *_views(results, task)]:
        key = {"task": task, "defence": view or NONE}
        for arm in arms:
            if len(values := of_images(results, task, arm, "success", view)):
                yield Entry(key={**key, "method": arm}, metric="success", interval=over_images("success", values))
        if view and len(accuracy := of_images(results, task, arms[0], "accuracy", view)):
            yield Entry(key={**key, "method": CLEAN}, metric="success", interval=over_images("success", 100 - accuracy))


def _views(results: Results, task: str) -> list[str]:
    """The defences, by their kind, and the weakest first."""
    rows = results.per_image
    views = rows.loc[(rows["task"] == task) & rows["view"].notna(), "view"].unique()
    return sorted(views, key=lambda view: (list(AXES).index(_kind(view)), -_strength(view)))


def _kind(view: str) -> str:
    return view.split()[0]


def _strength(view: str) -> int:
    return int(view.split()[1])


def _drawn(entries: Sequence[Entry], tasks: Sequence[str]) -> Figure:
    arms = list(dict.fromkeys(entry.key["method"] for entry in entries if entry.key["method"] != CLEAN))
    colours = coloured(arms) | {CLEAN: "black"}
    with sns.axes_style("whitegrid"):
        figure = Figure(figsize=(11.0, 0.5 + 4.0 * len(tasks)), layout="constrained")
        for task, row in zip(tasks, figure.subplots(len(tasks), len(AXES), squeeze=False, sharey=True), strict=True):
            of = [entry for entry in entries if entry.key["task"] == task]
            for kind, axes in zip(AXES, row, strict=True):
                _panel(axes, of, kind, colours)
                axes.set(title=task, xlabel=AXES[kind], ylim=(-2, 102))
            row[0].set_ylabel("misread (%)")
        legend_above(figure)
    return figure


def _panel(axes: Axes, entries: Sequence[Entry], kind: str, colours: dict) -> None:
    """A line per method over the defences of a kind, which are evenly spaced from none to the strongest."""
    seen = [entry for entry in entries if entry.key["defence"] == NONE or _kind(entry.key["defence"]) == kind]
    views = list(dict.fromkeys(entry.key["defence"] for entry in seen))
    for method, colour in colours.items():
        of = {entry.key["defence"]: entry.interval for entry in seen if entry.key["method"] == method}
        if of:
            _line(axes, [views.index(view) for view in of], [*of.values()], method, colour)
    axes.set_xticks(range(len(views)), [view.split()[-1] for view in views])


def _line(axes: Axes, at: Sequence[int], intervals: Sequence[Interval], method: str, colour) -> None:
    low, mean, high = ([getattr(interval, end) for interval in intervals] for end in ("low", "mean", "high"))
    style = "--" if method == CLEAN else "-"
    axes.plot(at, mean, color=colour, ls=style, marker="o", markersize=4, label=method)
    axes.fill_between(at, low, high, color=colour, alpha=0.15, linewidth=0)
