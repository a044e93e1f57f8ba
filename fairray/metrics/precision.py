"""Predictive parity: how often a positive prediction is right."""

from torch import Tensor

from fairray.measures import measure
from fairray.metrics import Predictions, rate_by_group, spread

__all__ = ["positive_predictive_value", "predictive_parity_difference"]


@measure()
def positive_predictive_value(p: Predictions) -> Tensor:
    """P(label 1 | predicted 1) by group; nan of a group without a positive prediction."""
    positive = (p.predicted == 1).double()
    return rate_by_group(positive * p.y, p) / rate_by_group(positive, p)


@measure(best="low")
def predictive_parity_difference(p: Predictions) -> Tensor:
    """The largest difference of the groups' positive predictive values (Chouldechova, 2017)."""
    return spread(positive_predictive_value(p))
