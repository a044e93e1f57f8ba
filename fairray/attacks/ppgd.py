"""PPGD: projected gradient ascent in a ball of neural perceptual distance (Laidlaw, Singla & Feizi, 2021, Alg. 1)."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from fairray.attacks import Model, able, guarded
from fairray.attacks._iterated import (
    Embedding,
    EmbeddingField,
    Loss,
    Rows,
    differentiate,
    margin,
    noisy,
    norms,
    projected,
    rounded,
    run_until_done,
    unit,
)
from fairray.costs.neural import Neural

__all__ = ["Ppgd"]


@dataclass(frozen=True, kw_only=True)
class Ppgd:
    """Steps that gain most margin for the features' motion, each followed by the projection onto d <= bound.

    The margin max_{i != y} z_i - z_y and its gradient are those of the image rounded to 8 bits.

    cost: a perceptual distance with `embed`; d is the L2 distance of its features.
    bound: largest d. The result is rounded after the last projection, and so can be beyond it by a hair.
    T: steps at most; the features move by 2 bound / T in each.
    kappa: margin at which an image stops.
    iterations: of conjugate gradients.
    h: step of the finite differences along the Jacobian.
    """

    loss: ClassVar[Loss] = "margin"

    cost: EmbeddingField = field(default_factory=Neural)
    bound: Annotated[float, Gt(0)] = 0.5
    T: Annotated[int, Ge(1)] = 40
    kappa: Annotated[float, Ge(0)] = 1.0
    iterations: Annotated[int, Ge(1)] = 5
    h: Annotated[float, Gt(0)] = 1e-3

    def check(self, x: Tensor) -> None:
        """Raise BadInput where the cost is none of features, or lacks its weights."""
        able(self.cost, "embed", "set cost: neural").prepare(x)

    @guarded
    @torch.no_grad()
    def __call__(self, model: Model, x: Tensor, y: Tensor, seed: int = 0) -> Tensor:
        """8-bit images; the seed draws the noise at the start."""

        def look(rows: Rows) -> tuple[Tensor, Rows]:
            gradient, found = differentiate(lambda x: (margin(model(x), rows[1]),), rounded(rows[0], 8))
            return found >= self.kappa, (gradient,)

        def move(step: int, rows: Rows, seen: Rows) -> Rows:
            x, y, x0, target = rows
            moved = (x + self._delta(x, *seen)).clamp(0, 1)
            return projected(self.cost, self.bound, x0, target, moved), y, x0, target

        target = self.cost.embed(x)
        start = projected(self.cost, self.bound, x, target, noisy(x, seed))
        return rounded(run_until_done(self.T, look, move, (start, y, x, target)), 8)

    def _delta(self, x: Tensor, g: Tensor) -> Tensor:
        """The step: along (J^T J)^-1 g, as long as moves the features by 2 bound / T."""
        d = natural(self.cost, x, g, self.iterations, self.h)
        motion = norms(_pushed(self.cost, x, self.cost.embed(x), d, self.h)).view(-1, 1, 1, 1)
        return _over(2 * self.bound / self.T * d, motion)


def natural(cost: Embedding, x: Tensor, g: Tensor, iterations: int, h: float) -> Tensor:
    """d with (J^T J) d = g, J the Jacobian of the features at x, by conjugate gradients from 0."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        features = cost.embed(x)

    def product(v: Tensor) -> Tensor:
        pushed = _pushed(cost, x.detach(), features.detach(), v, h)
        return torch.autograd.grad(features, x, pushed, retain_graph=True)[0]

    d, residual, p, rho = torch.zeros_like(g), g, g, norms(g) ** 2
    for _ in range(iterations):
        curved = product(p)
        step = _over(rho, (p * curved).sum((1, 2, 3), keepdim=True))
        d, residual = d + step * p, residual - step * curved
        before, rho = rho, norms(residual) ** 2
        p = residual + _over(rho, before) * p
    return d


def _over(numerator: Tensor, denominator: Tensor) -> Tensor:
    """The quotient, 0 where nothing is left to solve."""
    return numerator / denominator.where(denominator > 0, torch.inf)


def _pushed(cost: Embedding, x: Tensor, features: Tensor, v: Tensor, h: float) -> Tensor:
    """J v, with axes (image, feature), by a finite difference of length h."""
    return norms(v).view(-1, 1) * (cost.embed(x + h * unit(v)) - features) / h
