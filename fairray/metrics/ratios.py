"""fairlearn's ratios between groups."""

from torch import Tensor

from fairray.measures import measure
from fairray.metrics import Predictions, rate_by_group
from fairray.metrics.rates import positive_rate, true_positive_rate

__all__ = ["demographic_parity_ratio", "equalized_odds_ratio"]


@measure()
def demographic_parity_ratio(p: Predictions) -> Tensor:
    """The smallest of the groups' rates of positive predictions over the largest; nan where all are 0."""
    return _ratio(positive_rate(p))


@measure()
def equalized_odds_ratio(p: Predictions) -> Tensor:
    """The smaller of the ratios of true and of false positive rates; nan where one has none."""
    false_positive_rate = rate_by_group(p.predicted == 1, p, p.y == 0)
    return _ratio(true_positive_rate(p)).minimum(_ratio(false_positive_rate))


def _ratio(rates: Tensor) -> Tensor:
    return rates.amin(-1) / rates.amax(-1)
