"""fairlearn's differences between groups."""

from torch import Tensor

from fairray.measures import measure
from fairray.metrics import Predictions, spread
from fairray.metrics.rates import positive_rate, true_negative_rate, true_positive_rate

__all__ = ["demographic_parity_difference", "equalized_odds_difference"]


@measure(best="low")
def demographic_parity_difference(p: Predictions) -> Tensor:
    """The largest difference of the rates of positive predictions."""
    return spread(positive_rate(p))


@measure(best="low")
def equalized_odds_difference(p: Predictions) -> Tensor:
    """The larger of the differences of true and of false positive rates."""
    return spread(true_positive_rate(p)).maximum(spread(true_negative_rate(p)))
