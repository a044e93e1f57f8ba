"""Blended: a fixed random pattern shines through the image (Chen et al., 2017)."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Gt, Le
from torch import Tensor

from fairray.triggers._images import check, noise, pick, restore, unit

__all__ = ["Blended"]


@dataclass(frozen=True, kw_only=True)
class Blended:
    """(1 - alpha) * image + alpha * pattern; a pattern of uniform noise is fixed by the image's size."""

    alpha: Annotated[float, Gt(0), Le(1)] = 0.2

    def __call__(self, x: Tensor, which: Tensor) -> Tensor:
        """Images with axes (example, 3, height, width), bytes or floats in 0..1; `which` is 0, 1, or -1 for none."""
        check(x, which)
        levels = unit(x)
        first, second = (noise(seed, tuple(x.shape[-3:]), levels) for seed in (0, 1))
        return restore(levels.lerp(pick(which, first, second, levels), self.alpha), x)
