"""The one-step attack under SSIM: "Human Imperceptible Attacks and Applications to Improve Fairness", equation 3.4."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

import torch
from annotated_types import Gt
from torch import Tensor

from fairray.attacks import Model, able, guarded
from fairray.attacks._iterated import Loss, fooling, unit
from fairray.costs import CostField
from fairray.costs._hessian import solve, solve_dense
from fairray.costs.ssim import Ssim

__all__ = ["SsimOneStep"]


@dataclass(frozen=True, kw_only=True)
class SsimOneStep:
    """A step along H^-1 g: g is the gradient of the cross-entropy, H the Hessian of 1 - SSIM at the image.

    eps: the step's L2 norm over all channels of an image. budget: ask for this 1 - SSIM instead; the step is then
    the one that raises the cross-entropy most, to first order, at this 1 - SSIM, to second order. The image is clipped
    to [0, 1] afterwards, so that it may move less. An image whose gradient is 0 stays as it is.
    cost: has `hessian(x0)`. tolerance: of the solver "cg", relative; "dense" is exact, for images up to 64 x 64.
    loss: what is climbed; "margin" has a gradient where a model is so sure that the cross-entropy's is 0.
    """

    eps: Annotated[float, Gt(0)] = 10.0
    cost: CostField = field(default_factory=Ssim)
    tolerance: Annotated[float, Gt(0)] = 1e-4
    solver: Literal["cg", "dense"] = "cg"
    budget: Annotated[float, Gt(0)] | None = None
    loss: Loss = "cross_entropy"

    def check(self, x: Tensor) -> None:
        """Raise BadInput where the cost has no Hessian in closed form, or the solver cannot do with such images."""
        self.step(x, torch.ones_like(x))

    @guarded
    def __call__(self, model: Model, x: Tensor, y: Tensor, seed: int = 0) -> Tensor:
        """Images in [0, 1], with the axes of x; nothing is random. Raises BadInput where the solver cannot do it."""
        return (x + self.step(x, fooling(model, x, y, self.loss)[0])).clamp(0, 1)

    @torch.no_grad()
    def step(self, x: Tensor, g: Tensor) -> Tensor:
        """What is added to images x before they are clipped, for a gradient g; axes (image, channel, height, width)."""
        g, hessian = unit(g), able(self.cost, "hessian", "set cost: ssim").hessian(x)
        ascent = solve(hessian, g, self.tolerance) if self.solver == "cg" else solve_dense(hessian, g)
        if self.budget is None:
            return self.eps * unit(ascent)
        curvature = (g * ascent).sum((1, 2, 3), keepdim=True)
        return ascent * (2 * self.budget / curvature.where(curvature > 0, 1)).sqrt()
