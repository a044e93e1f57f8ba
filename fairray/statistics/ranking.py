"""Methods over several tasks: ranks and their tests (Demšar, 2006), and the middle half of all runs (rliable, 2021)."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import stats

__all__ = ["Ranking", "interquartile_mean", "profile", "rank", "resample"]

LEVEL = 0.05


class Ranking(NamedTuple):
    """Mean ranks over tasks, 1 the best, with axis (method).

    statistic, p: Friedman's test that all methods rank alike. critical: the difference of mean ranks that is Nemenyi's
    at 5 % for all pairs. normal, all_pairs: p of each pair alone, and Nemenyi's, with axes (method, method).
    """

    ranks: np.ndarray
    statistic: float
    p: float
    critical: float
    normal: np.ndarray
    all_pairs: np.ndarray


def rank(scores: np.ndarray) -> Ranking:
    """Three methods or more on two tasks or more. scores: of which higher is better, axes (task, method)."""
    tasks, methods = scores.shape
    ranks = stats.rankdata(-scores, axis=1)
    test = stats.friedmanchisquare(*ranks.T)
    error = np.sqrt(methods * (methods + 1) / (6 * tasks))
    means = ranks.mean(0)
    apart = np.abs(means[:, None] - means) / error
    critical = float(stats.studentized_range.isf(LEVEL, methods, np.inf) / np.sqrt(2) * error)
    all_pairs = stats.studentized_range.sf(np.sqrt(2) * apart, methods, np.inf)
    return Ranking(means, float(test.statistic), float(test.pvalue), critical, 2 * stats.norm.sf(apart), all_pairs)


def interquartile_mean(scores: np.ndarray) -> float:
    """The mean of the middle half of all runs of all tasks. scores: axes (task, seed)."""
    return float(stats.trim_mean(scores, 0.25, axis=None))


def profile(scores: np.ndarray, above: np.ndarray) -> np.ndarray:
    """The share of all runs whose score is above each of these. scores: axes (task, seed)."""
    return np.mean(scores[..., None] > above, axis=(0, 1))


def resample(
    scores: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray | float], draws: int = 2000, seed: int = 0
) -> np.ndarray:
    """The 2.5 and 97.5 % quantiles of a statistic, with the seeds of each task drawn anew: axes (end, ...).

    scores: axes (task, seed). The tasks stay as they are, so nothing is said of further ones.
    """
    draw = np.random.default_rng(seed)
    picked = draw.integers(scores.shape[1], size=(draws, *scores.shape))
    found = np.stack([statistic(np.take_along_axis(scores, one, axis=1)) for one in picked])
    return np.quantile(found, (0.025, 0.975), axis=0)
