"""A small convolutional network for small images."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

from annotated_types import Ge
from torch import nn

from fairray.networks import Network
from fairray.networks._images import side

__all__ = ["SmallCnn"]


@dataclass(frozen=True, kw_only=True)
class SmallCnn:
    """Three 3x3 convolutions with `channels`, 2 and 4 times as many channels, each with ReLU and 2x2 max-pooling.

    The last map is flattened into the features. Without batch normalisation and dropout it is a pure function of its
    parameters, so that replicas can be stacked.
    """

    channels: Annotated[int, Ge(1)] = 16

    def build(self, shape: tuple[int, ...], outputs: int) -> Network:
        """A network for images of `shape` (3, height, width) and `outputs` logits. Raises BadInput for other inputs."""
        side(shape)
        channels = [3, self.channels, 2 * self.channels, 4 * self.channels]
        layers = [layer for i, o in pairwise(channels) for layer in _block(i, o)]
        height, width = (-(-size // 8) for size in shape[1:])
        features = channels[-1] * height * width
        return Network(nn.Sequential(*layers, nn.Flatten()), nn.Linear(features, outputs), features, "flatten")


def _block(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True)]
