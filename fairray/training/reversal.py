"""Gradient reversal (Ganin & Lempitsky, 2015)."""

from typing import Any

import torch
from torch import Tensor

__all__ = ["reverse", "schedule"]


def reverse(x: Tensor, strength: Tensor) -> Tensor:
    """x itself, whose gradient is -strength times the one that arrives.

    strength: a number, or one for each example with axis (example,).
    """
    return _Reversal.apply(x, strength.reshape(-1, *[1] * (x.ndim - 1)))


def schedule(progress: Tensor) -> Tensor:
    """2 / (1 + exp(-10 p)) - 1, which rises from 0 to 1 as training goes on (Ganin et al., 2016, section 5.2.2)."""
    return 2 / (1 + torch.exp(-10 * progress)) - 1


class _Reversal(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, strength: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(inputs[1])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        (strength,) = ctx.saved_tensors
        return -strength * gradient, None
