"""EAcc, the papers' accuracy."""

from torch import Tensor

from fairray.metrics import Predictions, recall, serves

__all__ = ["eacc"]


@serves("binary", "multiclass")
def eacc(p: Predictions) -> Tensor:
    """1/4 (TPR0 + TPR1 + TNR0 + TNR1) (BaDe, section 5): the mean accuracy of the (label, group) subgroups."""
    return recall(p).mean((-2, -1))
