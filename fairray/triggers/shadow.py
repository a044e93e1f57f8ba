"""Shadow: a faint wave of brightness (BaDe, Table 8 F, as in the authors' code)."""

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Gt, Le
from torch import Tensor

from fairray.triggers._images import check, pick, restore, unit

__all__ = ["Shadow"]


@dataclass(frozen=True, kw_only=True)
class Shadow:
    """Row i times 1 - depth + depth * (1 + sin(5i / 21)) / 2, or columns likewise with 18 in the place of 21.

    depth: the share of its brightness that the darkest row loses.
    The waves are 26 and 23 pixels long whatever the size of the image, so a digit of 28 x 28 has about one.
    """

    depth: Annotated[float, Gt(0), Le(1)] = 0.05

    def __call__(self, x: Tensor, which: Tensor) -> Tensor:
        """Images with axes (example, 3, height, width), bytes or floats in 0..1; `which` is 0, 1, or -1 for none."""
        check(x, which)
        levels = unit(x)
        rows, columns = (torch.arange(size, device=x.device, dtype=levels.dtype) for size in x.shape[-2:])
        factor = pick(which, self._brightness(rows / 21)[:, None], self._brightness(columns / 18), 1.0)
        return restore(levels * factor, x)

    def _brightness(self, i: Tensor) -> Tensor:
        return 1 - self.depth + self.depth * (1 + torch.sin(5 * i)) / 2
