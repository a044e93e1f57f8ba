"""Methods over all tasks together: how they rank, and what all of their runs reach."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from fairray.measures import find
from fairray.report._blocks import Block, Frame, Picture, Text
from fairray.report._figures import pick_colours
from fairray.report._words import describe_metric, express, express_interval, name_metric, write_interval, write_p
from fairray.results import Results
from fairray.statistics.comparison import holm
from fairray.statistics.intervals import Interval
from fairray.statistics.ranking import Ranking, interquartile_mean, profile, rank, resample

__all__ = ["AcrossTasks"]

FEWEST = 3  # of tasks and of methods that are ranked
STEPS = 60  # of a profile
Scores = Mapping[str, np.ndarray]  # of each method, with axes (task, seed), as measured


@dataclass(frozen=True)
class AcrossTasks:
    """Mean ranks with Friedman's test and Nemenyi's, interquartile means and profiles of three methods or more on
    three tasks or more.

    metrics: without any, the objectives.
    """

    metrics: tuple[str, ...] = ()
    title: str = "Across tasks"

    def __call__(self, results: Results) -> Iterator[Block]:
        ranked = False
        for metric in results.shown(self.metrics):
            scores = {arm: values.T for arm, values in results.arrays(metric).items()}
            tasks = len(next(iter(scores.values()), ()))
            if tasks >= FEWEST and len(scores) >= FEWEST:
                ranked = True
                yield from _show(results, metric, scores, tasks)
        if doubtful := {arm: None for task, arm in results.chosen if results.doubt(task, arm)}:
            yield Text(f"Left out, as they are no result on a task or several: {', '.join(doubtful)}.")
        if not ranked:
            yield Text(f"Ranks need {FEWEST} methods or more on {FEWEST} tasks or more.")


def _show(results: Results, metric: str, scores: Scores, tasks: int) -> Iterator[Block]:
    ranking = rank(find(metric).sign * np.stack([values.mean(1) for values in scores.values()], axis=1))
    frame = _tabulate(metric, scores, ranking, results.study.baseline)
    yield Text(
        f"{name_metric(metric)} on {tasks} tasks: Friedman's test that all methods rank alike has p = "
        f"{write_p(ranking.p)} (chi-square {ranking.statistic:.2f}). Two methods whose mean ranks are less than "
        f"{ranking.critical:.2f} apart are not told apart (Nemenyi, 5 % for all pairs together)."
    )
    yield frame
    alt = f"Share of runs of each method above each value of {name_metric(metric)}, over {tasks} tasks"
    caption = "Runs of all tasks together, with 95 % ribbons: the seeds of each task drawn anew, the tasks as they are."
    yield Picture(f"profile_{metric}", _draw(metric, scores), alt, caption)


def _tabulate(metric: str, scores: Scores, ranking: Ranking, baseline: str | None) -> Frame:
    beside = _test_ranks(list(scores), ranking, baseline)
    middles = {arm: _find_middle(values) for arm, values in scores.items()}
    cells = pd.DataFrame(
        {
            "method": list(scores),
            "mean rank": [f"{place:.2f}" for place in ranking.ranks],
            f"interquartile mean, {name_metric(metric)}": [write_interval(metric, one) for one in middles.values()],
            **({f"p against {baseline} (Holm)": [write_p(p) for p in beside]} if baseline in scores else {}),
        }
    )
    numbers = pd.DataFrame([express_interval(metric, one)._asdict() for one in middles.values()])
    numbers = numbers.assign(method=list(scores), rank=ranking.ranks, p=beside)
    caption = (
        "Rank 1 is best; ranks are of means over seeds, and p of mean ranks. The interquartile mean is that of the "
        "middle half of all runs [95 %, the seeds of each task drawn anew]."
    )
    return Frame(f"ranks_{metric}", cells, numbers, caption)


def _test_ranks(arms: Sequence[str], ranking: Ranking, baseline: str | None) -> np.ndarray:
    """The p of each method's mean rank against the baseline's, adjusted for all of them; nan for itself."""
    p = np.full(len(arms), np.nan)
    if baseline in arms:
        others = [i for i, arm in enumerate(arms) if arm != baseline]
        p[others] = holm(ranking.normal[arms.index(baseline), others])
    return p


def _find_middle(values: np.ndarray) -> Interval:
    low, high = resample(values, interquartile_mean)
    return Interval(interquartile_mean(values), float(low), float(high), values.shape[1])


def _draw(metric: str, scores: Scores) -> Figure:
    every = np.concatenate([values.ravel() for values in scores.values()])
    above, colours = np.linspace(every.min(), every.max(), STEPS), pick_colours(list(scores))
    share = partial(profile, above=above)
    with sns.axes_style("whitegrid"):
        figure = Figure(figsize=(7.0, 4.2), layout="constrained")
        axes = figure.subplots()
        for arm, values in scores.items():
            axes.plot(express(metric, above), share(values), color=colours[arm], label=arm)
            axes.fill_between(express(metric, above), *resample(values, share), color=colours[arm], alpha=0.15, lw=0)
        axes.set(xlabel=describe_metric(metric), ylabel="share of runs above", ylim=(0, 1))
        figure.legend(loc="outside right center", frameon=False)
    return figure
