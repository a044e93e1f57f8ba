"""A penalty on how far the groups' mean probabilities are apart, in the forms of FFB and of fairret.

FFB: DiffDP and DiffEOdd (Han et al., 2024, https://arxiv.org/abs/2306.09468). fairret: NormLoss and KLProjectionLoss
(Buyl et al., 2024, https://arxiv.org/abs/2310.17256).
"""

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from annotated_types import Ge
from torch import Tensor

from fairray.data import membership
from fairray.errors import BadInput
from fairray.metrics import spread
from fairray.training.stage import TrainStage, View, error, weighted_mean

__all__ = ["Penalty"]

WIDEST, HALVINGS = 40.0, 50  # of the interval in which the shift of a cell's logits is looked for


@dataclass(frozen=True, kw_only=True)
class Penalty(TrainStage):
    """Cross-entropy, and a penalty on how far the groups' mean probabilities of class 1 are apart in the batch.

    strength: by which the penalty is multiplied.
    criterion: over all examples ("parity"), or over those of each label, both added up ("odds").
    form: "difference" is |mean of one group - mean of the other|, FFB's; of more groups the largest. "norm" is the sum
        over groups of |mean / mean of all - 1|, fairret's. "kl" is the divergence from the predictions made to the
        nearest fair ones, which count as constants, fairret's too.
    """

    strength: Annotated[float, Ge(0)] = 1.0
    criterion: Literal["parity", "odds"] = "odds"
    form: Literal["difference", "norm", "kl"] = "difference"

    heeds_weights = True

    def check(self, dataset):
        if dataset.problem != "binary":
            raise BadInput("", f"it is {dataset.problem}", "choose a binary task")

    def view(self, setting, generator, before):
        train, groups = setting.dataset.train, len(setting.dataset.groups)
        condition = train["y"] if self.criterion == "odds" else torch.zeros_like(train["y"])
        cells = membership(condition, 2)[:, :, None] & membership(train["group"], groups)[:, None, :]
        return View(torch.arange(len(condition)), {"cells": cells})

    def loss(self, nets, outputs, batch):
        score = outputs["logits"][:, 1] - outputs["logits"][:, 0]
        cells = batch["cells"] * batch.get("weight", torch.ones_like(score))[:, None, None]
        penalty = {"difference": difference, "norm": norm, "kl": divergence}[self.form](score, cells)
        return weighted_mean(error(outputs["logits"], batch["y"]), batch) + self.strength * penalty


def difference(score: Tensor, cells: Tensor) -> Tensor:
    """FFB's: for each condition the largest difference of the groups' means, added up.

    score: logits of class 1 with axis (example,). cells: what each example counts in each, with axes (example,
    condition, group); a group without any in the batch has the mean of all.
    """
    return spread(means(probability(score), cells)[0]).sum()


def norm(score: Tensor, cells: Tensor) -> Tensor:
    """fairret's violations, |mean / mean of all - 1|, added up over conditions and groups; see `difference`."""
    own, all_of = means(probability(score), cells)
    return torch.where(cells.sum(0) > 0, own / all_of.clamp(min=torch.finfo(own.dtype).tiny) - 1, 0).abs().sum()


def divergence(score: Tensor, cells: Tensor) -> Tensor:
    """fairret's: the mean KL(q || p), q the predictions nearest to p by it whose groups have the mean of all.

    On a cell they are p with all its logits shifted alike, as the Lagrangian of one linear constraint says.
    """
    fair = project(score.detach(), cells)
    q, weight = probability(fair), cells.sum((1, 2))
    each = q * (F.logsigmoid(fair) - F.logsigmoid(score)) + (1 - q) * (F.logsigmoid(-fair) - F.logsigmoid(-score))
    return (weight * each).sum() / weight.sum()


def project(score: Tensor, cells: Tensor) -> Tensor:
    """Each score with the shift of its cell, found by halving an interval, that gives it the mean of all."""
    member = (cells > 0).to(score.dtype)
    target, shift, step = means(probability(score), cells)[1], torch.full_like(cells[0], -WIDEST), WIDEST
    for _ in range(HALVINGS):
        middle = shift + step
        low = means(probability(score + torch.einsum("ecg,cg->e", member, middle)), cells)[0] < target
        shift, step = torch.where(low, middle, shift), step / 2
    return score + torch.einsum("ecg,cg->e", member, shift)


def means(p: Tensor, cells: Tensor) -> tuple[Tensor, Tensor]:
    """Of p, with axis (example,), in each cell, with axes (condition, group), and of the condition, (condition, 1)."""
    # in products, which round alike in stacks of any size
    total, weight = (torch.einsum("e,ecg->cg", one, cells) for one in (p, torch.ones_like(p)))
    tiny = torch.finfo(p.dtype).tiny
    all_of = total.sum(-1, keepdim=True) / weight.sum(-1, keepdim=True).clamp(min=tiny)
    return torch.where(weight > 0, total / weight.clamp(min=tiny), all_of), all_of


def probability(score: Tensor) -> Tensor:
    """Of class 1."""
    return (1 + torch.tanh(score / 2)) / 2  # torch's sigmoid rounds the end of a vector otherwise than the rest
