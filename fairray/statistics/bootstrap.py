"""Intervals over the seeds of a training and the examples of its test split together."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import stats

from fairray.statistics.intervals import Interval

__all__ = ["Counts", "Drawn", "cover", "resample", "two_level"]

Counts = Callable[[np.ndarray], np.ndarray]


class Drawn(NamedTuple):
    """What is measured of each seed, axis (seed,), and where examples are drawn anew, axes (draw, seed)."""

    values: np.ndarray
    draws: np.ndarray

    def __sub__(self, other: "Drawn") -> "Drawn":
        """The difference on the same seeds and draws."""
        return Drawn(self.values - other.values, self.draws - other.draws)


def two_level(
    measure: Counts,
    examples: int,
    bounds: tuple[float, float],
    draws: int = 500,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """The mean over seeds of what is measured on a test split, and an interval for other seeds and other examples.

    measure: of how often each example counts, axis (example,), the value of every seed, axis (seed,). bounds: of it.
    """
    return cover(resample(measure, examples, draws, seed), bounds, confidence)


def resample(measure: Counts, examples: int, draws: int, seed: int = 0) -> Drawn:
    """What is measured, and of so many draws of the examples; see `two_level`."""
    draw = np.random.default_rng(seed)
    counts = (draw.multinomial(examples, np.full(examples, 1 / examples)) for _ in range(draws))
    return Drawn(measure(np.ones(examples)), np.stack([measure(count.astype(float)) for count in counts]))


def cover(found: Drawn, bounds: tuple[float, float], confidence: float = 0.95) -> Interval:
    """The mean over seeds, and its interval for other seeds and other examples.

    Examples are drawn anew, with the same draw for all seeds, as these share the split. The variance is that of the
    seeds' mean by their own spread, which holds what examples do to each seed alone, and what they do to all of them:
    the covariance of the seeds over the draws. The degrees of freedom are Satterthwaite's, as few seeds tell less of
    their spread than many draws do. A draw that measures nothing, as one without an example of a subgroup, is left out.
    One seed tells nothing of others: its interval is for other examples alone (`_cover_examples`).
    """
    values, n, mean = found.values, len(found.values), float(found.values.mean())
    drawn = found.draws[np.isfinite(found.draws).all(1)]
    if len(drawn) < len(found.draws) / 2:
        return Interval(mean, math.nan, math.nan, n)
    if n == 1:
        return _cover_examples(mean, drawn[:, 0], confidence).cut(*bounds)
    covariance = np.cov(drawn.T)
    shared = max(float(covariance.sum() - covariance.trace()) / (n * (n - 1)), 0)
    of_seeds = float(values.var(ddof=1)) / n
    if of_seeds + shared == 0:
        return Interval(mean, math.nan, math.nan, n)
    freedom = (n - 1) * (1 + shared / of_seeds) ** 2 if of_seeds else math.inf
    half = float(stats.t.ppf((1 + confidence) / 2, freedom)) * math.sqrt(of_seeds + shared)
    return Interval(mean, mean - half, mean + half, n).bend(*bounds)


def _cover_examples(value: float, drawn: np.ndarray, confidence: float) -> Interval:
    """An interval about what is measured of one seed, of the normal distribution, which may reach 0 as gaps may.

    The draws deviate from the value, not from their mean: a gap that is near 0 is larger in most draws.
    """
    half = float(stats.norm.ppf((1 + confidence) / 2)) * math.sqrt(((drawn - value) ** 2).mean())
    return Interval(value, value - half, value + half, 1) if half else Interval(value, math.nan, math.nan, 1)
