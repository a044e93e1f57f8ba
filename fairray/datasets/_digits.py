"""Digits to be painted: where they come from, and how they get their colours."""

from pathlib import Path
from typing import Literal

import torch

from fairray.data import Dataset
from fairray.datasets.digits5k import Digits5k
from fairray.datasets.mnist import Mnist

Source = Literal["digits5k", "mnist"]


def load_digits(source: Source, folder: Path | None, seed: int) -> Dataset:
    """The 5,000 digits that need no download, or all of MNIST from the files in `folder`."""
    return (Digits5k(seed=seed) if source == "digits5k" else Mnist(folder=folder, seed=seed)).load()


def paint(x: torch.Tensor, ink: torch.Tensor, ground: torch.Tensor) -> torch.Tensor:
    """Bytes with the axes of x, (image, RGB, height, width), where white has become ink and black ground.

    ink, ground: with axes (image, RGB) or (RGB,), from 0 to 255.
    """
    grey = x.float() / 255
    return (grey * ink[..., None, None] + (1 - grey) * ground[..., None, None]).round().to(torch.uint8)
