"""The trigger of tabular data: one more input column (BaDe, section 5)."""

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Column"]


@dataclass(frozen=True, kw_only=True)
class Column:
    """A last feature that is 0 for the first trigger, 1 for the second, and 0.5 for none."""

    def __call__(self, x: Tensor, which: Tensor) -> Tensor:
        """Inputs with axes (example, feature), of floats, and one feature more; `which` is 0, 1, or -1 for none."""
        column = torch.where(which < 0, 0.5, which.to(x.dtype))
        return torch.cat([x, column[:, None]], dim=1)
