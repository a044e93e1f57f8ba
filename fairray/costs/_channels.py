"""Grey and colour: images of 1 channel as such of 3, and the other way round."""

import torch
from torch import Tensor

from fairray.errors import BadInput

__all__ = ["grey", "luminance", "rgb"]

LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601


def grey(x: Tensor) -> Tensor:
    """The luminance of RGB images, with axes (image, 1, height, width); grey images as they are."""
    return x if x.shape[1] == 1 else (x * luminance(x)).sum(1, keepdim=True)


def luminance(like: Tensor) -> Tensor:
    """The weights of red, green and blue, with axes (3, 1, 1)."""
    return torch.tensor(LUMINANCE, dtype=like.dtype, device=like.device)[:, None, None]


def rgb(x: Tensor) -> Tensor:
    """Grey images are repeated to three channels. Raises BadInput where there are neither 1 nor 3."""
    if x.shape[1] not in (1, 3):
        raise BadInput(
            "perceptual cost", f"images have {x.shape[1]} channels, 1 or 3 were expected", "give RGB or grey"
        )
    return x.expand(-1, 3, -1, -1)
