"""What differs between two studies: in what they declare, and in what they found, beyond noise."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from scipy import stats

from fairray.errors import BadInput
from fairray.judgement import Word
from fairray.measures import find
from fairray.members import plain
from fairray.results import Results, change_of
from fairray.sheets import read_csv, write_csv
from fairray.statistics.comparison import UNDEFINED, against, holm
from fairray.statistics.intervals import Interval, has_spread
from fairray.statistics.power import LEVEL
from fairray.study import Study
from fairray.trees import list_differences

__all__ = ["Contrast", "Found", "contrast", "describe_contrasts", "list_changes", "list_values"]

DECLARED, CHOSEN = "declared.json", "chosen.csv"
PLACE = ["task", "arm", "metric"]


class Found(NamedTuple):
    """What a study declares, and what its chosen trials measured on test data: task, arm, metric, seed, value.

    A report's folder holds it as two files, so that results are compared whatever code they are of.
    """

    declared: Mapping[str, Any]
    values: pd.DataFrame

    @classmethod
    def of(cls, results: Results) -> "Found":
        declared = json.loads(json.dumps(_declare(results.study), default=str))  # as it is read from a file
        return cls(declared, list_values(results))

    @classmethod
    def read(cls, folder: Path) -> "Found":
        """What a report in this folder says. Raises BadInput where it has not the files."""
        try:
            return cls(json.loads((folder / DECLARED).read_text()), read_csv(folder / CHOSEN))
        except (OSError, ValueError) as error:
            cure = "name a folder that `fairray report` has written, such as runs/reports/bade_benchmarks/small"
            raise BadInput(str(folder), f"it is no report with {DECLARED} and {CHOSEN} ({error})", cure) from error

    @property
    def files(self) -> dict[str, bytes]:
        """By name, what `read` reads."""
        declared = json.dumps(self.declared, indent=2).encode()
        return {DECLARED: declared, CHOSEN: write_csv(self.values)}

    @property
    def by_seed(self) -> dict[tuple[str, str, str], pd.Series]:
        """By task, arm and metric, the values by seed."""
        groups = self.values.groupby(PLACE, sort=False)
        return {key: rows.set_index("seed")["value"] for key, rows in groups}  # type: ignore[misc]


class Contrast(NamedTuple):
    """One method on one task in one metric, of two studies: means as measured, and the second minus the first.

    paired: by the seeds that both have, or of two samples (Welch). p_holm: adjusted for all that is compared. same:
    whether both are equal in every seed.
    """

    task: str
    arm: str
    metric: str
    first: float
    second: float
    change: Interval
    paired: bool
    same: bool
    p: float
    p_holm: float = UNDEFINED

    @property
    def word(self) -> Word:
        """What the second is beside the first, where that is more than noise at a level of 5 %."""
        if self.same or not self.p_holm <= LEVEL:
            return "equivalent" if self.same else "undecided"
        return "better" if self.change.mean * find(self.metric).sign > 0 else "worse"


def list_values(results: Results) -> pd.DataFrame:
    """The values of the objectives, which are what is compared."""
    rows = [
        (task, arm, metric, seed, value)
        for task, arm in results.chosen
        for metric in results.study.objectives
        if results.has(task, arm, metric)
        for seed, value in results.values(task, arm, metric).dropna().items()
    ]
    return pd.DataFrame(rows, columns=[*PLACE, "seed", "value"])


def list_changes(first: Found, second: Found) -> Iterator[tuple[str, Any, Any]]:
    """What both declare otherwise: a dotted key and both values, None where one has no such key."""
    yield from list_differences(first.declared, second.declared)


def contrast(first: Found, second: Found) -> list[Contrast]:
    """All that both studies measured of their objectives. Raises BadInput where that is nothing."""
    theirs = second.by_seed
    found = [_compare(*key, ours, theirs[key]) for key, ours in first.by_seed.items() if key in theirs]
    if not found:
        problem = "they have no method on a task with an objective in common"
        raise BadInput("fairray compare", problem, "give both the same names of tasks and methods")
    adjusted = holm([one.p for one in found])
    return [one._replace(p_holm=float(p)) for one, p in zip(found, adjusted, strict=True)]


def _compare(task: str, arm: str, metric: str, ours: pd.Series, theirs: pd.Series) -> Contrast:
    seeds = ours.index.intersection(theirs.index)
    means, place = (float(ours.mean()), float(theirs.mean())), (task, arm, metric)
    if len(seeds) == len(ours) == len(theirs):
        differences = (theirs - ours)[seeds]
        p = against(differences.to_numpy(), 0).p if len(seeds) > 1 else UNDEFINED
        return Contrast(*place, *means, change_of(metric, differences), True, not differences.any(), p)
    apart, p = Interval(means[1] - means[0], UNDEFINED, UNDEFINED, min(len(ours), len(theirs))), UNDEFINED
    if apart.n > 1 and (has_spread(ours.to_numpy()) or has_spread(theirs.to_numpy())):
        test = stats.ttest_ind(theirs, ours, equal_var=False)
        ends, (low, high), p = test.confidence_interval(), find(metric).range, float(test.pvalue)
        apart = apart._replace(low=float(ends.low), high=float(ends.high)).cut(low - high, high - low)
    return Contrast(*place, *means, apart, False, False, p)


def _declare(study: Study) -> dict[str, Any]:
    """What a study says, of which its results may depend."""
    return {
        "scale": study.scale,
        "tasks": {name: plain(member) for name, member in study.tasks.items()},
        "methods": {name: method.plain for name, method in study.methods.items()},
        "network": study.network.plain,
        "networks": {name: network.plain for name, network in study.networks.items()},
        "training": study.training.plain,
        "trainings": {name: training.plain for name, training in study.trainings.items()},
        "numerics": asdict(study.numerics),
        "search": asdict(study.search),
        "searches": {name: asdict(search) for name, search in study.searches.items()},
        "selection": asdict(study.selection),
        **{key: getattr(study, key) for key in ("seeds", "splits", "confirm", "objectives", "baseline", "margins")},
    }


def describe_contrasts(first: Found, second: Found) -> Iterator[str]:
    """Lines for a terminal: what the studies declare otherwise, and what they found."""
    changes, found = [*list_changes(first, second)], contrast(first, second)
    yield "declared otherwise:" if changes else "nothing is declared otherwise"
    yield from (f"  {key}: {ours} | {theirs}" for key, ours, theirs in changes)
    yield f"found, the second minus the first [95 %]; p of t-tests, adjusted for {len(found)} (Holm):"
    for one in found:
        yield f"  {one.task:<12} {one.arm:<16} {_describe(one)}"


def _describe(one: Contrast) -> str:
    measure = find(one.metric)
    first, second, mean, low, high = (
        measure.unit.write(measure.unit.express(value), sign)
        for value, sign in ((one.first, ""), (one.second, ""), *((value, "+") for value in one.change[:3]))
    )
    title = f"{measure.title}{measure.unit.label}"
    if one.same:
        return f"{title} {first}: the same in every seed"
    pairs = "by seed" if one.paired else "of two samples"
    interval = f" [{low}, {high}], {pairs}, p = {one.p_holm:.2g}" if one.p_holm == one.p_holm else ", no test"
    word = {"undecided": "no more than noise", "better": "better", "worse": "worse"}[one.word]
    return f"{title} {first} and {second}: {mean}{interval}: {word}"
