"""How accuracy depends on the groups' covariate, of every model of an arm and of the models that they started from."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from fairray.records import headline
from fairray.results import Results
from fairray.statistics.comparison import Comparison, Mean, against, compare, holm, over_starts

__all__ = ["MEASURES", "Betas", "BetaTest", "find_betas", "compare_betas"]

MEASURES = ("beta", "counted_accuracy")


@dataclass(frozen=True)
class Betas:
    """One arm on one task.

    values: a row for each model, its seed the index: beta, counted_accuracy, accuracy (fractions), and start, the
    theta_0 that it goes on from. begun: the same of each theta_0, by start; empty where every model starts anew.
    """

    task: str
    arm: str
    values: pd.DataFrame
    begun: pd.DataFrame

    @property
    def first(self) -> pd.DataFrame:
        """The models of one theta_0, as the paper has them."""
        return self.values[self.values["start"] == self.values["start"].min()]

    def before(self, models: pd.DataFrame) -> pd.DataFrame:
        """What each of these models starts from, by its seed."""
        return self.begun.loc[models["start"]].set_axis(models.index)


class BetaTest(NamedTuple):
    """Whether an arm differs in a measure from what it started from, or from the baseline.

    seeds: over the models of one theta_0, as the paper tests. starts: over the theta_0. samples: further tests over the
    models of one theta_0, where two arms are compared. holm: the two-sided p of `starts`, adjusted for all tests of the
    study.
    """

    task: str
    arm: str
    rival: str
    measure: str
    seeds: Mean
    starts: Mean
    samples: Comparison | None
    holm: float = float("nan")


def find_betas(results: Results) -> Iterator[Betas]:
    """Of every chosen trial on data whose groups have a covariate."""
    rows = results.records.query("split == 'test' and epoch.isna()")
    for (task, arm), trial in results.chosen.items():
        own = results.of(task, arm, rows[rows["trial"] == trial.uid])
        values, starts = _pivot(headline(own)), getattr(trial.method, "starts", None)
        if "beta" in values:
            values["start"] = values.index if starts is None else values.index % starts
            of_start = own[own["model"] == "standard"].assign(model=None) if starts else own[:0]
            yield Betas(task, arm, values, _pivot(headline(of_start.astype({"model": "str"}))))


def compare_betas(results: Results) -> list[BetaTest]:
    """Each arm against its starts, and against the study's baseline, in each of `MEASURES`."""
    found = {(betas.task, betas.arm): betas for betas in find_betas(results)}
    tests = [test for betas in found.values() for test in _against_start(betas)]
    for (task, arm), betas in found.items():
        base = found.get((task, str(results.study.baseline)))
        if base is not None and base.arm != arm and len(base.begun) and betas.begun.index.equals(base.begun.index):
            tests += _against_arm(betas, base)
    adjusted = holm([test.starts.p for test in tests])
    return [test._replace(holm=float(p)) for test, p in zip(tests, adjusted, strict=True)]


def _pivot(rows: pd.DataFrame) -> pd.DataFrame:
    """A row for each model, a column for each measure."""
    return rows.pivot_table(index="seed", columns="metric", values="value", sort=False).sort_index()


def _against_start(betas: Betas) -> Iterator[BetaTest]:
    if betas.begun.empty or len(betas.first) < 2:
        return
    for measure in MEASURES:
        models, first = betas.values, betas.first
        seeds = against((first[measure] - betas.before(first)[measure]).to_numpy(), 0)
        begun = betas.before(models)[measure]
        starts = over_starts(models[measure].to_numpy(), begun.to_numpy(), [*models["start"]])
        yield BetaTest(betas.task, betas.arm, "theta_0", measure, seeds, starts, None)


def _against_arm(betas: Betas, base: Betas) -> Iterator[BetaTest]:
    seeds = betas.values.index.intersection(base.values.index)
    ours, theirs = betas.values.loc[seeds], base.values.loc[seeds]
    one = (ours["start"] == ours["start"].min()).to_numpy()
    if one.sum() < 2:
        return
    for measure in MEASURES:
        mine, other = ours[measure].to_numpy(), theirs[measure].to_numpy()
        samples = compare(mine[one], other[one])
        starts = over_starts(mine, other, [*ours["start"]])
        yield BetaTest(betas.task, betas.arm, base.arm, measure, samples.paired, starts, samples)
