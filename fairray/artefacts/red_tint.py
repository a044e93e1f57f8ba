"""Red tint: the whole image is mixed with red (the "red colour" of the code that follows RR-ClArC's)."""

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Gt, Le
from torch import Tensor

from fairray.artefacts._pixels import blend, everywhere

__all__ = ["RedTint"]

RED = torch.tensor([255.0, 0.0, 0.0])[:, None, None]


@dataclass(frozen=True, kw_only=True)
class RedTint:
    """(1 - alpha) * image + alpha * red. The mask is the whole image."""

    alpha: Annotated[float, Gt(0), Le(1)] = 0.2

    def __call__(self, x: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Images and masks, as `fairray.artefacts.Artefact` says."""
        return blend(x, RED, self.alpha), everywhere(x)
