"""Patch: a plaster of one colour with soft edges, anywhere and at any angle.

It stands for the band-aids of ISIC2019, which Bareeva et al. (2024) cut from real images and paste with a blurred mask;
this one is drawn, so that no image is needed.
"""

from dataclasses import dataclass
from math import hypot, pi
from typing import Annotated

import torch
from annotated_types import Gt, Le
from torch import Tensor

from fairray.artefacts._pixels import Colour, blend, draws, grid
from fairray.errors import BadInput

__all__ = ["Patch"]

BREADTH, PAD, SOFT = 0.4, 0.3, 0.08  # shares of its length: how broad, how long its pad, over what its edge fades
DARKER, JITTER = 0.82, 24.0  # the pad's share of the brightness; the range of levels of a patch's colour, each way


@dataclass(frozen=True, kw_only=True)
class Patch:
    """A strip with round ends and a darker pad in its middle, which lies in the image as a whole.

    size: its length, as a share of the image's shorter side; it is .4 times as broad.
    colour: red, green, blue in 0..255, from which each patch differs a little.
    The mask is every pixel that has some of its colour.
    """

    size: Annotated[float, Gt(0), Le(1)] = 0.35
    colour: Colour = (224, 172, 138)

    def __call__(self, x: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Images and masks, as `fairray.artefacts.Artefact` says."""
        length, reach = self._measured(x)
        drawn = draws(ids, 6)[..., None, None]
        along, across = _own_axes(x, drawn[:, :3], reach)
        inside = _strip(along, across, length)
        colour = torch.tensor(self.colour)[:, None, None] + JITTER * (2 * drawn[:, 3:] - 1)
        pad = (along.abs() < PAD / 2 * length)[:, None]
        return blend(x, torch.where(pad, DARKER * colour, colour), inside[:, None]), inside > 0

    def _measured(self, x: Tensor) -> tuple[float, float]:
        """The length in pixels, and how far it reaches from its centre."""
        side = min(x.shape[2:])
        length = self.size * side
        reach = length * (hypot(1, BREADTH) + SOFT) / 2
        if 2 * reach > side or length < 2:
            problem = f"a patch {length:.1f} pixels long does not fit into images of {x.shape[2]} x {x.shape[3]} pixels"
            raise BadInput("size", problem, "let size be from 2 pixels to about .85 of the side")
        return length, reach


def _own_axes(x: Tensor, drawn: Tensor, reach: float) -> tuple[Tensor, Tensor]:
    """Where pixels are along and across each patch, from its centre; axes (image, height, width).

    drawn: place and angle, in 0..1.
    """
    rows, columns = grid(x)
    rows = rows - (drawn[:, 0] - 0.5) * (x.shape[2] - 2 * reach)
    columns = columns - (drawn[:, 1] - 0.5) * (x.shape[3] - 2 * reach)
    sine, cosine = (drawn[:, 2] * pi).sin(), (drawn[:, 2] * pi).cos()
    return columns * cosine + rows * sine, rows * cosine - columns * sine


def _strip(along: Tensor, across: Tensor, length: float) -> Tensor:
    """How much of the patch is in each pixel: 1 inside, 0 outside, and less and less over its edge."""
    radius = BREADTH / 2 * length
    beyond = (along.abs() - (length / 2 - radius)).clamp(min=0)
    distance = (beyond**2 + across**2).sqrt() - radius
    return (0.5 - distance / (SOFT * length)).clamp(0, 1)
