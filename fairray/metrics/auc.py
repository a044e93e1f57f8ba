"""Area under the receiver operating characteristic."""

import numpy as np
import torch
from torch import Tensor

from fairray.measures import measure
from fairray.metrics import Predictions

__all__ = ["auc"]


@measure("AUC", by_group=False)
def auc(p: Predictions) -> Tensor:
    """P(a positive scores above a negative), ties counting half: the Mann-Whitney statistic."""
    weight = np.ones(len(p.y)) if p.weight is None else p.weight.double().cpu().numpy()
    positive = (p.y == 1).cpu().numpy()
    areas = [_area(score, weight * positive, weight * ~positive) for score in p.score.cpu().numpy()]
    return torch.tensor(areas, dtype=torch.float64, device=p.score.device)


def _area(score: np.ndarray, positive: np.ndarray, negative: np.ndarray) -> float:
    """positive, negative: what each example counts as one of these."""
    place = np.unique(score, return_inverse=True)[1]
    above, below = (np.bincount(place, weight) for weight in (positive, negative))
    with np.errstate(invalid="ignore"):
        return float(above @ (below.cumsum() - below / 2) / (above.sum() * below.sum()))
