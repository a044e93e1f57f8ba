"""Vignette: all is black beyond a circle ("microscope" in the code that follows RR-ClArC's)."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Le
from torch import Tensor

from fairray.artefacts._pixels import draws, grid

__all__ = ["Vignette"]


@dataclass(frozen=True, kw_only=True)
class Vignette:
    """A circle about the centre, whose radius is radius +- jitter of the image's shorter side, uniformly.

    The published radii are half the side less 3 to plus 14 pixels, of 224. The mask is what is black.
    """

    radius: Annotated[float, Gt(0.1), Le(0.65)] = 0.525
    jitter: Annotated[float, Ge(0), Le(0.05)] = 0.038

    def __call__(self, x: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Images and masks, as `fairray.artefacts.Artefact` says."""
        rows, columns = grid(x)
        share = self.radius + self.jitter * (2 * draws(ids, 1) - 1)
        beyond = rows**2 + columns**2 > (share[..., None] * min(x.shape[2:])) ** 2
        return x.masked_fill(beyond[:, None], 0), beyond
