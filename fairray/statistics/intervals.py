"""Means with Student's t intervals, which stay inside the bounds of what is measured, and shares with Wilson's."""

import math
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy import special, stats

__all__ = ["Interval", "has_spread", "mean_interval", "share_interval"]

ROUNDING = 1e-9  # of the largest value
LARGE = 700.0  # a power of e that is a number


class Interval(NamedTuple):
    """A mean of n values and its confidence interval; none (nan) where n is 1 or all values are equal."""

    mean: float
    low: float
    high: float
    n: int

    @property
    def half(self) -> float:
        return (self.high - self.low) / 2

    def cut(self, low: float, high: float) -> "Interval":
        """What of it lies between two values."""
        return self._replace(low=max(self.low, low), high=min(self.high, high)) if self.low <= self.high else self

    def bend(self, low: float, high: float) -> "Interval":
        """It within bounds: that of the mean's logit between them, or of its logarithm above low alone; cut at a bound
        on which the mean lies."""
        mean, half = self.mean, self.half
        if mean in (low, high):
            return self.cut(low, high)
        if math.isinf(low):
            return self
        if math.isinf(high):
            ratio = math.exp(min(half / (mean - low), LARGE))
            return self._replace(low=low + (mean - low) / ratio, high=low + (mean - low) * ratio)
        share = (mean - low) / (high - low)
        shift = half / (high - low) / (share * (1 - share))
        ends = low + (high - low) * special.expit(special.logit(share) + np.array([-shift, shift]))
        return self._replace(low=float(ends[0]), high=float(ends[1]))

    @property
    def clear_of_zero(self) -> bool:
        return self.low > 0 or self.high < 0


def mean_interval(
    values: Iterable[float], confidence: float = 0.95, bounds: tuple[float, float] = (-math.inf, math.inf)
) -> Interval:
    """The mean and its two-sided t interval with n - 1 degrees of freedom.

    bounds: of what is measured. Where there are two, the interval is that of the mean's logit between them, and with a
    lower one alone that of its logarithm above it (delta method): it stays inside, and is longer on the side where
    values are rarer. Bounds that the values themselves do not keep are none.
    One value, or several that are all equal, say nothing of how far another would be from them; none say nothing.
    """
    sample = np.asarray(list(values), dtype=float)
    n, mean = len(sample), float(sample.mean()) if len(sample) else math.nan
    if not has_spread(sample):
        return Interval(mean, float("nan"), float("nan"), n)
    half = float(_quantile((1 + confidence) / 2, n - 1) * sample.std(ddof=1) / np.sqrt(n))
    kept = bounds[0] <= sample.min() and sample.max() <= bounds[1]
    interval = Interval(mean, mean - half, mean + half, n)
    return interval.bend(*bounds) if kept else interval


def has_spread(sample: np.ndarray) -> bool:
    """Whether values differ by more than rounding."""
    return len(sample) > 0 and bool(np.ptp(sample) > ROUNDING * np.abs(sample).max())


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
