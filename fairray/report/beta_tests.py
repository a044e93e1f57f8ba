"""Does training lower the dependence of accuracy on the groups' covariate? ("Human Imperceptible Attacks and
Applications to Improve Fairness", Figure 4.2 and the tests beside it)"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import isnan
from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fairray.betas import MEASURES, Betas, BetaTest, compare_betas, find_betas
from fairray.measures import find
from fairray.report._answers import sum_up, tell_needed
from fairray.report._blocks import Answer, Bad, Block, Frame, Good, Items, Line, Part, Picture, Strong, Text
from fairray.report._figures import add_legend_above
from fairray.report._tables import Entry, explain_printed, lay_out, tabulate
from fairray.report._words import describe_metric, express, name_metric, refuse_verdict, write_interval, write_p
from fairray.results import Results, interval_of
from fairray.statistics.comparison import ONE_START, Mean
from fairray.statistics.power import LEVEL
from fairray.trial import dataset
from fairray.words import write_count

__all__ = ["BetaTests"]

UNITS = (
    "Two answers stand side by side. The paper tests the models of one theta_0: its test says whether these would "
    "differ with other seeds of the fine-tuning, and nothing of another theta_0 with other adversarial images. The "
    "other takes the mean of each theta_0's models as one value, and speaks of the whole pipeline; words here are its, "
    "with p adjusted for all tests of the page (Holm)."
)


@dataclass(frozen=True)
class BetaTests:
    """Boxes of β and accuracy of every model, by arm; each arm's test against theta_0 and against the baseline."""

    title: str = "Accuracy and income"

    def __call__(self, results: Results) -> Iterator[Block]:
        found, tests = [*find_betas(results)], compare_betas(results)
        if not found:
            yield Text("No β was measured: it needs groups with a covariate.")
            return
        yield Items([line for test in tests for line in _judge(results, test)])
        for place, (task, arms) in enumerate(groupby(found, key=lambda betas: betas.task), 1):
            alt = f"β and accuracy of each model on {task}, by method, with those of theta_0"
            caption = f"Quartiles of all models, with whiskers to at most 1.5 times the box. {_describe(results, task)}"
            yield Picture(f"betas_{place}", _draw(task, [*arms]), alt, caption)
        begun = {betas.task: betas for betas in found if len(betas.begun)}
        entries = [entry for betas in begun.values() for entry in _measure_starts(results, betas)]
        entries += [entry for betas in found for entry in _measure(results, betas)]
        cells = lay_out(entries, rows=("task", "method"), across="metric")
        yield tabulate("betas", cells, entries, "Mean over theta_0 of the means of their models [95 % t-interval].")
        yield from explain_printed(results)
        if tests:
            yield _tabulate(tests)
            yield Text(UNITS)

    def answer(self, results: Results) -> Answer | None:
        tests = compare_betas(results)
        if not tests:
            return None
        words = [
            (name_metric(test.measure), _sum_up(results, test), f"{test.arm} against {test.rival}") for test in tests
        ]
        starts = min(test.starts.n for test in tests)
        sure = f"t-tests over {starts} theta_0, adjusted for {write_count(len(tests), 'test')} (Holm, 5 %)."
        sound = [test for test in tests if not results.doubtful(test.task, test.arm, test.rival)]
        unclear = [test.starts.interval for test in sound if not test.holm <= LEVEL]
        takes = tell_needed(unclear, "start", LEVEL / len(tests)) if starts > 1 else ONE_START
        return Answer((*sum_up(words), "."), sure if starts > 1 else "t-tests over the models of one theta_0.", takes)


def _describe(results: Results, task: str) -> str:
    data = dataset(results.study.tasks[task])
    on = "the test set and all before it" if data.groups_on == "all" else "the test set"
    return f"β: slope of a group's accuracy on its {data.covariate_name}, over {len(data.groups)} groups, on {on}."


def _measure(results: Results, betas: Betas) -> Iterator[Entry]:
    for metric in (*MEASURES, "accuracy"):
        yield Entry(
            key={"task": betas.task, "method": betas.arm},
            metric=metric,
            interval=interval_of(metric, betas.values.groupby("start")[metric].mean()),
            printed=results.find_printed(betas.task, betas.arm, metric),
        )


def _measure_starts(results: Results, betas: Betas) -> Iterator[Entry]:
    task = results.study.printed_tasks.get(betas.task, betas.task)
    for metric in (*MEASURES, "accuracy"):
        yield Entry(
            key={"task": betas.task, "method": "theta_0"},
            metric=metric,
            interval=interval_of(metric, betas.begun[metric]),
            printed=results.look_up_printed(task=task, arm="theta_0", metric=metric),
        )


def _judge(results: Results, test: BetaTest) -> Iterator[Line]:
    """What a test says, in words: that over starts, and where it differs that of the paper."""
    who, what = f"{test.task}, {test.arm} against {test.rival}", name_metric(test.measure)
    change = _write(test.measure, test.starts)
    if test.starts.reason:
        yield Strong(who), f": {what} {change}; {test.starts.reason}"
    else:
        over = f"over {test.starts.n} theta_0, p = {write_p(test.starts.p)}, {write_p(test.holm)} adjusted"
        yield Strong(who), f": {what} {change} ({over}): ", _judge_word(results, test), "."


def _sum_up(results: Results, test: BetaTest) -> Part:
    """The word alone: why there is none stands with what is left out."""
    return "no verdict" if results.doubtful(test.task, test.arm, test.rival) else _judge_word(results, test)


def _judge_word(results: Results, test: BetaTest) -> Part:
    doubtful = results.doubtful(test.task, test.arm, test.rival)
    return refuse_verdict(doubtful) if doubtful else _word(test.measure, test.starts.mean, test.holm)


def _word(measure: str, change: float, p: float) -> Part:
    if isnan(p) or p > LEVEL:
        return "not shown to differ"
    better = change * find(measure).sign > 0
    return (Good if better else Bad)("higher" if change > 0 else "lower")


def _write(measure: str, mean: Mean) -> str:
    return write_interval(measure, mean.interval, "+")


def _tabulate(tests: Sequence[BetaTest]) -> Frame:
    rows = [
        _row(test, unit, mean) for test in tests for unit, mean in (("seeds", test.seeds), ("theta_0", test.starts))
    ]
    cells, numbers = (pd.DataFrame([row[i] for row in rows]) for i in (0, 1))
    caption = (
        "Differences with 95 % t-intervals and tests. Unit: the models of one theta_0, paired by seed, or theta_0. "
        "p one-sided: in the difference's direction; Welch, ranks (Mann-Whitney) and signs (random flips) are "
        "two-sided, over the models of one theta_0; d is Cohen's of pairs, delta Cliff's."
    )
    return Frame("beta_tests", cells.fillna(""), numbers, caption)


def _row(test: BetaTest, unit: str, mean: Mean) -> tuple[dict[str, str], dict[str, object]]:
    """A line of the table, as people read it and as numbers."""
    place = {"task": test.task, "method": test.arm, "against": test.rival, "measure": test.measure, "unit": unit}
    tests: dict[str, float] = {"n": mean.n, "t": mean.t, "df": mean.df, "p": mean.p}
    tests["p one-sided"] = mean.p / 2
    if unit == "theta_0":
        tests["p Holm"] = test.holm
    elif test.samples is not None:
        of = test.samples
        tests |= {"p Welch": of.welch.p, "p ranks": of.ranks.p, "p signs": of.flips.p, "d": of.d, "delta": of.delta}
    words = {name: write_p(value) if name.startswith("p") else f"{value:.4g}" for name, value in tests.items()}
    words = {name: "" if word == "nan" else word for name, word in words.items()}
    said = {"measure": name_metric(test.measure), "difference": _write(test.measure, mean)}
    return {**place, **said, **words}, {**place, **mean._asdict(), **tests}


def _draw(task: str, arms: Sequence[Betas]) -> Figure:
    with sns.axes_style("whitegrid"):
        figure = Figure(figsize=(11.0, 1.4 + 0.55 * len(arms)), layout="constrained")
        for axes, metric in zip(figure.subplots(1, 2, sharey=True), MEASURES, strict=True):
            _draw_boxes(axes, arms, metric)
            axes.set_title(task)
        add_legend_above(figure)
    return figure


def _draw_boxes(axes: Axes, arms: Sequence[Betas], metric: str) -> None:
    """A box for each arm, its models as points with a colour for each theta_0, and theta_0 dashed."""
    shared = [betas for betas in arms if len(betas.begun)]
    begun = dict(shared[0].begun[metric]) if shared else {}
    colours = dict(zip(begun, sns.color_palette("colorblind", len(begun)), strict=True))
    for start, colour in colours.items():
        axes.axvline(express(metric, begun[start]), color=colour, ls="--", lw=1, label=f"theta_0 of seed {start}")
    for place, betas in enumerate(arms):
        values = express(metric, betas.values[metric])
        style: dict[str, Any] = {
            "positions": [place],
            "orientation": "horizontal",
            "widths": 0.6,
            "showfliers": False,
            "zorder": 1,
        }
        axes.boxplot([values], **style)
        dots = betas.values["start"].map(lambda start: colours.get(start, "grey"))
        lifted = place + 0.22 * ((betas.values.reset_index().index.to_numpy() * 0.618) % 1 - 0.5)
        axes.scatter(values, lifted, c=list(dots), s=9, alpha=0.6, linewidths=0, zorder=2)
    axes.set(xlabel=describe_metric(metric), yticks=range(len(arms)), yticklabels=[betas.arm for betas in arms])
    axes.set_ylim(len(arms) - 0.5, -0.5)  # the first on top
