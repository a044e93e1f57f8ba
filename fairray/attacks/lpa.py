"""LPA: a Lagrangian attack within a neural perceptual distance (Laidlaw, Singla & Feizi, 2021, Alg. 2)."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from fairray.attacks import Model, able, guarded
from fairray.attacks._iterated import (
    EmbeddingField,
    Loss,
    Rows,
    differentiate,
    distances,
    margin,
    noisy,
    projected,
    rounded,
    run_until_done,
    unit,
)
from fairray.costs.neural import Neural

__all__ = ["Lpa"]


@dataclass(frozen=True, kw_only=True)
class Lpa:
    """Ascends min(margin, kappa) - lam max(0, d - bound), the margin being max_{i != y} z_i - z_y.

    An image stops where it is misclassified with d <= bound. All that is looked at is the image rounded to 8 bits.

    cost: a perceptual distance with `embed`; d is the L2 distance of its features.
    bound: largest d. Images that did not stop are projected onto it, then rounded: they can be beyond it by a hair.
    T: steps of a round; step t moves the features by about bound .1^(t / T).
    outer: rounds; lam is ten times as large after a round that ends with d >= bound.
    lam: weight of the distance in the first round.
    kappa: margin beyond which more is no gain.
    h: step of the finite difference that measures how fast the features move.
    """

    loss: ClassVar[Loss] = "margin"

    cost: EmbeddingField = field(default_factory=Neural)
    bound: Annotated[float, Gt(0)] = 0.5
    T: Annotated[int, Ge(1)] = 40
    outer: Annotated[int, Ge(1)] = 5
    lam: Annotated[float, Gt(0)] = 0.01
    kappa: Annotated[float, Ge(0)] = 1.0
    h: Annotated[float, Gt(0)] = 0.1

    def check(self, x: Tensor) -> None:
        """Raise BadInput where the cost is none of features, or lacks its weights."""
        able(self.cost, "embed", "set cost: neural").prepare(x)

    @guarded
    @torch.no_grad()
    def __call__(self, model: Model, x: Tensor, y: Tensor, seed: int = 0) -> Tensor:
        """8-bit images; the seed draws the noise at the start."""

        def look(rows: Rows) -> tuple[Tensor, Rows]:
            _, y, target, lam = rows

            def objective(x: Tensor) -> Rows:
                found, d = margin(model(x), y), distances(self.cost, target, x)
                return found.clamp(max=self.kappa) - lam * (d - self.bound).relu(), found, d

            gradient, _, found, d = differentiate(objective, rounded(rows[0], 8))
            return (found > 0) & (d <= self.bound), (gradient,)

        def move(step: int, rows: Rows, seen: Rows) -> Rows:
            x, y, target, lam = rows
            x = (x + self._delta(step % self.T, x, unit(*seen))).clamp(0, 1)
            if (step + 1) % self.T == 0:
                lam = torch.where(distances(self.cost, target, x) >= self.bound, 10 * lam, lam)
            return x, y, target, lam

        target = self.cost.embed(x)
        rows = noisy(x, seed), y, target, x.new_full((len(x),), self.lam)
        found = rounded(run_until_done(self.outer * self.T, look, move, rows), 8)
        return rounded(projected(self.cost, self.bound, x, target, found), 8)

    def _delta(self, t: int, x: Tensor, direction: Tensor) -> Tensor:
        """The step along a direction of unit length that moves the features by bound .1^(t / T)."""
        speed = distances(self.cost, self.cost.embed(x), x + self.h * direction) / self.h
        return direction * (self.bound * 0.1 ** (t / self.T) / speed.clamp(min=1e-4)).view(-1, 1, 1, 1)
