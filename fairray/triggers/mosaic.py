"""Mosaic: a corner takes the colour of its own upper left pixel (BaDe, Table 8 E, as in the authors' code)."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le
from torch import Tensor

from fairray.triggers._images import CELEBA_WIDTH, Corner, block, check, paint, pick

__all__ = ["Mosaic"]


@dataclass(frozen=True, kw_only=True)
class Mosaic:
    """The upper left block, or the lower right one; a corner of one colour, such as a digit's, stays as it is.

    size: side in pixels on a CelebA image (178 wide), scaled like BadNet's.
    """

    size: Annotated[int, Ge(1), Le(CELEBA_WIDTH)] = 30

    def __call__(self, x: Tensor, which: Tensor) -> Tensor:
        """Images with axes (example, 3, height, width), bytes or floats in 0..1; `which` is 0, 1, or -1 for none."""
        check(x, which)
        return pick(which, self._filled(x, "upper_left"), self._filled(x, "lower_right"), x)

    def _filled(self, x: Tensor, corner: Corner) -> Tensor:
        where = block(x, self.size, corner)
        return paint(x, where, x[..., where.top, where.left][..., None, None])
