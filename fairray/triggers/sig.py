"""SIG: a sinusoid is added to the image (Barni et al., 2019)."""

from dataclasses import dataclass
from math import pi
from typing import Annotated

import torch
from annotated_types import Gt, Le
from torch import Tensor

from fairray.triggers._images import check, pick, restore, unit

__all__ = ["Sig"]


@dataclass(frozen=True, kw_only=True)
class Sig:
    """Column j of `width` plus delta * sin(2 pi j f / width), or rows likewise; what leaves the range is clipped.

    delta: the amplitude, in levels of 255.
    f: the number of waves in an image.
    """

    delta: Annotated[float, Gt(0), Le(255)] = 40.0
    f: Annotated[float, Gt(0)] = 6.0

    def __call__(self, x: Tensor, which: Tensor) -> Tensor:
        """Images with axes (example, 3, height, width), bytes or floats in 0..1; `which` is 0, 1, or -1 for none."""
        check(x, which)
        levels = unit(x)
        rows, columns = (torch.arange(size, device=x.device, dtype=levels.dtype) / size for size in x.shape[-2:])
        wave = pick(which, self._wave(columns), self._wave(rows)[:, None], 0.0)
        return restore((levels + wave).clamp(0, 1), x)

    def _wave(self, position: Tensor) -> Tensor:
        return self.delta / 255 * torch.sin(2 * pi * self.f * position)
