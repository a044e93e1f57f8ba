"""What artefacts share: random numbers of an image's own, mixtures with a colour, places in an image."""

from typing import Annotated

import numpy as np
import torch
from annotated_types import Ge, Le
from torch import Tensor

__all__ = ["Colour", "blend", "draws", "everywhere", "grid"]

Level = Annotated[int, Ge(0), Le(255)]
Colour = tuple[Level, Level, Level]


def blend(x: Tensor, colour: Tensor, alpha: Tensor | float) -> Tensor:
    """(1 - alpha) * x + alpha * colour, rounded and clipped to bytes.

    x: bytes with axes (image, 3, height, width), to which those of colour (levels of 255) and alpha (0..1) broadcast.
    """
    return (x.float() * (1 - alpha) + alpha * colour).round().clamp(0, 255).to(torch.uint8)


def draws(ids: Tensor, count: int) -> Tensor:
    """Uniform numbers in [0, 1) with axes (image, count): those of an image are its id's."""
    # RandomState, since its stream is frozen
    own = [np.random.RandomState(number).random_sample(count) for number in ids.tolist()]
    return torch.from_numpy(np.array(own, np.float32).reshape(-1, count))


def everywhere(x: Tensor) -> Tensor:
    """The mask of an artefact that covers the images."""
    return torch.ones(len(x), *x.shape[2:], dtype=torch.bool)


def grid(x: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and columns of pixels, counted from the centre of the image, with axes (height, 1) and (width,)."""
    rows, columns = (torch.arange(size) - (size - 1) / 2 for size in x.shape[2:])
    return rows[:, None], columns
