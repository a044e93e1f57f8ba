"""Means with Student's t intervals, and shares with Wilson's."""

from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy import stats

__all__ = ["Interval", "has_spread", "mean_interval", "share_interval"]

ROUNDING = 1e-9  # of the largest value


class Interval(NamedTuple):
    """A mean of n values and its confidence interval; none (nan) where n is 1 or all values are equal."""

    mean: float
    low: float
    high: float
    n: int

    @property
    def half(self) -> float:
        return (self.high - self.low) / 2

    @property
    def clear_of_zero(self) -> bool:
        return self.low > 0 or self.high < 0


def mean_interval(values: Iterable[float], confidence: float = 0.95) -> Interval:
    """The mean and its two-sided t interval with n - 1 degrees of freedom.

    One value, or several that are all equal, say nothing of how far another would be from them.
    """
    sample = np.asarray(list(values), dtype=float)
    n, mean = len(sample), float(sample.mean())
    if not has_spread(sample):
        return Interval(mean, float("nan"), float("nan"), n)
    half = float(_quantile((1 + confidence) / 2, n - 1) * sample.std(ddof=1) / np.sqrt(n))
    return Interval(mean, mean - half, mean + half, n)


def has_spread(sample: np.ndarray) -> bool:
    """Whether values differ by more than rounding."""
    return bool(np.ptp(sample) > ROUNDING * np.abs(sample).max())


def share_interval(values: Iterable[float], confidence: float = 0.95) -> Interval:
    """The mean of n values in [0, 1], most of them 0 or 1, and its score interval (Wilson, 1927), which stays there."""
    sample = np.asarray(list(values), dtype=float)
    n, share = len(sample), float(sample.mean())
    z = float(stats.norm.ppf((1 + confidence) / 2))
    middle, half = share + z**2 / (2 * n), z * float(np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)))
    return Interval(share, max(0.0, (middle - half) / (1 + z**2 / n)), min(1.0, (middle + half) / (1 + z**2 / n)), n)


@cache  # scipy takes longer for it than all the rest of an interval
def _quantile(share: float, freedom: int) -> float:
    return stats.t.ppf(share, freedom)
