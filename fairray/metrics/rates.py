"""The rates of each group that fairness criteria compare."""

from torch import Tensor

from fairray.measures import measure
from fairray.metrics import Predictions, rate_by_group

__all__ = ["positive_rate", "true_negative_rate", "true_positive_rate"]


@measure()
def true_positive_rate(p: Predictions) -> Tensor:
    """P(predicted 1 | label 1) by group."""
    return rate_by_group(p.predicted == 1, p, p.y == 1)


@measure()
def true_negative_rate(p: Predictions) -> Tensor:
    """P(predicted 0 | label 0) by group."""
    return rate_by_group(p.predicted == 0, p, p.y == 0)


@measure()
def positive_rate(p: Predictions) -> Tensor:
    """P(predicted 1) by group, fairlearn's selection rate."""
    return rate_by_group(p.predicted == 1, p)
