"""How often the predicted label is the label."""

from torch import Tensor

from fairray.metrics import Predictions, rate_by_group

__all__ = ["accuracy", "group_accuracy", "worst_group_accuracy"]


def accuracy(p: Predictions) -> Tensor:
    """Over all examples."""
    return (p.predicted == p.y).double().mean(-1)


def group_accuracy(p: Predictions) -> Tensor:
    """By group."""
    return rate_by_group(p.predicted == p.y, p)


def worst_group_accuracy(p: Predictions) -> Tensor:
    """On the (label, group) subgroup where it is lowest (Sagawa et al., 2020)."""
    subgroups = Predictions(p.logits, p.y, p.y * p.groups + p.group, 2 * p.groups)
    return rate_by_group(p.predicted == p.y, subgroups).amin(-1)
