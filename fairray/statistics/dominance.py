"""Does one of two paired samples lie below the other, whatever value one looks at?"""

from typing import NamedTuple

import numpy as np
from scipy import stats

from fairray.statistics import Values
from fairray.statistics.comparison import FLIPS

__all__ = ["Lead", "lead"]

BATCH = 500  # exchanges at a time, of a thousand pairs 8 MB


class Lead(NamedTuple):
    """most: by how much the share of one sample's values that are at most some value is above the other's, where it is
    so most; 0 where it is nowhere above. p: the share of exchanges within pairs after which it is as much or more."""

    most: float
    p: float


def lead(a: Values, b: Values, seed: int = 0) -> Lead:
    """Of a over b, which are paired, each with axis (pair): Smirnov's one-sided D+, and its p from exchanging the
    values of pairs, all 2^n ways for 13 pairs or fewer and else at random. seed: of these.

    A first sample that leads, and over which the second nowhere leads, dominates it to the first order.
    """
    test = stats.permutation_test(
        (np.asarray(a, float), np.asarray(b, float)),
        _find_most,
        permutation_type="samples",
        vectorized=True,
        n_resamples=FLIPS,
        batch=BATCH,
        alternative="greater",
        rng=np.random.default_rng(seed),
    )
    return Lead(float(test.statistic), float(test.pvalue))


def _find_most(a: np.ndarray, b: np.ndarray, axis: int = -1) -> np.ndarray:
    """The most by which a's cumulative share is above b's, along the axis."""
    values = np.concatenate([a, b], axis=-1)
    steps = np.where(np.arange(values.shape[-1]) < a.shape[-1], 1 / a.shape[-1], -1 / b.shape[-1])
    order = np.argsort(values, axis=-1)
    values, above = np.take_along_axis(values, order, -1), steps[order].cumsum(-1)
    last = np.concatenate([np.diff(values, axis=-1) > 0, np.ones_like(values[..., :1], bool)], axis=-1)  # of equal ones
    # equal leads must not differ by rounding; nor is there a lead of -0
    return np.where(last, above, 0).max(axis=-1).round(12) + 0.0
