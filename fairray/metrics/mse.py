"""Squared errors of a regression."""

from torch import Tensor

from fairray.measures import NOT_NEGATIVE, NUMBER, measure
from fairray.metrics import Predictions, rate_by_group, spread

__all__ = ["balanced_mse", "group_mse", "mse", "mse_difference"]


@measure(unit=NUMBER, best="low", problems=("regression",), bounds=NOT_NEGATIVE, by_group=False)
def mse(p: Predictions) -> Tensor:
    """The mean squared error over all examples (BaDe, Table 5)."""
    return p.mean(_squares(p))


@measure(unit=NUMBER, best="low", problems=("regression",), bounds=NOT_NEGATIVE)
def group_mse(p: Predictions) -> Tensor:
    """By group."""
    return rate_by_group(_squares(p), p)


@measure(unit=NUMBER, best="low", problems=("regression",), bounds=NOT_NEGATIVE)
def balanced_mse(p: Predictions) -> Tensor:
    """The mean of the groups' mean squared errors."""
    return group_mse(p).mean(-1)


@measure(unit=NUMBER, best="low", problems=("regression",), bounds=NOT_NEGATIVE)
def mse_difference(p: Predictions) -> Tensor:
    """The largest difference of the groups' mean squared errors."""
    return spread(group_mse(p))


def _squares(p: Predictions) -> Tensor:
    return ((p.logits[..., 0].double() - p.y) * p.unit) ** 2
