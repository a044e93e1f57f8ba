"""How accuracy goes with income: groups, their line, and who is photographed ("Human Imperceptible Attacks and
Applications to Improve Fairness", Figure 4.1)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fairray.betas import Betas, find_betas
from fairray.report._answers import tell_needed
from fairray.report._blocks import Answer, Block, Frame, Items, Line, Picture, Strong, Text, join
from fairray.report._drawing import note
from fairray.report._words import refuse_verdict, write_interval, write_value
from fairray.results import Results
from fairray.statistics.intervals import Interval, mean_interval
from fairray.statistics.regression import ERRORS, Errors, fit_line
from fairray.statistics.regression import Line as Fit
from fairray.trial import dataset
from fairray.words import write_count

__all__ = ["CovariateLine"]

NAMED = 8  # groups with the most images, which are named
WHAT = {
    "printed": "errors with the printed covariance 1 / sqrt(n_i)",
    "binomial": "binomial errors, 1 / n_i",
    "clustered": "single images, errors clustered by group",
}


@dataclass(frozen=True)
class CovariateLine:
    """Each group's accuracy against its covariate, the fitted line and its F-test, and each group's share of images."""

    title: str = "Accuracy against income"

    def __call__(self, results: Results) -> Iterator[Block]:
        rows, lines = [], []
        for place, betas in enumerate(find_betas(results), 1):
            groups, fits = _fit(results, betas)
            name = f"{betas.task}, {betas.arm}"
            alt = f"{name}: accuracy of each group against its covariate, and the groups' shares of images"
            data = dataset(results.study.tasks[betas.task])
            yield Picture(f"line_{place}", _draw(name, groups, fits["printed"], data.covariate_name), alt)
            lines.append(_say(name, fits["printed"], mean_interval(betas.values["beta"])))
            rows += [(betas.task, betas.arm, errors, fit) for errors, fit in fits.items()]
        if not rows:
            yield Text("No β was measured: it needs groups with a covariate.")
            return
        yield Items(lines)
        yield _tabulate(rows)

    def answer(self, results: Results) -> Answer | None:
        found = [(one, mean_interval(one.values["beta"])) for one in find_betas(results)]
        said = [
            (Strong(f"{one.task}, {one.arm}"), f": {_word(results, one, over)}, β = {write_interval('beta', over)}")
            for one, over in found
        ]
        sound = [over for one, over in found if not results.doubtful(one.task, one.arm)]
        takes = tell_needed([over for over in sound if not over.clear_of_zero], "model")
        sure = "The intervals are over models on one test set; the F-tests below are of one model each."
        return Answer((*join("; ", said), "."), sure, takes) if said else None


def _word(results: Results, betas: Betas, over: Interval) -> str:
    """Whether accuracy goes with the covariate, by the slopes of several models."""
    if doubtful := results.doubtful(betas.task, betas.arm):
        return refuse_verdict(doubtful)
    if not over.clear_of_zero:
        return "accuracy is not shown to go with the covariate on this test set"
    return f"accuracy {'rises' if over.mean > 0 else 'falls'} with the covariate on this test set"


def _fit(results: Results, betas: Betas) -> tuple[pd.DataFrame, dict[Errors, Fit]]:
    """The groups of a method's first model, and their line under each assumption of its errors."""
    groups = _groups(results, betas.task, betas.arm)
    return groups, {errors: fit_line(*_columns(groups), errors, [*groups.index]) for errors in ERRORS}


def _groups(results: Results, task: str, arm: str) -> pd.DataFrame:
    """By group: accuracy (a fraction, of the model of the first seed), its images, its covariate."""
    data, trial = dataset(results.study.tasks[task]), results.chosen[task, arm]
    rows = results.of(task, arm, results.records.query("split == 'test' and metric == 'counted_group_accuracy'"))
    rows = rows[(rows["trial"] == trial.uid) & rows["model"].isna() & (rows["seed"] == trial.seeds[0])]
    accuracy = rows.set_index("group")["value"].reindex([*data.groups])
    return pd.DataFrame({"accuracy": accuracy, "size": data.group_sizes("test").tolist(), "covariate": data.covariate})


def _columns(groups: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    accuracy, size, covariate = (groups[name].to_numpy(float) for name in ("accuracy", "size", "covariate"))
    return accuracy, size, covariate


def _say(name: str, fit: Fit, over) -> Line:
    test = f"F(1, {fit.df}) = {fit.f:.3f}, p = {fit.p:.3g}"
    many = f"; over {over.n} models β is {write_interval('beta', over)}" if over.n > 1 else ""
    return Strong(name), f": β = {write_value('beta', fit.slope)}, {test} for the model of the first seed{many}."


def _tabulate(rows: Sequence[tuple[str, str, Errors, Fit]]) -> Frame:
    cells = [
        {
            "task": task,
            "method": arm,
            "errors": WHAT[errors],
            "β": write_interval("beta", Interval(fit.slope, fit.low, fit.high, fit.n)),
            "F": f"{fit.f:.3f}",
            "df": f"1, {fit.df}",
            "p": f"{fit.p:.3g}",
        }
        for task, arm, errors, fit in rows
    ]
    numbers = [{"task": task, "method": arm, "errors": errors, **fit._asdict()} for task, arm, errors, fit in rows]
    caption = (
        "The line of the first seed's model by three accounts of the groups' errors [95 % interval]. Where errors are "
        "binomial and groups as unequal as these, the printed covariance rejects too seldom (1 % instead of 5 %), "
        "errors clustered by group too often (9 %), binomial weights as they say (docs/dro.md)."
    )
    return Frame("covariate_line", pd.DataFrame(cells), pd.DataFrame(numbers), caption)


def _draw(name: str, groups: pd.DataFrame, fit: Fit, covariate: str) -> Figure:
    with sns.axes_style("whitegrid"):
        figure = Figure(figsize=(11.0, 4.6), layout="constrained")
        line, shares = figure.subplots(1, 2, width_ratios=(2, 1))
        _draw_line(line, groups, fit)
        line.set(title=name, xlabel=covariate, ylabel="accuracy (%)")
        _draw_shares(shares, groups)
    return figure


def _draw_line(axes: Axes, groups: pd.DataFrame, fit: Fit) -> None:
    """Areas are in proportion to the images."""
    areas = 600 * groups["size"] / groups["size"].max()
    notes = [
        note(f"{group}: accuracy {100 * row['accuracy']:.2f} % on {write_count(int(row['size']), 'image')}")
        for group, row in groups.iterrows()
    ]
    style = {"s": areas.clip(lower=6), "alpha": 0.5, "linewidths": 0, "urls": notes}
    axes.scatter(groups["covariate"], 100 * groups["accuracy"], **style)
    ends = np.array([groups["covariate"].min(), groups["covariate"].max()])
    label = f"β = {write_value('beta', fit.slope)}, F(1, {fit.df}) = {fit.f:.2f}, p = {fit.p:.2g}"
    axes.plot(ends, 100 * (fit.intercept + fit.slope * ends), color="black", lw=1.2, label=label)
    for group, row in groups.nlargest(NAMED, "size").iterrows():
        place = (row["covariate"], 100 * row["accuracy"])
        axes.annotate(str(group), place, xytext=(4, 4), textcoords="offset points", fontsize=7)
    axes.legend(frameon=False, loc="lower right", fontsize=9)


def _draw_shares(axes: Axes, groups: pd.DataFrame) -> None:
    """The groups with the most images, and all the others together."""
    sizes = groups["size"].sort_values(ascending=False)
    largest = pd.concat([sizes[:NAMED], pd.Series({f"{max(len(sizes) - NAMED, 0)} others": sizes[NAMED:].sum()})])
    largest = 100 * largest[largest > 0] / sizes.sum()
    axes.barh([*map(str, largest.index)], largest, color=sns.color_palette("colorblind")[0])
    axes.invert_yaxis()
    axes.set(title="Share of images (%)")
