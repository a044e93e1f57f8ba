"""Area under the receiver operating characteristic."""

import torch
from scipy.stats import rankdata
from torch import Tensor

from fairray.measures import measure
from fairray.metrics import Predictions

__all__ = ["auc"]


@measure("AUC")
def auc(p: Predictions) -> Tensor:
    """P(a positive scores above a negative), ties counting half: the Mann-Whitney statistic."""
    ranks = torch.from_numpy(rankdata(p.score.cpu().numpy(), axis=-1)).to(p.score.device)
    positive = p.y == 1
    n1, n0 = positive.sum(), (~positive).sum()
    return (ranks[:, positive].sum(-1) - n1 * (n1 + 1) / 2) / (n1 * n0)
