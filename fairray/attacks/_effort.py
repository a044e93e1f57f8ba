"""What an attack takes at most, before there is a model to attack."""

from contextlib import nullcontext
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from fairray.attacks import Attack

__all__ = ["Effort", "count_effort"]

SIDE = 64  # px of the image that is counted on: PieAPP takes no smaller ones


class Effort(NamedTuple):
    """passes: forward through the model, of one image each; a pass back counts as two. flops: of all else."""

    passes: float
    flops: float

    def times(self, images: int) -> "Effort":
        """Of so many images."""
        return Effort(images * self.passes, images * self.flops)


@cache
def count_effort(attack: Attack, shape: tuple[int, ...]) -> Effort:
    """Of one image that is never fooled, so that no step is saved. shape: (channel, height, width).

    What the attack computes beside the model is counted on a small image and grows with the pixels. Raises BadInput
    where its cost lacks weights.
    """
    model, x = _Steadfast(), torch.full((1, shape[0], SIDE, SIDE), 0.5)
    counter = FlopCounterMode(display=False)
    # it makes a step five times as long, and there may be a thousand
    with counter if hasattr(attack, "cost") else nullcontext():
        attack(model, x, torch.zeros(1, dtype=torch.long))
    return Effort(model.passes, counter.get_total_flops() * shape[1] * shape[2] / SIDE**2)


class _Steadfast:
    """A model of two classes that always answers the first, by a margin that pixels hardly move."""

    def __init__(self) -> None:
        self.passes = 0

    def __call__(self, x: Tensor) -> Tensor:
        self.passes += len(x) * (3 if x.requires_grad else 1)
        first = 1 + x.mean((1, 2, 3)) / 1000
        return torch.stack([first, torch.zeros_like(first)], 1)
