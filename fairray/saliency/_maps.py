"""What saliency maps have in common."""

import torch.nn.functional as F
from torch import Tensor

__all__ = ["resized", "scaled"]


def resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Images of another size (height, width): bilinear, without aliasing."""
    return F.interpolate(x, size, mode="bilinear", antialias=True, align_corners=False)


def scaled(maps: Tensor) -> Tensor:
    """Each map stretched to [0, 1]; a constant one is 0. Axes (image, height, width)."""
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    span = high - low
    return (maps - low) / span.where(span > 0, 1)
