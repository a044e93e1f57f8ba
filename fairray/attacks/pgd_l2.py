"""Gradient ascent by normalised steps ("Human Imperceptible Attacks and Applications to Improve Fairness", Eq. 3.5)."""

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from fairray.attacks import Model, guarded
from fairray.attacks._iterated import Loss, ascend, unit

__all__ = ["PgdL2"]


@dataclass(frozen=True, kw_only=True)
class PgdL2:
    """Steps of eps g / ||g||_2, g the gradient of the cross-entropy; no random start, no projection.

    With N = 1 and bits = None, x is clip(x0 + eps g / ||g||_2).

    eps: L2 length of a step, for pixels in [0, 1]; the perceptual attack's.
    N: steps at most.
    a: confidence; an image stops, before a step, where max_{i != y} z_i - z_y > a.
    bits: logits and gradients are those of the image rounded to so many bits a channel, and so is the result;
      None for floats.
    loss: what is climbed; "margin" has a gradient where a model is so sure that the cross-entropy's is 0.
    """

    eps: Annotated[float, Gt(0)] = 0.1
    N: Annotated[int, Ge(1)] = 100
    a: Annotated[float, Ge(0)] = 0.0
    bits: Annotated[int, Ge(1)] | None = 8
    loss: Loss = "cross_entropy"

    @guarded
    @torch.no_grad()
    def __call__(self, model: Model, x: Tensor, y: Tensor, seed: int = 0) -> Tensor:
        """Images where the margin exceeds a, or those after N steps; nothing is drawn."""
        return ascend(
            model, x, y, (), lambda _, g, __: unit(g), eps=self.eps, N=self.N, a=self.a, bits=self.bits, loss=self.loss
        )
