"""How two measurements go together: Pearson's r with Fisher's interval, and Spearman's rank correlation."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

__all__ = ["Correlation", "correlation"]


class Correlation(NamedTuple):
    """Of n pairs: Pearson's r and its confidence interval, and Spearman's rank correlation."""

    r: float
    low: float
    high: float
    rank: float
    n: int


def correlation(x: Sequence[float], y: Sequence[float], confidence: float = 0.95) -> Correlation:
    """Of pairs (x, y); without numbers (nan) for fewer than four pairs, or where x or y is constant."""
    n, undefined = len(x), float("nan")
    if n < 4 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return Correlation(undefined, undefined, undefined, undefined, n)
    pearson = stats.pearsonr(x, y)
    interval = pearson.confidence_interval(confidence)
    rank = float(stats.spearmanr(x, y).statistic)
    return Correlation(float(pearson.statistic), float(interval.low), float(interval.high), rank, n)
