"""Brightness: the whole image is faded towards white (the "white colour" of RR-ClArC's bone ages)."""

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Gt, Le
from torch import Tensor

from fairray.artefacts._pixels import blend, everywhere

__all__ = ["Brightness"]


@dataclass(frozen=True, kw_only=True)
class Brightness:
    """(1 - alpha) * image + alpha * 255. The mask is the whole image."""

    alpha: Annotated[float, Gt(0), Le(1)] = 0.3

    def __call__(self, x: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Images and masks, as `fairray.artefacts.Artefact` says."""
        return blend(x, torch.tensor(255.0), self.alpha), everywhere(x)
