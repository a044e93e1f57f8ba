"""Differences with their intervals, beside the band of those that do not matter."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fairray.judgement import Judgement, Rivals, Word, judge
from fairray.report._blocks import Block, Picture, Text, find_place
from fairray.report._drawing import note
from fairray.report._figures import add_legend_above, pick_colours
from fairray.report._words import describe_metric, express, name_metric, write_interval, write_p
from fairray.results import Results
from fairray.statistics.intervals import Interval

__all__ = ["Forest"]

MARKERS: dict[Word, str] = {"better": "^", "worse": "v", "equivalent": "s", "undecided": "o", "no verdict": "x"}


@dataclass(frozen=True)
class Forest:
    """Each method's difference to the baseline with its interval, a panel per metric; the word is the verdict's.

    metrics: without any, the objectives. rivals: each method with the baseline, or all with each other.
    """

    metrics: tuple[str, ...] = ()
    rivals: Rivals = "baseline"
    title: str = "Differences"

    def __call__(self, results: Results) -> Iterator[Block]:
        judged = [one for one in judge(results, results.shown(self.metrics), self.rivals) if one.tests is not None]
        if not judged:
            yield Text("No two methods have two seeds of a metric.")
            return
        metrics = list(dict.fromkeys(one.metric for one in judged))
        alt = f"differences in {', '.join(map(name_metric, metrics))} with their intervals, by method"
        caption = (
            "Mean difference over seeds with its 95 % t-interval; the grey band is what does not matter. Triangles are "
            "better or worse, squares equivalent, hollow circles undecided, crosses no result, by the adjusted tests."
        )
        yield Picture("forest", _draw(results, judged, metrics), alt, caption)


def _draw(results: Results, judged: Sequence[Judgement], metrics: Sequence[str]) -> Figure:
    rows = list(dict.fromkeys(map(_name, judged)))
    with sns.axes_style("whitegrid"):
        figure = Figure(figsize=(2.0 + 4.4 * len(metrics), 1.6 + 0.34 * len(rows)), layout="constrained")
        panels = figure.subplots(1, len(metrics), squeeze=False, sharey=True)[0]
        for metric, axes in zip(metrics, panels, strict=True):
            for one in judged:
                if one.metric == metric:
                    _draw_row(results, axes, rows.index(_name(one)), one)
            axes.axvline(0, color="black", lw=1, ls="--")
            axes.set(xlabel=f"difference in {describe_metric(metric)}", yticks=range(len(rows)), yticklabels=rows)
            axes.set_ylim(len(rows) - 0.5, -0.5)
        add_legend_above(figure)
    return figure


def _draw_row(results: Results, axes: Axes, y: int, one: Judgement) -> None:
    assert one.tests is not None
    mean = one.tests.mean
    low, middle, high, margin = (express(one.metric, value) for value in (mean.low, mean.mean, mean.high, one.margin))
    axes.barh(y, 2 * margin, left=-margin, height=0.8, color="grey", alpha=0.25, linewidth=0)
    colour = pick_colours([*MARKERS])[one.word]
    drawn = axes.errorbar(
        middle, y, xerr=[[middle - low], [high - middle]], color=colour, marker=MARKERS[one.word], markersize=7,
        capsize=3, ls="", mfc="none" if one.word == "undecided" else colour, label=one.word,
    )  # fmt: skip
    said = f"{_name(one)}: {name_metric(one.metric)} {write_interval(one.metric, Interval(*mean[:3], mean.n), '+')}"
    text = f"{said} over {mean.n} seeds, p {write_p(one.p_holm)} adjusted, {one.word}"
    drawn.lines[0].set_url(note(text, find_place(results.chosen[one.task, one.arm].uid)))


def _name(one: Judgement) -> str:
    return f"{one.task}, {one.arm} against {one.rival}"
