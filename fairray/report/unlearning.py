"""What an artefact takes from a model, what each correction wins back, and why (RR-ClArC)."""

from collections.abc import Iterator
from dataclasses import dataclass

import seaborn as sns
from matplotlib.figure import Figure

from fairray.report._answers import UNADJUSTED, sum_up, tell_needed
from fairray.report._blocks import Answer, Block, Items, Line, Picture, Strong, Text
from fairray.report._figures import draw_mean, pick_looks
from fairray.report._words import express, refuse_verdict, write_interval
from fairray.results import Results, change_of
from fairray.statistics.intervals import Interval

__all__ = ["Unlearning"]

CLEAN, ATTACKED, PROBE = "clean_accuracy", "attacked_accuracy", "probe_activations"
RATIO, PRINTED = "lam_ratio", "lam_printed"
UNCLEAR = "one seed, no verdict", "not shown to win back anything"
MEANS = "Means over seeds with their 95 % intervals; what is no result is hollow."
GUARD = 0.05  # clean accuracy whose loss makes a correction no correction


@dataclass(frozen=True)
class Unlearning:
    """Of the uncorrected model, what the artefact takes; of each other one, paired by seed, what it wins back on images
    with the artefact, what it loses on those without, and whether a probe still finds the artefact.

    The study's baseline is the uncorrected model.
    """

    title: str = "What is unlearnt"

    def __call__(self, results: Results) -> Iterator[Block]:
        tasks = [task for task, arm in results.chosen if arm == results.study.baseline]
        tasks = [task for task in tasks if results.has(task, str(results.study.baseline), ATTACKED)]
        if not tasks:
            yield Text("Nothing is known without and with the artefact of the baseline.")
            return
        yield Items([line for task in tasks for line in self._describe(results, task)])
        alt = "accuracy with the artefact everywhere against accuracy without it, by method"
        yield Picture("unlearning", _draw(results, tasks), alt, MEANS)
        yield Text(
            "A gap is the accuracy without the artefact less that with it in every image; differences are seed by seed "
            "[95 % t-interval]. The probe is linear, learns from every second test image without and with the "
            "artefact, and reads the others: its AUROC is .5 where the activations no longer tell. A correction that "
            f"loses more than {express(CLEAN, GUARD):g} points without the artefact, or predicts one class, is none."
        )

    def answer(self, results: Results) -> Answer | None:
        judged = [
            (task, _word(results, task, arm, *_pair(results, task, arm)).partition(", as ")[0], arm)
            for task, arm in results.chosen
            if arm != results.study.baseline and _is_measured(results, task, arm)
        ]
        unclear = [_pair(results, task, arm)[0] for task, word, arm in judged if word in UNCLEAR]
        return Answer((*sum_up(judged), "."), UNADJUSTED, tell_needed(unclear)) if judged else None

    def _describe(self, results: Results, task: str) -> Iterator[Line]:
        base = str(results.study.baseline)
        gap = results.values(task, base, CLEAN) - results.values(task, base, ATTACKED)
        taken = write_interval(ATTACKED, change_of(ATTACKED, gap))
        yield Strong(f"{task}, {base}"), f": the artefact takes {taken} points of accuracy."
        for other, arm in results.chosen:
            if other == task and arm != base and _is_measured(results, task, arm):
                yield Strong(f"{task}, {arm}"), f": {self._judge(results, task, arm)}."

    def _judge(self, results: Results, task: str, arm: str) -> str:
        base, (won, lost) = str(results.study.baseline), _pair(results, task, arm)
        word = _word(results, task, arm, won, lost)
        said = f"{word}: {write_interval(ATTACKED, won, '+')}, without it {write_interval(CLEAN, lost, '+')}"
        if results.has(task, arm, PROBE):
            probes = [write_interval(PROBE, results.interval(task, who, PROBE)) for who in (base, arm)]
            said += f"; the probe reads the artefact with {probes[1]} % AUROC ({probes[0]} before)"
        if results.has(task, arm, RATIO):
            ratio, printed = (results.values(task, arm, name).mean() for name in (RATIO, PRINTED))
            said += f"; lambda is {ratio:.3g} in units of the gradients' ratio, {printed:.3g} as printed"
        return said


def _is_measured(results: Results, task: str, arm: str) -> bool:
    """Whether it is known of a method, and of the uncorrected model, how they read images with the artefact."""
    return all(
        (task, one) in results.chosen and results.has(task, one, ATTACKED) for one in (arm, str(results.study.baseline))
    )


def _pair(results: Results, task: str, arm: str) -> tuple[Interval, Interval]:
    """How accuracy differs from the uncorrected model's, with the artefact everywhere and without it."""
    base = str(results.study.baseline)
    with_it, without = (
        change_of(metric, (results.values(task, arm, metric) - results.values(task, base, metric)).dropna())
        for metric in (ATTACKED, CLEAN)
    )
    return with_it, without


def _word(results: Results, task: str, arm: str, won: Interval, lost: Interval) -> str:
    """What a correction is, in words that lead to the accuracy with the artefact."""
    if results.values(task, arm, "collapsed").any():
        return "collapsed to one class"
    if doubtful := results.doubtful(task, arm, str(results.study.baseline)):
        return refuse_verdict(doubtful)
    if won.n < 2:
        return UNCLEAR[0]
    if lost.mean < -GUARD:
        return "loses too much without it to be a correction"
    if not won.clear_of_zero:
        return UNCLEAR[1]
    return "wins back" if won.mean > 0 else "loses more"


def _draw(results: Results, tasks: list[str]) -> Figure:
    arms = list(dict.fromkeys(arm for _, arm in results.chosen))
    looks = pick_looks(arms)
    with sns.axes_style("whitegrid"):
        figure = Figure(figsize=(3.0 + 5.0 * len(tasks), 5.0), layout="constrained")
        for task, axes in zip(tasks, figure.subplots(1, len(tasks), squeeze=False)[0], strict=True):
            for arm in (arm for other, arm in results.chosen if other == task and results.has(task, arm, ATTACKED)):
                draw_mean(axes, results, task, arm, (CLEAN, ATTACKED), looks[arm])
            axes.axline((50, 50), slope=1, color="grey", ls="--", lw=1)
            axes.set(title=task, xlabel="accuracy without the artefact (%)", ylabel="accuracy with it everywhere (%)")
        figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside right upper", frameon=False)
    return figure
