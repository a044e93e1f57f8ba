"""Whether probabilities are frequencies, on the whole and in every group."""

import torch
from torch import Tensor

from fairray.measures import measure
from fairray.metrics import Predictions, spread

__all__ = ["calibration_difference", "calibration_error", "group_calibration_error"]

BINS = 10


@measure(best="low", by_group=False)
def calibration_error(p: Predictions) -> Tensor:
    """ECE: sum_b n_b / n |mean label - mean P(1)|, over ten bins of P(1) of equal width (Naeini et al., 2015)."""
    weight = torch.ones_like(p.y, dtype=torch.float64) if p.weight is None else p.weight.double()
    return _errors(p, weight[:, None])[:, 0]


@measure(best="low")
def group_calibration_error(p: Predictions) -> Tensor:
    """ECE by group, of its own examples."""
    return _errors(p, p.member)


@measure(best="low")
def calibration_difference(p: Predictions) -> Tensor:
    """The largest difference of the groups' ECE."""
    return spread(group_calibration_error(p))


def _errors(p: Predictions, member: Tensor) -> Tensor:
    """ECE of several sets of examples, with axes (replica, set). member: what an example counts in a set."""
    probability = p.score.sigmoid()
    place = (probability * BINS).ceil().clamp(min=1)  # a bin has its upper edge, as scikit-learn's
    apart = [((place == b) * (probability - p.y)) @ member for b in range(1, BINS + 1)]
    return torch.stack(apart).abs().sum(0) / member.sum(0)
