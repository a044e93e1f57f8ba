"""The rates of each group that fairness criteria compare."""

from torch import Tensor

from fairray.metrics import Predictions, rate_by_group

__all__ = ["positive_rate", "true_negative_rate", "true_positive_rate"]


def true_positive_rate(p: Predictions) -> Tensor:
    """P(predicted 1 | label 1) by group."""
    return rate_by_group(p.predicted == 1, p, p.y == 1)


def true_negative_rate(p: Predictions) -> Tensor:
    """P(predicted 0 | label 0) by group."""
    return rate_by_group(p.predicted == 0, p, p.y == 0)


def positive_rate(p: Predictions) -> Tensor:
    """P(predicted 1) by group, fairlearn's selection rate."""
    return rate_by_group(p.predicted == 1, p)
