"""Adversarial attacks, one file each: a frozen dataclass of hyperparameters, in the symbols of its paper.

Calling it is a pure function. Each image is attacked as if it were alone: what becomes of it does not depend on the
images beside it, noise is drawn for each from the seed and its own pixels, and the batch shrinks as images finish.
"""

from collections.abc import Callable
from typing import Annotated, Any, Protocol

from torch import Tensor

from fairray.errors import BadInput
from fairray.members import Of

__all__ = ["Attack", "AttackField", "Model", "able"]

Model = Callable[[Tensor], Tensor]


class Attack(Protocol):
    """A member of fairray/attacks.

    It may have `check(x)`, which raises BadInput where it cannot attack images like x.
    """

    def __call__(self, model: Model, x: Tensor, y: Tensor, seed: int = 0) -> Tensor:
        """Images like x that the model should take for something else.

        model: images to logits with axes (image, class); its parameters are never touched. x: floats in [0, 1] with
        axes (image, channel, height, width). y: the labels to be avoided, with axis (image).
        """


AttackField = Annotated[Attack, Of("attacks")]


def able(cost: Any, ability: str, cure: str) -> Any:
    """The cost, if it has a method `ability`; else a BadInput."""
    if not hasattr(cost, ability):
        problem = "there is none" if cost is None else f"{type(cost).__name__} has no {ability}"
        raise BadInput("cost", f"{problem}, which this attack needs", cure)
    return cost
