"""EAcc, the papers' accuracy."""

from torch import Tensor

from fairray.metrics import Predictions
from fairray.metrics.rates import true_negative_rate, true_positive_rate

__all__ = ["eacc"]


def eacc(p: Predictions) -> Tensor:
    """1/4 (TPR0 + TPR1 + TNR0 + TNR1) (BaDe, section 5): the mean accuracy of the (label, group) subgroups."""
    return (true_positive_rate(p).mean(-1) + true_negative_rate(p).mean(-1)) / 2
