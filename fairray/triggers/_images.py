"""What image triggers share: which trigger an example carries, levels of grey, blocks in corners, fixed patterns."""

from functools import cache
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch._C._functorch import is_functorch_wrapped_tensor

from fairray.errors import BadInput
from fairray.pixels import check_images

__all__ = ["CELEBA_WIDTH", "Block", "Corner", "block", "check", "noise", "paint", "pick", "restore", "unit"]

CELEBA_WIDTH = 178

Corner = Literal["upper_left", "upper_right", "lower_left", "lower_right"]


def check(x: Tensor, which: Tensor) -> None:
    """Raise BadInput where x are no images, or `which` does not say of each what it carries."""
    if x.ndim != 4 or which.shape != x.shape[:1]:
        problem = f"it has the axes {tuple(which.shape)} beside images of axes {tuple(x.shape)}"
        cure = "give images with axes (example, channel, height, width), and 0, 1 or -1 for each"
        raise BadInput("which", problem, cure)
    if x.is_floating_point() and not is_functorch_wrapped_tensor(x):  # under vmap no value is known
        check_images(x)


class Block(NamedTuple):
    """A square of pixels inside an image."""

    top: int
    left: int
    side: int


def pick(which: Tensor, first: Tensor, second: Tensor, none: Tensor | float) -> Tensor:
    """`first` for examples whose `which` is 0, `second` for 1, `none` for others; axis 0 of 4 is the example."""
    which = which[:, None, None, None]
    return torch.where(which == 0, first, torch.where(which == 1, second, none))


def unit(x: Tensor) -> Tensor:
    """Images as floats in 0..1."""
    return x if x.is_floating_point() else x / 255


def restore(levels: Tensor, x: Tensor) -> Tensor:
    """Levels in 0..1 as what `x` is made of; bytes are rounded."""
    return levels.to(x.dtype) if x.is_floating_point() else (levels * 255).round().to(x.dtype)


def block(x: Tensor, size: int, corner: Corner) -> Block:
    """The block of `size` pixels on a CelebA image (178 wide), in a corner of the images `x`.

    On smaller images the side shrinks with the shorter edge, to one pixel at least, so that the block hides the
    same share of the picture: 25 pixels would be most of a digit of 28 x 28. On larger images it stays as given.
    """
    height, width = x.shape[-2:]
    side = min(size, max(1, round(size * min(height, width) / CELEBA_WIDTH)))
    vertical, horizontal = corner.split("_")
    return Block(0 if vertical == "upper" else height - side, 0 if horizontal == "left" else width - side, side)


def paint(x: Tensor, where: Block, colour: Tensor) -> Tensor:
    """Images whose block has one colour, with axes (3, 1, 1) or (example, 3, 1, 1)."""
    rows, columns = (torch.arange(size, device=x.device) for size in x.shape[-2:])
    inside_rows = (rows >= where.top) & (rows < where.top + where.side)
    inside_columns = (columns >= where.left) & (columns < where.left + where.side)
    return torch.where(inside_rows[:, None] & inside_columns, colour, x)


def noise(seed: int, shape: tuple[int, ...], like: Tensor) -> Tensor:
    """Fixed uniform noise in 0..1, the same on every device, with the dtype and device of `like`."""
    return torch.from_numpy(_noise(seed, shape)).to(like.device, like.dtype)


@cache
def _noise(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    # numpy's, since vmap refuses torch's generators and grad would put its wrapper around a cached tensor;
    # RandomState, since its stream is frozen.
    return np.random.RandomState(seed).random_sample(shape).astype(np.float32)
