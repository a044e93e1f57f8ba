"""Is a value another than expected, is one arm's higher than another's? Tests of models' values over their seeds.

The unit of a test is what was drawn anew for each value. Models that come from one start (a pretrained model and the
data made with it) share it, so a test over their seeds speaks of that start alone; `over_starts` speaks of all.
"""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from fairray.errors import BadInput
from fairray.statistics import Values
from fairray.statistics.intervals import Interval, has_spread, mean_interval

__all__ = [
    "UNDEFINED", "Comparison", "Mean", "Outcome", "Pairs", "against", "compare", "compare_pairs", "equivalence", "holm",
    "over_starts",
]  # fmt: skip

FLIPS = 10_000
UNDEFINED = float("nan")
NO_SPREAD = "The values are all equal, so nothing says how far they would be from each other by chance."
ONE_START = (
    "All models come from one start, so nothing says how far another start would be from it. "
    "Repeat the whole pipeline with other seeds: two starts are the least, and more tell more."
)


class Outcome(NamedTuple):
    """A test's statistic, its degrees of freedom (nan where it has none), and p: two-sided, and of being greater."""

    statistic: float
    df: float
    p: float
    p_greater: float


class Mean(NamedTuple):
    """The mean of n values with its t interval and t-test. reason: why these are missing (nan), in words, or empty."""

    mean: float
    low: float
    high: float
    t: float
    df: float
    p: float
    p_greater: float
    n: int
    reason: str = ""

    @property
    def interval(self) -> Interval:
        return Interval(self.mean, self.low, self.high, self.n)


class Pairs(NamedTuple):
    """Of the differences a - b of two arms by seed.

    mean: with its t-test. signed_ranks: Wilcoxon's W. flips: the mean under all signs, or under many drawn at random.
    spread: the deviation over seeds. d: Cohen's for pairs, the mean by the spread.
    """

    mean: Mean
    signed_ranks: Outcome
    flips: Outcome
    spread: float
    d: float


class Comparison(NamedTuple):
    """Of the values a and b of two arms.

    paired: the mean of a - b by seed. welch, pooled: t-tests of two samples. ranks: Mann and Whitney's U of a.
    flips: the mean of a - b under signs drawn at random. d: Cohen's for pairs, the mean of a - b by its deviation.
    delta: Cliff's, how much oftener a value of a is above one of b than below, from -1 to 1.
    """

    paired: Mean
    welch: Outcome
    pooled: Outcome
    ranks: Outcome
    flips: Outcome
    d: float
    delta: float


def against(values: Values, reference: float, confidence: float = 0.95) -> Mean:
    """The mean of two values or more, axis (seed), and Student's test that it is the reference.

    Of values that are all equal there is a mean and nothing else (nan). Raises BadInput for fewer than two values, or
    one that is not finite.
    """
    sample = _checked(values)
    if not has_spread(sample):
        return _untested(float(sample[0]), len(sample), NO_SPREAD)
    interval = mean_interval(sample, confidence)
    error = sample.std(ddof=1) / np.sqrt(interval.n)
    return Mean(*interval[:3], *_student((interval.mean - reference) / error, interval.n - 1), interval.n)


def compare(a: Values, b: Values, confidence: float = 0.95, seed: int = 0) -> Comparison:
    """Values of two arms, each with axis (seed) and in the same order of seeds. seed: of the random flips.

    Raises BadInput for fewer than two values, one that is not finite, or arms with different numbers of seeds.
    """
    pairs, first, second = compare_pairs(a, b, confidence, seed), _checked(a), _checked(b)
    ranks = [stats.mannwhitneyu(first, second, alternative=way) for way in ("two-sided", "greater")]
    u = float(ranks[0].statistic)
    return Comparison(
        paired=pairs.mean,
        welch=_two_samples(first, second, equal_var=False),
        pooled=_two_samples(first, second, equal_var=True),
        ranks=Outcome(u, UNDEFINED, *(float(test.pvalue) for test in ranks)),
        flips=pairs.flips,
        d=pairs.d,
        delta=2 * u / (len(first) * len(second)) - 1,
    )


def compare_pairs(a: Values, b: Values, confidence: float = 0.95, seed: int = 0) -> Pairs:
    """What the differences of two arms say, as `compare` takes them."""
    differences = _differences(a, b)
    spread = float(differences.std(ddof=1)) if has_spread(differences) else UNDEFINED
    tests = _signed_ranks(differences), _flips(differences, seed)
    return Pairs(against(differences, 0, confidence), *tests, spread, float(differences.mean()) / spread)


def equivalence(differences: Values, margin: float) -> float:
    """The p of two one-sided t-tests (Schuirmann, 1987) that the mean of differences lies within the margin of zero.

    Where they are all equal there is none (nan). Raises BadInput as `against` does.
    """
    below, above = against(differences, -margin), against(differences, margin)
    return max(below.p_greater, 1 - above.p_greater)


def over_starts(a: Values, b: Values, starts: Sequence[Hashable], confidence: float = 0.95) -> Mean:
    """The mean of a - b over starts, which weigh alike: every start's own mean is one value of the t-test.

    a, b: of models, paired by start and seed, with axis (model). starts: which start a model comes from, by its name
    or number. One start has a mean and nothing else (nan), and `reason` says so. Raises BadInput as `compare` does.
    """
    differences = _differences(a, b)
    _, index = np.unique(np.asarray(starts), return_inverse=True)
    means = np.bincount(index, weights=differences) / np.bincount(index)
    if len(means) > 1:
        return against(means, 0, confidence)
    return _untested(float(means[0]), 1, ONE_START)


def holm(p_values: Values) -> np.ndarray:
    """The p of several tests, in their order, adjusted so that any is <= .05 falsely in at most 5 % (Holm, 1979).

    A test that is not defined (nan) stays so, and counts as one.
    """
    p = np.asarray(p_values, float)
    order = np.argsort(p)
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(np.minimum(p[order] * np.arange(len(p), 0, -1), 1))
    return adjusted


def tell_apart(values: np.ndarray, best: int, level: float = 0.05) -> np.ndarray:
    """Which points differ from one of them in any of several measures, axis (point,): by paired t-tests over seeds,
    adjusted for all points and measures (Holm). Of one seed none is told apart.

    values: axes (measure, point, seed). best: the place of the one. Raises BadInput for a value that is not finite.
    """
    others = np.arange(values.shape[1]) != best
    p = np.full(values.shape[:2], UNDEFINED)
    if values.shape[2] > 1 and others.any():
        changes = (values - values[:, [best]])[:, others]
        p[:, others] = holm([against(seeds, 0).p for seeds in np.concatenate(changes)]).reshape(len(values), -1)
    return np.any(p <= level, axis=0)


def _untested(mean: float, n: int, reason: str) -> Mean:
    return Mean(mean, UNDEFINED, UNDEFINED, UNDEFINED, n - 1, UNDEFINED, UNDEFINED, n, reason)


def _student(t: float, df: float) -> Outcome:
    return Outcome(float(t), float(df), float(2 * stats.t.sf(abs(t), df)), float(stats.t.sf(t, df)))


def _two_samples(a: np.ndarray, b: np.ndarray, equal_var: bool) -> Outcome:
    if np.ptp(a) == np.ptp(b) == 0:
        return Outcome(UNDEFINED, UNDEFINED, UNDEFINED, UNDEFINED)
    test = stats.ttest_ind(a, b, equal_var=equal_var)
    return _student(test.statistic, test.df)


def _signed_ranks(differences: np.ndarray) -> Outcome:
    """Exact where there are few pairs. Pairs that do not differ are left out, as Wilcoxon does."""
    if not differences.any():
        return Outcome(UNDEFINED, UNDEFINED, UNDEFINED, UNDEFINED)
    two_sided, greater = (stats.wilcoxon(differences, alternative=way) for way in ("two-sided", "greater"))
    return Outcome(float(greater.statistic), UNDEFINED, float(two_sided.pvalue), float(greater.pvalue))


def _flips(differences: np.ndarray, seed: int) -> Outcome:
    """All signs where there are no more than FLIPS of them, for 13 pairs or fewer, and else as many at random."""
    two_sided, greater = (
        stats.permutation_test(
            (differences,),
            np.mean,
            permutation_type="samples",
            vectorized=True,
            n_resamples=FLIPS,
            alternative=way,
            rng=np.random.default_rng(seed),
        )
        for way in ("two-sided", "greater")
    )
    return Outcome(float(greater.statistic), UNDEFINED, float(two_sided.pvalue), float(greater.pvalue))


def _differences(a: Values, b: Values) -> np.ndarray:
    if len(a) != len(b):
        found = f"arms are compared seed by seed, and have {len(a)} and {len(b)} of them"
        raise BadInput("seeds", found, "run both arms with the same seeds")
    return _checked(a) - _checked(b)


def _checked(values: Values) -> np.ndarray:
    sample = np.asarray(values, float)
    if len(sample) < 2:
        found = f"a test over seeds needs two models or more, and there is {len(sample)}"
        raise BadInput("seeds", found, "run with seeds=2 or more")
    if failed := [str(i) for i in np.flatnonzero(~np.isfinite(sample))]:
        raise BadInput("seeds", f"the value is no finite number for {', '.join(failed)}", "leave out what failed")
    return sample
