"""Odds, the papers' measure of bias."""

from torch import Tensor

from fairray.metrics import Predictions, spread
from fairray.metrics.rates import true_negative_rate, true_positive_rate

__all__ = ["odds"]


def odds(p: Predictions) -> Tensor:
    """1/2 (|TPR0 - TPR1| + |TNR0 - TNR1|) (BaDe, section 5); the largest differences where groups are more."""
    return (spread(true_positive_rate(p)) + spread(true_negative_rate(p))) / 2
