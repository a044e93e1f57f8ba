"""Which methods of a study differ, which are as good as each other, and of which more seeds would tell."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from math import isnan
from typing import Literal, NamedTuple

from fairray.measures import find
from fairray.results import Results
from fairray.statistics.comparison import UNDEFINED, Pairs, compare_pairs, equivalence, holm
from fairray.statistics.power import LEVEL, needed_seeds

__all__ = ["Judgement", "Rivals", "Word", "find_margin", "judge"]

Word = Literal["better", "worse", "equivalent", "undecided", "no verdict"]
Rivals = Literal["baseline", "all"] | tuple[tuple[str, str], ...]


class Judgement(NamedTuple):
    """One method against another in one metric of a task: a - b by seed, on test data, as measured.

    tests: none where fewer than two seeds have both. margin: the largest difference that does not matter.
    equivalence: p that the difference is within it. p_holm, equivalence_holm: adjusted for the family, all judgements
    made together, of which there are so many. doubtful: which of the two are no results.
    """

    task: str
    arm: str
    rival: str
    metric: str
    margin: float
    tests: Pairs | None
    equivalence: float
    p_holm: float = UNDEFINED
    equivalence_holm: float = UNDEFINED
    family: int = 1
    doubtful: tuple[str, ...] = ()

    @property
    def needed(self) -> int | None:
        """The seeds that would decide it by the spread of these; none where they have no spread."""
        if self.tests is None or isnan(self.tests.spread) or not self.margin:
            return None
        return needed_seeds(self.tests.spread, self.margin, LEVEL / self.family)

    @property
    def word(self) -> Word:
        """What is shown at a level of 5 %; a difference that is shown not to matter makes nothing better.

        Nothing is shown by what is no result, such as a model that predicts one class.
        """
        if self.doubtful:
            return "no verdict"
        if self.equivalence_holm <= LEVEL:
            return "equivalent"
        if self.tests is None or isnan(self.p_holm) or self.p_holm > LEVEL:
            return "undecided"
        return "better" if self.tests.mean.mean * find(self.metric).sign > 0 else "worse"


def judge(results: Results, metrics: Sequence[str], rivals: Rivals = "baseline") -> list[Judgement]:
    """Of every task and metric that both methods of a pair have. rivals: each with the baseline, all of them, or pairs.

    The p of differences are adjusted by Holm over all that is judged here, and those of equivalence likewise: in at
    most 5 % of studies one of the words better and worse is wrong, and in at most 5 % a word equivalent.
    """
    found = [_test(results, *pair, metric) for pair in _list_pairs(results, rivals) for metric in metrics
             if all(results.has(pair[0], arm, metric) for arm in pair[1:])]  # fmt: skip
    differing = holm([UNDEFINED if one.tests is None else one.tests.mean.p for one in found])
    equal = holm([one.equivalence for one in found])
    return [
        one._replace(p_holm=float(p), equivalence_holm=float(same), family=len(found))
        for one, p, same in zip(found, differing, equal, strict=True)
    ]


def find_margin(margins: Mapping[str, float], metric: str, beside: float) -> float:
    """The largest difference that does not matter, as measured. margins: of a study, as printed.

    beside: the value that another is compared with, of which a measure without a margin of its own takes a share.
    """
    measure = find(metric)
    return margins[metric] / measure.unit.factor if metric in margins else measure.margin_beside(beside)


def _list_pairs(results: Results, rivals: Rivals) -> Iterator[tuple[str, str, str]]:
    """Task, method, and the one that it is compared with."""
    baseline = results.study.baseline
    if rivals == "all":
        for (task, arm), (other, rival) in combinations(results.chosen, 2):
            if task == other:
                yield task, arm, rival
        return
    if rivals != "baseline":
        tasks = dict.fromkeys(task for task, _ in results.chosen)
        yield from (
            (task, *pair) for task in tasks for pair in rivals if {(task, one) for one in pair} <= {*results.chosen}
        )
        return
    for task, arm in results.chosen:
        if baseline is not None and arm != baseline:
            yield task, arm, baseline


def _test(results: Results, task: str, arm: str, rival: str, metric: str) -> Judgement:
    ours, theirs = (results.values(task, each, metric).dropna() for each in (arm, rival))
    seeds = ours.index.intersection(theirs.index)
    margin = find_margin(results.study.margins, metric, float(theirs.mean()))
    if len(seeds) < 2:
        return Judgement(task, arm, rival, metric, margin, None, UNDEFINED)
    a, b = ours[seeds].to_numpy(), theirs[seeds].to_numpy()
    judged = Judgement(task, arm, rival, metric, margin, compare_pairs(a, b), equivalence(a - b, margin))
    return judged._replace(doubtful=tuple(results.doubtful(task, arm, rival)))
