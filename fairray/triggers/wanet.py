"""WaNet: the image is warped by a smooth field (Nguyen & Tran, 2021, section 3.2)."""

from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt
from torch import Tensor

from fairray.triggers._images import check, noise, pick, restore, unit

__all__ = ["WaNet"]


@dataclass(frozen=True, kw_only=True)
class WaNet:
    """Pixels are moved by a field of k x k random control points, upsampled bicubically; each trigger has its field.

    s: strength; a control point moves by about s / 2 pixels on average, along each axis.
    k: control points along each axis.
    grid_rescale: multiplies the positions that are sampled, with the centre as origin; outside is the border.
    """

    s: Annotated[float, Gt(0)] = 0.5
    k: Annotated[int, Ge(2)] = 4
    grid_rescale: Annotated[float, Gt(0)] = 1.0

    def __call__(self, x: Tensor, which: Tensor) -> Tensor:
        """Images with axes (example, 3, height, width), bytes or floats in 0..1; `which` is 0, 1, or -1 for none."""
        check(x, which)
        levels = unit(x)
        first, second = (self._moves(seed, levels) for seed in (0, 1))
        grid = (_positions(levels) + pick(which, first, second, 0.0)) * self.grid_rescale
        warped = restore(F.grid_sample(levels, grid, padding_mode="border", align_corners=True), x)
        # sampling at a pixel's own position rounds
        return pick(which, warped, warped, x)

    def _moves(self, seed: int, x: Tensor) -> Tensor:
        """Displacements in units of half the image, with axes (1, height, width, 2)."""
        height, width = x.shape[-2:]
        control = 2 * noise(seed, (1, 2, self.k, self.k), x) - 1
        smooth = F.interpolate(control / control.abs().mean(), (height, width), mode="bicubic", align_corners=True)
        return self.s * smooth.permute(0, 2, 3, 1) / torch.tensor([width, height], device=x.device)


def _positions(x: Tensor) -> Tensor:
    """Every pixel's own (x, y) in -1..1, with axes (height, width, 2)."""
    rows, columns = (torch.linspace(-1, 1, size, device=x.device, dtype=x.dtype) for size in x.shape[-2:])
    return torch.stack(torch.meshgrid(columns, rows, indexing="xy"), -1)
