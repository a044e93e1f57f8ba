"""What a comparison of so many seeds can tell, and how many it needs: the power of t-tests of pairs."""

from bisect import bisect_left

import numpy as np
from scipy import optimize, stats

__all__ = ["LEVEL", "MOST", "POWER", "detectable", "difference_power", "equivalence_power", "needed_seeds"]

LEVEL = 0.05
POWER = 0.8
MOST = 10_000  # seeds; beyond it a number says no more than that there are too many
QUANTILES = (np.arange(200) + 0.5) / 200


def difference_power(n: int, spread: float, difference: float, level: float = LEVEL) -> float:
    """How often a two-sided t-test over n seeds finds a difference. spread: the deviation of differences over seeds."""
    critical, shift = stats.t.ppf(1 - level / 2, n - 1), np.sqrt(n) * difference / spread
    return float(stats.nct.sf(critical, n - 1, shift) + stats.nct.sf(critical, n - 1, -shift))


def equivalence_power(n: int, spread: float, margin: float, level: float = LEVEL) -> float:
    """How often two one-sided t-tests over n seeds find arms within a margin that do not differ at all.

    It is the mean over what the sample's deviation may be of how often the sample's mean then is near enough to zero.
    """
    deviation = spread * np.sqrt(stats.chi2.ppf(QUANTILES, n - 1) / (n - 1))
    room = np.sqrt(n) * margin - stats.t.ppf(1 - level, n - 1) * deviation
    return float(np.mean(2 * stats.norm.cdf(np.maximum(room, 0) / spread) - 1))


def needed_seeds(spread: float, margin: float, level: float = LEVEL, power: float = POWER) -> int:
    """The least seeds that find a difference of the margin so often, and arms that do not differ to be within it.

    `MOST` stands for as many or more.
    """

    def weaker(n: int) -> float:
        return min(f(n, spread, margin, level) for f in (difference_power, equivalence_power))

    return 2 + bisect_left(range(2, MOST), power, key=weaker)


def detectable(n: int, spread: float, level: float = LEVEL, power: float = POWER) -> float:
    """The smallest difference that n seeds find so often."""
    most = 2 * (stats.t.ppf(1 - level / 2, n - 1) + stats.t.ppf(power, n - 1)) / np.sqrt(n)
    return spread * float(optimize.brentq(lambda share: difference_power(n, 1.0, share, level) - power, 0, most))
