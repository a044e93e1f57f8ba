"""How often the predicted label is the label."""

from torch import Tensor

from fairray.measures import measure
from fairray.metrics import Predictions, rate_by_group

__all__ = ["accuracy", "group_accuracy", "worst_group_accuracy"]


@measure(problems=("binary", "multiclass"), by_group=False)
def accuracy(p: Predictions) -> Tensor:
    """Over all examples."""
    return p.mean(p.predicted == p.y)


@measure(problems=("binary", "multiclass"))
def group_accuracy(p: Predictions) -> Tensor:
    """By group."""
    return rate_by_group(p.predicted == p.y, p)


@measure(problems=("binary", "multiclass"))
def worst_group_accuracy(p: Predictions) -> Tensor:
    """On the (label, group) subgroup where it is lowest (Sagawa et al., 2020)."""
    return p.recall.amin((-2, -1))
