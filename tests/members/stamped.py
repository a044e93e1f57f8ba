"""Images of the toy data, of which many of class 1 carry a square: with it and without it, and where it is."""

from dataclasses import dataclass

import torch

from fairray.data import Dataset
from fairray.datasets._stamped import stamped
from fairray.datasets.toy import Toy

__all__ = ["Stamped"]


@dataclass(frozen=True)
class Square:
    """A blue square in the corner."""

    side: int = 3

    def __call__(self, x, ids):
        mask = torch.zeros(len(x), *x.shape[2:], dtype=torch.bool)
        mask[:, : self.side, : self.side] = True
        seen, blue = x.clone(), x[:, 2]
        blue = torch.where(mask, 255, blue)
        seen[:, 2] = blue
        return seen, mask


@dataclass(frozen=True, kw_only=True)
class Stamped:
    """Label ~ square. p: the share of class 1 that carries it; whether it does is drawn from the id."""

    side: int = 8
    size: int = 256
    p: float = 0.6

    def load(self) -> Dataset:
        toy = Toy(side=self.side, size=self.size, bias=0.5).load()
        for i, split in enumerate((toy.train, toy.val, toy.test)):
            split["id"] += 1000 * i
        return stamped(toy, Square(), "1", self.p, seed=0)
