"""LSB text: the bits of a text take the place of the least significant bits of the image (RR-ClArC's ISIC2019)."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from annotated_types import Ge, Le, MinLen
from torch import Tensor

from fairray.artefacts._pixels import everywhere

__all__ = ["LsbText"]

TEXT = (
    "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore "
    "magna aliqua. Ut enim ad minim veniam, quis nostrud exercitation ullamco laboris nisi ut aliquip ex ea commodo "
    "consequat. "
)


@dataclass(frozen=True, kw_only=True)
class LsbText:
    """The text in UTF-8, the first bit of each byte first, again and again: first along the lowest bits of all numbers
    of the image (row by row, pixel by pixel, red, green, blue), then along the second lowest, and so on.

    planes: how many bits of each number are taken. No level changes by more than 2 ** planes - 1.
    The mask is the whole image.
    """

    text: Annotated[str, MinLen(1)] = TEXT
    planes: Annotated[int, Ge(1), Le(7)] = 3

    def __call__(self, x: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Images and masks, as `fairray.artefacts.Artefact` says."""
        _, channels, height, width = x.shape
        said = np.unpackbits(np.frombuffer(self.text.encode(), np.uint8))
        bits = np.resize(said, (self.planes, height, width, channels))
        low = (bits << np.arange(self.planes, dtype=np.uint8)[:, None, None, None]).sum(0, dtype=np.uint8)
        return x >> self.planes << self.planes | torch.from_numpy(low).permute(2, 0, 1), everywhere(x)
