"""A small convolutional network for images of 64 px or so, made to be fast on a CPU."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

from annotated_types import Ge
from torch import nn

from fairray.networks import Network
from fairray.networks._images import side
from fairray.networks._maps import flattened, initialise

__all__ = ["StridedCnn"]


@dataclass(frozen=True, kw_only=True)
class StridedCnn:
    """A 5x5 convolution of stride 2 with `channels`, then two 3x3 ones with 2 and 4 times as many, each with ReLU and
    2x2 max-pooling; the flattened map is the feature layer, and the head is that of the trust study's networks.

    Without batch normalisation and dropout it is a pure function of its parameters, so that replicas can be stacked.
    """

    channels: Annotated[int, Ge(1)] = 8

    def build(self, shape: tuple[int, ...], outputs: int) -> Network:
        """A network for images of `shape` (3, height, width) and `outputs` logits. Raises BadInput for other inputs."""
        side(shape)
        channels = [self.channels, 2 * self.channels, 4 * self.channels]
        layers = [nn.Conv2d(3, self.channels, 5, stride=2, padding=2), *_activated()]
        for inputs, out in pairwise(channels):
            layers += [nn.Conv2d(inputs, out, 3, padding=1), *_activated()]
        return flattened(nn.Sequential(*layers).apply(initialise), shape, outputs)


def _activated() -> list[nn.Module]:
    return [nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True)]
