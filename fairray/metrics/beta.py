"""How accuracy depends on a covariate of the groups, such as the income of a country."""

from torch import Tensor

from fairray.measures import NUMBER, measure
from fairray.metrics import Predictions
from fairray.metrics.accuracy import accuracy, group_accuracy

__all__ = ["beta", "counted_accuracy", "counted_group_accuracy"]

CLASSES = ("binary", "multiclass")


@measure("β", unit=NUMBER, best="low", problems=CLASSES, covariate=True, by_group=False)  # weighted by rows
def beta(p: Predictions) -> Tensor:
    """The slope of the groups' accuracies on their covariate, with an intercept.

    By generalised least squares with the covariance that "Human Imperceptible Attacks and Applications to Improve
    Fairness", section 4, prints: diag(1 / sqrt(n_i)), n_i the examples of group i; so the weights are sqrt(n_i).
    """
    assert p.covariate is not None
    weight = p.member.sum(0).sqrt()
    weight = weight / weight.sum()
    apart = p.covariate.double() - weight @ p.covariate.double()
    moments = weight * apart
    return group_accuracy(p) @ moments / (moments @ apart)


@measure("accuracy where β is taken", problems=CLASSES, covariate=True, by_group=False)
def counted_accuracy(p: Predictions) -> Tensor:
    """Over the examples on which β is taken."""
    return accuracy(p)


@measure("group accuracy where β is taken", problems=CLASSES, covariate=True)
def counted_group_accuracy(p: Predictions) -> Tensor:
    """By group, over the examples on which β is taken."""
    return group_accuracy(p)
