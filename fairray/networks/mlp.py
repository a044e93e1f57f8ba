"""Multilayer perceptron."""

from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Annotated

from annotated_types import Ge
from torch import nn

from fairray.networks import Network

__all__ = ["Mlp"]


@dataclass(frozen=True, kw_only=True)
class Mlp:
    """`depth` hidden layers of `units` units with ReLU; BaDe's is 3 x 512 (BaDe, section 5)."""

    units: Annotated[int, Ge(1)] = 512
    depth: Annotated[int, Ge(1)] = 3

    def build(self, shape: tuple[int, ...], outputs: int) -> Network:
        """A network for inputs of `shape` (without the example axis) and `outputs` logits."""
        sizes = [prod(shape), *[self.units] * self.depth]
        layers = [layer for i, o in pairwise(sizes) for layer in (nn.Linear(i, o), nn.ReLU())]
        return Network(nn.Sequential(nn.Flatten(), *layers), nn.Linear(self.units, outputs), self.units)
