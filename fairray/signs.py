"""Signs of whether a model has learnt anything: recorded of every model that is evaluated, judged in soundness.py."""

import torch
from torch import Tensor

from fairray.measures import NUMBER, Measure, Problem, Unit
from fairray.metrics import Predictions

__all__ = ["SIGNS", "read_signs"]

CLASSES: tuple[Problem, ...] = ("binary", "multiclass")

ROUNDING = 1e-9  # below this share of the squared error, differences are none

SIGNS = (
    Measure("non_finite", "outputs that are no numbers", best="low"),
    Measure("predicted_share", "share of the most predicted class", best="low", problems=CLASSES),
    Measure("label_share", "share of the most frequent class", best="low", problems=CLASSES),
    Measure("above_guess", "standard errors above the constant guess", NUMBER),
    Measure("fewest_rows", "rows of the smallest subgroup", Unit(decimals=0, digits=0)),
)


def read_signs(p: Predictions) -> dict[str, Tensor]:
    """The signs by name, with axis (replica,); none where there are no examples.

    above_guess: by how many standard errors, over the examples, the predictions are better than the best constant: in
    the mean recall of the (label, group) subgroups that there are, which is EAcc, or in squared error. fewest_rows: of
    these subgroups, or of the groups where the label does not divide them (a regression, a covariate).
    """
    if not len(p.y):
        return {}
    regression = p.y.is_floating_point()
    broken = ~p.logits.isfinite().all(-1)
    found = {"non_finite": p.mean(broken), "fewest_rows": _count_fewest(p, by_label=not regression).expand(len(broken))}
    if regression:
        return found | {"above_guess": _gain_in_error(p)}
    classes = range(p.logits.shape[-1])
    shares = [torch.stack([p.mean(of == c) for c in classes]).amax(0) for of in (p.predicted, p.y[None])]
    return found | {
        "predicted_share": shares[0],
        "label_share": shares[1].expand(len(broken)),
        "above_guess": _gain_in_recall(p),
    }


def _count_fewest(p: Predictions, by_label: bool) -> Tensor:
    apart = by_label and p.covariate is None
    counts = torch.bincount(p.y * p.groups + p.group if apart else p.group)
    return counts[counts > 0].min()


def _gain_in_recall(p: Predictions) -> Tensor:
    """Each subgroup's recall has a binomial error of as many examples as its weights are worth."""
    weight = torch.ones(len(p.y), dtype=torch.float64) if p.weight is None else p.weight.double().cpu()
    names, cell = torch.unique(p.y * p.groups + p.group, return_inverse=True)
    hits = (p.predicted == p.y).double().cpu() * weight
    cells = torch.zeros(int(cell.max()) + 1, dtype=torch.float64)
    total, squares = (cells.index_add(0, cell.cpu(), of) for of in (weight, weight**2))
    recall = torch.zeros(len(hits), len(cells), dtype=torch.float64).index_add(1, cell.cpu(), hits) / total
    worth = total**2 / squares
    smooth = (recall * worth + 0.5) / (worth + 1)  # the error of a recall of 0 or 1 is not 0
    error = (smooth * (1 - smooth) / worth).sum(-1).sqrt() / len(cells)
    guess = torch.bincount(names // p.groups).max().item() / len(cells)
    return (recall.mean(-1) - guess) / error


def _gain_in_error(p: Predictions) -> Tensor:
    """Example by example, beside the mean of the split."""
    y = p.y.double()
    weight = torch.ones_like(y) if p.weight is None else p.weight.double()
    apart = (y - p.mean(y[None])) ** 2
    won = apart - (p.logits[..., 0].double() - y) ** 2
    mean = p.mean(won)
    worth = weight.sum() ** 2 / (weight**2).sum()
    error = (p.mean((won - mean[:, None]) ** 2) / worth).sqrt()
    return mean / error.clamp(min=ROUNDING * float(p.mean(apart[None])) or 1.0)
