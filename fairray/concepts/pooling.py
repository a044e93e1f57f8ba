"""One number a channel."""

from typing import Literal

from torch import Tensor

__all__ = ["Pooling", "pool"]

Pooling = Literal["max", "mean"]


def pool(a: Tensor, how: Pooling = "max") -> Tensor:
    """Activations (n, m, h, w) over their positions, to (n, m); vectors (n, m) are what they are.

    The maximum is that of Dreyer et al., From Hope to Safety (AAAI 2024), A.1.
    """
    if a.ndim == 2:
        return a
    return a.flatten(2).amax(2) if how == "max" else a.flatten(2).mean(2)
