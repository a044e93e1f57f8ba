"""Thresholds of groups that are as useful as a bound on their differences allows, as OxonFair finds them
(Delaney et al., 2024, https://arxiv.org/abs/2407.13710)."""

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Le
from torch import Tensor

from fairray.evaluation import Evaluation
from fairray.methods._thresholds import Lots, Moved, check_groups
from fairray.methods.standard import Standard
from fairray.metrics import spread

__all__ = ["GroupThresholds"]

COMBINATIONS = 2**18  # of the groups' thresholds that are looked at
ROUNDING = 1e-9  # of differences that are equal


@dataclass(frozen=True, kw_only=True)
class GroupThresholds:
    """Of all combinations of thresholds, the one of highest utility on validation data among those that keep the bound.

    constraint: what is bounded, the difference of positive rates ("parity"), the mean difference of recall ("odds", the
        papers' Odds) or the difference of true positive rates ("opportunity"). within: the bound.
    utility: the share that is right ("accuracy"), or the mean of the subgroups' ("eacc").
    """

    constraint: Literal["parity", "odds", "opportunity"] = "odds"
    within: Annotated[float, Ge(0), Le(1)] = 0.02
    utility: Literal["accuracy", "eacc"] = "eacc"

    def chain(self, dataset):
        swept = Swept(model=Standard(), constraint=self.constraint, within=self.within, utility=self.utility)
        return Evaluation.of(swept, dataset)

    def check(self, dataset):
        check_groups(dataset)


@dataclass(frozen=True, kw_only=True)
class Swept(Moved):
    """A sweep over the combinations of candidate thresholds; where none keeps the bound, the one nearest to it."""

    heeds_weights = True

    constraint: Literal["parity", "odds", "opportunity"]
    within: float
    utility: Literal["accuracy", "eacc"]

    def find(self, p):
        count = round(COMBINATIONS ** (1 / p.groups))
        candidates, rates = [], []
        for group in range(p.groups):
            score, weight = p.score[0], p.member[:, group]
            candidates.append(spaced(score[p.group == group], count))
            rates.append(torch.stack([share_above(score, candidates[-1], weight * (p.y == label)) for label in (0, 1)]))
        combined = torch.cartesian_prod(*[torch.arange(len(of)) for of in candidates]).view(-1, p.groups)
        above = torch.stack([rate[:, combined[:, group]] for group, rate in enumerate(rates)], dim=-1)
        sizes = torch.stack([(p.member * (p.y == label)[:, None]).sum(0) for label in (0, 1)])
        best = choose(above, sizes, self.constraint, self.within, self.utility)
        chosen = torch.stack([of[combined[best, group]] for group, of in enumerate(candidates)])[:, None]
        return Lots(chosen, torch.ones_like(chosen))


def spaced(score: Tensor, count: int) -> Tensor:
    """At most so many thresholds, evenly by rank: between neighbouring scores, and below and above all of them."""
    values = score.unique()
    between = torch.cat([values[:1] - 1, (values[1:] + values[:-1]) / 2, values[-1:] + 1])
    return between[torch.linspace(0, len(between) - 1, min(count, len(between))).round().long()]


def share_above(score: Tensor, thresholds: Tensor, weight: Tensor) -> Tensor:
    """What part of the weight lies above each threshold."""
    order = score.argsort()
    below = torch.cat([weight.new_zeros(1), weight[order].cumsum(0)])
    return 1 - below[torch.searchsorted(score[order], thresholds, right=True)] / below[-1]


def choose(above: Tensor, sizes: Tensor, constraint: str, within: float, utility: str) -> int:
    """The place of the best combination.

    above: P(predicted 1 | label, group) with axes (label, combination, group). sizes: of (label, group).
    """
    right = torch.stack([1 - above[0], above[1]])
    share = sizes / sizes.sum()
    useful = right.mean((0, 2)) if utility == "eacc" else torch.einsum("lcg,lg->c", right, share)
    apart = {
        "parity": lambda: spread(torch.einsum("lcg,lg->cg", above, sizes / sizes.sum(0))),
        "odds": lambda: spread(right).mean(0),
        "opportunity": lambda: spread(right[1]),
    }[constraint]()
    kept = apart <= max(within, float(apart.min())) + ROUNDING
    return int(useful.where(kept, -torch.inf).argmax())
