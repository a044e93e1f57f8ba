"""Adversarial attacks, one file each: a frozen dataclass of hyperparameters, in the symbols of its paper.

Calling it is a pure function. Each image is attacked as if it were alone: what becomes of it does not depend on the
images beside it, noise is drawn for each from the seed and its own pixels, and the batch shrinks as images finish.
"""

from collections.abc import Callable
from typing import Protocol

from torch import Tensor

__all__ = ["Attack", "Model"]

Model = Callable[[Tensor], Tensor]


class Attack(Protocol):
    """A member of fairray/attacks."""

    def __call__(self, model: Model, x: Tensor, y: Tensor, seed: int = 0) -> Tensor:
        """Images like x that the model should take for something else.

        model: images to logits with axes (image, class); its parameters are never touched. x: floats in [0, 1] with
        axes (image, channel, height, width). y: the labels to be avoided, with axis (image).
        """
