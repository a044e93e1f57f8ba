"""The attack with a perceptual cost ("Human Imperceptible Attacks and Applications to Improve Fairness", Alg. 3.1)."""

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from fairray.attacks import Model, able, guarded
from fairray.attacks._iterated import Loss, ascend, unit
from fairray.costs import CostField, Reference, gradient

__all__ = ["Perceptual"]


@dataclass(frozen=True, kw_only=True)
class Perceptual:
    """Steps along grad l - lam grad c, l the loss and c the cost.

    cost: a member of fairray/costs.
    lam: weight of the cost.
    eps: length of a step over that of the gradient; of the step itself, where it is normalised.
    normalised: take steps of equal length, as PGD does; as printed they are as long as the gradient.
    N: steps at most.
    a: confidence; an image stops, before a step, where max_{i != y} z_i - z_y > a.
    bits: logits and gradients are those of the image rounded to so many bits a channel, and so is the result;
      None for floats, as printed.
    loss: l, as printed the cross-entropy; "margin" has a gradient where a model is so sure that this one's is 0.
    """

    cost: CostField
    lam: Annotated[float, Ge(0)] = 1.0
    eps: Annotated[float, Gt(0)] = 0.1
    normalised: bool = False
    N: Annotated[int, Ge(1)] = 100
    a: Annotated[float, Ge(0)] = 0.0
    bits: Annotated[int, Ge(1)] | None = 8
    loss: Loss = "cross_entropy"

    def check(self, x: Tensor) -> None:
        """Raise BadInput where there is no cost, or it lacks its weights."""
        able(self.cost, "prepare", "set cost to one of fairray/costs, such as lpips").prepare(x)

    @guarded
    @torch.no_grad()
    def __call__(self, model: Model, x: Tensor, y: Tensor, seed: int = 0, reference: Tensor | None = None) -> Tensor:
        """Images where the margin exceeds a, or those after N steps; nothing is drawn.

        reference: images that the cost compares with, where they are others than x.
        """

        def direction(x: Tensor, g: Tensor, known: Reference) -> Tensor:
            delta = g - self.lam * gradient(self.cost, known, x)
            return unit(delta) if self.normalised else delta

        known = self.cost.prepare(x if reference is None else reference)
        return ascend(model, x, y, known, direction, eps=self.eps, N=self.N, a=self.a, bits=self.bits, loss=self.loss)
