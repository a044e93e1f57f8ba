"""EAcc, the papers' accuracy."""

from torch import Tensor

from fairray.measures import measure
from fairray.metrics import Predictions

__all__ = ["eacc"]


@measure("EAcc", problems=("binary", "multiclass"))
def eacc(p: Predictions) -> Tensor:
    """1/4 (TPR0 + TPR1 + TNR0 + TNR1) (BaDe, section 5): the mean accuracy of the (label, group) subgroups."""
    return p.recall.mean((-2, -1))
