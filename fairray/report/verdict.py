"""What methods do to metrics, in words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isnan
from typing import get_args

import pandas as pd

from fairray.judgement import Judgement, Rivals, Word, judge
from fairray.measures import PERCENT, find
from fairray.report._answers import sum_up, write_range
from fairray.report._blocks import Answer, Bad, Block, Frame, Good, Items, Line, Part, Strong, Text, join
from fairray.report._words import describe_point, name_metric, refuse_verdict, write_interval, write_p, write_value
from fairray.results import Results
from fairray.statistics.intervals import Interval
from fairray.statistics.power import LEVEL, MOST, POWER
from fairray.words import write_count

__all__ = ["Verdict"]


@dataclass(frozen=True)
class Verdict:
    """What each method does to each metric against the baseline, by paired differences over seeds, and how sure it is.

    What was left out, is not stored, or is doubtful, is said, too. metrics: without any, and for a task that has none
    of them, the objectives. rivals: each method with the baseline, all with each other, or these pairs.
    """

    metrics: tuple[str, ...] = ()
    rivals: Rivals = "baseline"
    title: str = "Verdict"

    def __call__(self, results: Results) -> Iterator[Block]:
        study, judged = results.study, judge(results, results.shown(self.metrics), self.rivals)
        missing = [arm for arm in study.arms() if (arm.task, arm.name) not in results.chosen]
        yield Items(
            [
                *_say_all(judged, self.rivals),
                *_list_doubts(results),
                *_say_optimism(results),
                *(f"{arm.task}, {arm.name}: nothing is stored of it." for arm in missing),
                *(f"{task} was left out: {why}" for task, why in study.left_out.items()),
            ]
        )
        if study.baseline is None and self.rivals == "baseline":
            yield Text("The study has no baseline to compare its methods with.")
        elif judged:
            yield Text(_explain(judged, results))
            yield _tabulate(judged)

    def answer(self, results: Results) -> Answer | None:
        judged = judge(results, results.shown(self.metrics), self.rivals)
        if not judged:
            return None
        against = f"Against {judged[0].rival}: " if self.rivals == "baseline" else "The first of each pair: "
        words = sum_up(_list_words(judged, self.rivals))
        return Answer((against, *words, "."), _tell_certainty(results, judged), _tell_needed(results, judged))


def _tell_certainty(results: Results, judged: Sequence[Judgement]) -> str:
    """What the words rest on, and what they do not speak of."""
    seeds = sorted({one.tests.mean.n for one in judged if one.tests is not None})
    if not seeds:
        return "One seed does not tell."
    count = write_count(seeds[-1], results.unit) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]} {results.unit}s"
    family = write_count(len(judged), "comparison")
    tests = f"Paired t-tests over {count}, adjusted for {family} (Holm, 5 %)."
    return f"{tests} They cover what differs {results.covers}."


def _tell_needed(results: Results, judged: Sequence[Judgement]) -> str:
    """What would decide what is undecided; nothing where that is nothing, or where more seeds do not help."""
    undecided = [one for one in judged if one.word == "undecided"]
    if any(one.tests is None for one in undecided):
        return f"One {results.unit} does not tell: two are the least."
    needed = [one.needed for one in undecided if one.needed is not None]
    return f"To decide what is undecided takes {write_range(needed)} {results.unit}s." if needed else ""


def _list_words(judged: Sequence[Judgement], rivals: Rivals) -> Iterator[tuple[str, Part, str]]:
    several = len({one.task for one in judged}) > 1
    for one in sorted(judged, key=lambda one: get_args(Word).index(one.word)):
        who = one.arm if rivals == "baseline" else f"{one.arm} against {one.rival}"
        yield name_metric(one.metric), _write_word(one.word), f"{who} on {one.task}" if several else who


def _say_all(judged: Sequence[Judgement], rivals: Rivals) -> Iterator[Line]:
    """A line for each method on each task, or for each pair of them."""
    for task, arm, rival in dict.fromkeys((one.task, one.arm, one.rival) for one in judged):
        who = f"{task}, {arm}" if rivals == "baseline" else f"{task}, {arm} against {rival}"
        said = [_say(one) for one in judged if (one.task, one.arm, one.rival) == (task, arm, rival)]
        yield Strong(who), ": ", *join("; ", said), "."


def _list_doubts(results: Results) -> Iterator[Line]:
    """A line for each trial that is no result."""
    for trial, why in results.doubted:
        name = ", ".join(filter(None, [trial.task, trial.arm, describe_point(trial.point)]))
        yield Strong(name), " is ", Bad("no result"), f": {why}."


def _say(one: Judgement) -> Line:
    name = name_metric(one.metric)
    if one.tests is None:
        return f"{name}: one seed, no verdict"
    if one.doubtful:
        return f"{name} {_write_change(one)} ({refuse_verdict(one.doubtful)})"
    change, word = f"{name} {_write_change(one)}, ", _write_word(one.word)
    if one.word != "undecided":
        return change, word
    if one.needed is None:
        return f"{name} {_write_change(one)} in all, undecided"
    return f"{change}undecided (needs n = {_write_needed(one.needed)})"


def _say_optimism(results: Results) -> Iterator[Line]:
    """Of each search whose choice was repeated: what it promised, and what fresh seeds reach."""
    for task, arm in results.chosen:
        for metric in results.study.objectives:
            if found := results.measure_optimism(task, arm, metric):
                first, again = (write_value(metric, value) for value in found)
                flattery = write_value(metric, (found[0] - found[1]) * find(metric).sign, "+")
                seeds = f"the {len(results.choices[task, arm].seeds)} seeds that it was chosen by"
                said = f"{name_metric(metric)} {first} on {seeds}, {again} on {len(results.study.reported)} fresh ones"
                yield Strong(f"{task}, {arm}"), f": {said}, on the data of the choice: optimism {flattery}."


def _write_needed(needed: int) -> str:
    return f"{needed:,}" if needed < MOST else f"{MOST:,} or more"


def _write_change(one: Judgement) -> str:
    assert one.tests is not None
    mean = one.tests.mean
    low, high = find(one.metric).range
    return write_interval(one.metric, Interval(mean.mean, mean.low, mean.high, mean.n).cut(low - high, high - low), "+")


def _write_word(word: Word) -> Part:
    return Good(word) if word == "better" else Bad(word) if word == "worse" else word


def _explain(judged: Sequence[Judgement], results: Results) -> str:
    """How the words are arrived at, and what they rest on."""
    metrics, rivals = ([*dict.fromkeys(of)] for of in zip(*((one.metric, one.rival) for one in judged)))
    against = f"Against {rivals[0]}" if len(rivals) == 1 else "The first against the second"
    unit = results.unit
    points = ", ".join(name_metric(metric) for metric in metrics if find(metric).unit == PERCENT)
    family = f"for all {len(judged)} comparisons of this section" if len(judged) > 1 else "for this one comparison"
    said = [
        f"{against}, {unit} by {unit} [95 % t-interval of the difference {results.covers}]"
        f"{points and f'; {points} in percentage points'}.",
        f"Better, worse: p <= {LEVEL:g} by the paired t-test, adjusted {family} (Holm).",
        f"Equivalent: within {_list_margins(judged)} by two one-sided t-tests, adjusted likewise.",
        f"Undecided is neither: in {POWER:.0%} of studies, n {unit}s with the spread of these would find a difference "
        "of that size, and that there is none.",
    ]
    return " ".join([*said, *_say_assumption(unit, [one.tests.mean.n for one in judged if one.tests is not None])])


def _list_margins(judged: Sequence[Judgement]) -> str:
    margins: dict[str, list[str]] = {}
    for one in judged:
        margins.setdefault(name_metric(one.metric), []).append(write_value(one.metric, one.margin))
    sizes = {name: of[0] if len({*of}) == 1 else f"{min(of)} to {max(of)}" for name, of in margins.items()}
    return ", ".join(f"{size} of {name}" for name, size in sizes.items())


def _say_assumption(unit: str, seeds: Sequence[int]) -> Iterator[str]:
    """Which test carries the words."""
    if not seeds:
        return
    least = 2.0 ** (1 - max(seeds))
    alone = f"; with {max(seeds)} {unit}s none of its p is below {least:.3g}, so the t-test alone carries the words"
    yield (
        "The t-test takes differences to be normal. Flipping all their signs, which is exact, does not"
        f"{alone if least > LEVEL else ''}."
    )


def _tabulate(judged: Sequence[Judgement]) -> Frame:
    rows = [_row(one) for one in judged]
    cells, numbers = (pd.DataFrame([row[i] for row in rows]) for i in (0, 1))
    caption = (
        "p: of the paired t-test, adjusted by Holm, of all sign flips, of Wilcoxon's signed ranks, and of equivalence "
        "adjusted by Holm; d: Cohen's of pairs."
    )
    return Frame("verdict", cells.fillna(""), numbers, caption)


def _row(one: Judgement) -> tuple[dict[str, str], dict[str, object]]:
    """A line of the table, as people read it and as numbers."""
    place = {"task": one.task, "method": one.arm, "against": one.rival}
    if one.tests is None:
        return {**place, "measure": name_metric(one.metric), "word": "one seed"}, {**place, "metric": one.metric}
    mean, d = one.tests.mean, one.tests.d
    tests: dict[str, float] = {
        "p": mean.p,
        "p Holm": one.p_holm,
        "p flips": one.tests.flips.p,
        "p ranks": one.tests.signed_ranks.p,
        "p equivalent": one.equivalence_holm,
    }
    cells = {"measure": name_metric(one.metric), "n": str(mean.n), "difference": _write_change(one)}
    cells |= {name: write_p(p) for name, p in tests.items()} | {"d": "" if isnan(d) else f"{d:.2f}", "word": one.word}
    numbers = {"metric": one.metric, **mean._asdict(), **tests, "d": d, "margin": one.margin}
    return place | cells, place | numbers | {"needed": one.needed, "word": one.word}
