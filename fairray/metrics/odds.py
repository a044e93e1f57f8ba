"""Odds, the papers' measure of bias, and its maximum."""

from torch import Tensor

from fairray.measures import measure
from fairray.metrics import Predictions, spread

__all__ = ["deo_max", "odds"]


@measure("Odds", best="low", problems=("binary", "multiclass"))
def odds(p: Predictions) -> Tensor:
    """1/2 (|TPR0 - TPR1| + |TNR0 - TNR1|) (BaDe, section 5).

    With more classes the mean of their differences of recall, with more groups the largest differences.
    """
    return spread(p.recall).mean(-1)


@measure(best="low", problems=("binary", "multiclass"))
def deo_max(p: Predictions) -> Tensor:
    """max_y max_{a, a'} |P(predicted y | y, a) - P(predicted y | y, a')|, MFD's DEO_M (Jung et al., 2021)."""
    return spread(p.recall).amax(-1)
