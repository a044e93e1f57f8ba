"""Saliency maps, one file each: a frozen dataclass that tells where in an image one looks."""

from typing import Annotated, Protocol

from torch import Tensor

from fairray.members import Of

__all__ = ["Saliency", "SaliencyField"]


class Saliency(Protocol):
    """A member of fairray/saliency."""

    def __call__(self, x: Tensor) -> Tensor:
        """Maps in [0, 1] with axes (image, height, width).

        x: RGB images, floats in [0, 1] with axes (image, 3, height, width).
        """


SaliencyField = Annotated[Saliency, Of("saliency")]
