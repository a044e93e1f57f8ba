"""What the seeds of a study can tell before it runs, by the spread of a pilot or a declared one."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from fairray.judgement import find_margin, judge
from fairray.measures import find
from fairray.results import Results
from fairray.statistics.power import LEVEL, MOST, detectable, needed_seeds
from fairray.study import Study
from fairray.words import write_count

__all__ = ["Foresight", "describe_foresight", "foresee"]


class Foresight(NamedTuple):
    """Of one metric on one task, as measured: what is found in 80 % of studies, at the first of Holm's levels.

    spread: the deviation over seeds of the differences to the baseline, and pilot, of how many seeds it is known;
    0 where the study declares it. found: the least difference that its seeds find. needed: those that find a difference
    of the margin, and that there is none.
    """

    task: str
    metric: str
    seeds: int
    family: int
    spread: float
    pilot: int
    found: float
    margin: float
    needed: int


def foresee(study: Study, pilot: Results | None) -> Iterator[Foresight]:
    """Of every objective on every task whose spread is known. pilot: the study with fewer seeds, if it has run."""
    rivals, seeds = len(study.methods) - 1, study.confirm or study.seeds
    units = seeds if study.splits == 1 else study.splits
    family = rivals * sum(len(study.objectives_of(task)) for task in study.tasks)
    if study.baseline is None or not family or units < 2:
        return
    for task in study.tasks:
        for metric in (measure.name for measure in study.objectives_of(task)):
            spread, count = _find_spread(study, pilot, task, metric)
            if spread:
                margin = find_margin(study.margins, metric, _find_baseline(study, pilot, task, metric))
                found = detectable(units, spread, LEVEL / family)
                needed = needed_seeds(spread, margin, LEVEL / family)
                yield Foresight(task, metric, units, family, spread, count, found, margin, needed)


def _find_baseline(study: Study, pilot: Results | None, task: str, metric: str) -> float:
    """The baseline's mean in the pilot, beside which a margin may stand; 0 where nothing is known."""
    baseline = str(study.baseline)
    return float(pilot.values(task, baseline, metric).mean()) if pilot and pilot.has(task, baseline, metric) else 0.0


def _find_spread(study: Study, pilot: Results | None, task: str, metric: str) -> tuple[float, int]:
    """The declared spread, else the root mean square of the pilot's, and of how many seeds; 0 where none is known."""
    if metric in study.spread:
        return study.spread[metric] / find(metric).unit.factor, 0
    tests = [one.tests for one in judge(pilot, [metric]) if one.task == task and one.tests] if pilot else []
    spreads = [one.spread for one in tests if np.isfinite(one.spread)]
    return float(np.sqrt(np.mean(np.square(spreads)))) if spreads else 0.0, max(
        (one.mean.n for one in tests), default=0
    )


def describe_foresight(foreseen: Sequence[Foresight]) -> Iterator[str]:
    """Lines for a terminal; where nothing is known, how to make it known."""
    if not foreseen:
        yield "what the seeds can tell is not known: run two of them first (seeds=2), or declare spread: {odds: 1.0}"
        return
    units, family = foreseen[0].seeds, foreseen[0].family
    yield f"n = {units} tells, in 80 % of studies, for {write_count(family, 'comparison')} (Holm):"
    for one in foreseen:
        unit, of = find(one.metric).unit, f"of {one.pilot} stored seeds" if one.pilot else "declared"
        found, margin, spread = (unit.write(unit.express(value)) for value in (one.found, one.margin, one.spread))
        needed = f"{one.needed:,}" if one.needed < MOST else f"{MOST:,} or more"
        name = f"{find(one.metric).title}{unit.label}"
        yield f"  {one.task:<12} {name:<16} a difference of {found}; {margin} needs n = {needed}; spread {spread}, {of}"
