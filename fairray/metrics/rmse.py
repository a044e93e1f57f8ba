"""Errors of a regression in the target's own unit."""

from torch import Tensor

from fairray.measures import NOT_NEGATIVE, Unit, measure
from fairray.metrics import Predictions, spread
from fairray.metrics.mse import group_mse
from fairray.metrics.mse import mse as mse_of

__all__ = ["group_rmse", "rmse", "rmse_difference"]

OWN = Unit(decimals=3, digits=3)


@measure("RMSE", unit=OWN, best="low", problems=("regression",), bounds=NOT_NEGATIVE, by_group=False)
def rmse(p: Predictions) -> Tensor:
    """The root of the mean squared error over all examples."""
    return mse_of(p).sqrt()


@measure("RMSE by group", unit=OWN, best="low", problems=("regression",), bounds=NOT_NEGATIVE)
def group_rmse(p: Predictions) -> Tensor:
    """By group."""
    return group_mse(p).sqrt()


@measure("RMSE difference", unit=OWN, best="low", problems=("regression",), bounds=NOT_NEGATIVE)
def rmse_difference(p: Predictions) -> Tensor:
    """The largest difference of the groups' root mean squared errors."""
    return spread(group_rmse(p))
