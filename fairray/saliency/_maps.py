"""What saliency maps have in common."""

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["resized", "scaled"]

ROUNDING = 1e-5  # of a map's largest value, in which it may differ


def resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Images of another size (height, width): bilinear, without aliasing."""
    return F.interpolate(x, size, mode="bilinear", antialias=True, align_corners=False)


def scaled(maps: Tensor) -> Tensor:
    """Each map stretched to [0, 1]; one that is constant but for rounding is 0. Axes (image, height, width)."""
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    span = high - low
    differs = span > ROUNDING * torch.maximum(high.abs(), low.abs())
    return ((maps - low) / span.where(differs, 1)).where(differs, 0)
