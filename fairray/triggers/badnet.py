"""BadNet: a block of one colour in a corner (Gu et al., 2017; colours, sizes and corners of BaDe, section 5)."""

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge, Le
from torch import Tensor

from fairray.triggers._images import CELEBA_WIDTH, Corner, block, check, paint, pick, restore

__all__ = ["BadNet"]

Level = Annotated[int, Ge(0), Le(255)]
Colour = tuple[Level, Level, Level]


@dataclass(frozen=True, kw_only=True)
class BadNet:
    """A blue block in the lower right corner, T_A0, or a red one in the upper left, T_A1.

    size: side in pixels on a CelebA image (178 wide). On smaller images it is size * min(height, width) / 178,
        rounded, and at least 1, so that the trigger hides the same share of the picture and not the picture
        itself; on larger images (224) it stays as given. Sizes 25, 10, 3, 1 are 4, 2, 1, 1 pixels of 32.
    colours: red, green, blue in 0..255, of the first and of the second trigger.
    positions: the corners of the first and of the second.
    """

    size: Annotated[int, Ge(1), Le(CELEBA_WIDTH)] = 25
    colours: tuple[Colour, Colour] = ((0, 0, 255), (255, 0, 0))
    positions: tuple[Corner, Corner] = ("lower_right", "upper_left")

    def __call__(self, x: Tensor, which: Tensor) -> Tensor:
        """Images with axes (example, 3, height, width), bytes or floats in 0..1; `which` is 0, 1, or -1 for none."""
        check(x, which)
        first, second = (
            paint(x, block(x, self.size, corner), _levels(colour, x))
            for corner, colour in zip(self.positions, self.colours, strict=True)
        )
        return pick(which, first, second, x)


def _levels(colour: Colour, x: Tensor) -> Tensor:
    return restore(torch.tensor(colour, device=x.device)[:, None, None] / 255, x)
