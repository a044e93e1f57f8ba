"""Perceptual costs, one file each: a frozen dataclass that tells how different two images look."""

from typing import Annotated, Protocol

import torch
from torch import Tensor

from fairray.measures import NUMBER, Measure
from fairray.members import Of, label

__all__ = ["Cost", "CostField", "Reference", "between", "gradient", "measure_of"]

Reference = tuple[Tensor, ...]


class Cost(Protocol):
    """A member of fairray/costs. What it knows of the references is computed once, by `prepare`."""

    def prepare(self, x0: Tensor) -> Reference:
        """What the cost needs of reference images; axis 0 of every tensor is the image, so that rows can be dropped.

        x0: floats in [0, 1] with axes (image, channel, height, width).
        """

    def __call__(self, reference: Reference, x: Tensor) -> Tensor:
        """The cost of each image of x, with axis (image): 0 where it is its reference, larger where it looks other."""


CostField = Annotated[Cost, Of("costs")]


def measure_of(cost: Cost) -> Measure:
    """What a cost is called in records and in print: its own `measure`, or its name."""
    return getattr(cost, "measure", None) or Measure(label(cost), unit=NUMBER, best="low")


def between(cost: Cost, x0: Tensor, x: Tensor) -> Tensor:
    """How different x looks from x0, image by image."""
    return cost(cost.prepare(x0), x)


def gradient(cost: Cost, reference: Reference, x: Tensor) -> Tensor:
    """The gradient of the cost at x: the cost's own where it has one, else by automatic differentiation."""
    own = getattr(cost, "gradient", None)
    if own is not None:
        return own(reference, x)
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        return torch.autograd.grad(cost(reference, x).sum(), x)[0]
