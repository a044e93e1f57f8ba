"""Artefacts that images of one class carry more often than others, one file each: a frozen dataclass that inserts it.

Dreyer, M., Pahde, F., Anders, C. J., Samek, W. & Lapuschkin, S. (2024), From Hope to Safety: Unlearning Biases of Deep
Models via Gradient Penalization in Latent Space (RR-ClArC), AAAI; some are of code that its authors published later.
"""

from typing import Annotated, Protocol

from torch import Tensor

from fairray.members import Of

__all__ = ["Artefact", "ArtefactField"]


class Artefact(Protocol):
    """A member of fairray/artefacts."""

    def __call__(self, x: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        """The images with the artefact, and where it is, as booleans with axes (image, height, width).

        x: bytes with axes (image, 3, height, width), which are not written. ids: of the images, ints with axis (image);
            all that is random about an image's artefact is drawn from its id.
        Raises BadInput where the artefact is larger than an image.
        """


ArtefactField = Annotated[Artefact, Of("artefacts")]
