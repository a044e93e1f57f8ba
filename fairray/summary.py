"""What a study found of each method, in numbers: its objectives, its trust, and how they differ from the baseline's."""

from collections.abc import Iterator

import pandas as pd

from fairray.betas import BetaTest, compare_betas
from fairray.matrices import find_matrices
from fairray.results import Results, change_of, interval_of
from fairray.statistics.intervals import Interval

__all__ = ["summarize"]


def summarize(results: Results) -> dict[str, dict[str, float]]:
    """The numbers of each arm, by name: mean over seeds as measured, 95 % interval and n, on test data by task.

    The names of differences to the baseline, which are taken seed by seed, end in its name. Where models go on from
    shared starts, differences and intervals are over starts, and the tests over seeds and over starts are beside them.
    """
    found: dict[str, dict[str, float]] = {}
    listed = [*_list_objectives(results), *_list_trust(results)]
    values = {(name, arm): series for name, _, arm, series in listed}
    for name, metric, arm, own in listed:
        numbers = found.setdefault(arm, {})
        numbers |= _describe(name, interval_of(metric, own.dropna()))
        base = values.get((name, str(results.study.baseline)))
        if base is not None and arm != results.study.baseline:
            change = change_of(metric, (own - base).dropna())
            numbers |= _describe(f"{name}_minus_{results.study.baseline}", change)
    for test in compare_betas(results):
        found.setdefault(test.arm, {}).update(_list_test(test))
    return found


def _list_objectives(results: Results) -> Iterator[tuple[str, str, str, pd.Series]]:
    test = "oracle_test" if results.study.selection.oracle else "test"
    for task, arm in results.chosen:
        for metric in results.study.objectives:
            if results.has(task, arm, metric):
                yield f"{task}/{test}_{metric}", metric, arm, results.values(task, arm, metric)


def _list_trust(results: Results) -> Iterator[tuple[str, str, str, pd.Series]]:
    for matrix in find_matrices(results):
        yield f"{matrix.family}/test_trust_matrix", "trust", matrix.arm, matrix.scores


def _list_test(test: BetaTest) -> dict[str, float]:
    name, starts, seeds = f"{test.task}/test_{test.measure}_minus_{test.rival}", test.starts, test.seeds
    numbers = {"low": starts.low, "high": starts.high, "n": float(starts.n), "p": starts.p, "p_holm": test.holm}
    numbers |= {"over_seeds": seeds.mean, "over_seeds_t": seeds.t, "over_seeds_p": seeds.p}
    return {name: starts.mean, **{f"{name}/{part}": value for part, value in numbers.items()}}


def _describe(name: str, interval: Interval) -> dict[str, float]:
    parts = {"low": interval.low, "high": interval.high, "n": float(interval.n)}
    return {name: interval.mean, **{f"{name}/{part}": value for part, value in parts.items()}}
