"""Adversarial attacks, one file each: a frozen dataclass of hyperparameters, in the symbols of its paper.

Calling it is a pure function. Each image is attacked as if it were alone: what becomes of it does not depend on the
images beside it, but for the rounding of floats, which convolutions add up in an order that depends on how many images
there are; noise is drawn for each from the seed and its own pixels, and the batch shrinks as images finish.
"""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Annotated, Any, Protocol

import torch
from torch import Tensor, nn

from fairray.errors import BadInput
from fairray.members import Of
from fairray.pixels import check_finite, check_images

__all__ = ["Attack", "AttackField", "Model", "able", "guarded"]

Model = Callable[[Tensor], Tensor]


class Attack(Hashable, Protocol):
    """A member of fairray/attacks.

    It may have `check(x)`, which raises BadInput where it cannot attack images like x, and `loss`, what it climbs,
    "cross_entropy" or "margin": then the images are counted at which the gradient of that is 0.
    """

    def __call__(self, model: Model, x: Tensor, y: Tensor, seed: int = 0) -> Tensor:
        """Images like x that the model should take for something else.

        model: images to logits with axes (image, class); its parameters are never touched. x: floats in [0, 1] with
        axes (image, channel, height, width). y: the labels to be avoided, with axis (image).
        """


def guarded(call: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The `__call__` of an attack, which checks what it is given and what it makes, and raises BadInput.

    A module is attacked as it is when it predicts, and its modes are put back; inside another function it is not seen.
    Images of 16-bit floats are attacked in float32, and the model is given theirs. Without images nothing is called.
    """

    @wraps(call)
    def attack(self: Any, model: Model, x: Tensor, y: Tensor, seed: int = 0, **more: Tensor | None) -> Tensor:
        check_images(x)
        if y.shape != x.shape[:1] or y.is_floating_point():
            problem = f"it is {y.dtype} of axes {tuple(y.shape)}, a class for each of {len(x)} images was expected"
            raise BadInput("y", problem, "give the labels as integers, with axis (image)")
        if not len(x):
            return x.clone()
        wide = torch.promote_types(x.dtype, torch.float32)
        with _predicting(model):
            others = {name: value if value is None else value.to(wide) for name, value in more.items()}
            found = call(self, _checked(model, x.dtype, int(y.max())), x.to(wide), y, seed, **others)
        check_finite(found, "attack", "what it makes")
        return found.to(x.dtype)

    return attack


@contextmanager
def _predicting(model: Model) -> Iterator[None]:
    """In here the modules of a model are as when it predicts."""
    owner = getattr(model, "__self__", model)  # of a method
    modes = {module: module.training for module in owner.modules()} if isinstance(owner, nn.Module) else {}
    try:
        for module in modes:
            module.training = False
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def _checked(model: Model, dtype: torch.dtype, last: int) -> Model:
    """The model on images of another dtype, its logits checked. last: the highest label."""

    def logits(x: Tensor) -> Tensor:
        z = model(x.to(dtype))
        if z.shape[:1] != x.shape[:1] or z.ndim != 2 or z.shape[1] <= last:
            problem = f"it gives {tuple(z.shape)} for {len(x)} images, logits of (image, class) were expected"
            raise BadInput("model", f"{problem}, with a class {last}", "give a classifier, and labels of its classes")
        check_finite(z, "model", "its output")
        return z.to(x.dtype)

    return logits


AttackField = Annotated[Attack, Of("attacks")]


def able(cost: Any, ability: str, cure: str) -> Any:
    """The cost, if it has a method `ability`; else a BadInput."""
    if not hasattr(cost, ability):
        problem = "there is none" if cost is None else f"{type(cost).__name__} has no {ability}"
        raise BadInput("cost", f"{problem}, which this attack needs", cure)
    return cost
