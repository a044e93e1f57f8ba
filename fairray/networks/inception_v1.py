"""Inception-v1, GoogLeNet: Szegedy et al., Going Deeper with Convolutions (CVPR 2015)."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Gt
from torch import nn

from fairray.networks import Network
from fairray.networks._images import scaled, side
from fairray.networks._maps import Layer, initialise, read
from fairray.networks._torchvision import imported

__all__ = ["InceptionV1"]

googlenet = imported("torchvision.models.googlenet")

# channels of a module: 1x1, 3x3 reduced, 3x3, 5x5 reduced, 5x5, pooled (table 1); a max-pooling between the stages
STAGES = [
    [(64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64)],
    [
        (192, 96, 208, 16, 48, 64),
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
    ],
    [(256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)],
]


@dataclass(frozen=True, kw_only=True)
class InceptionV1:
    """Three convolutions and nine inception modules, from scratch; the features are the last map or its average.

    As torchvision's, with batch normalisation after every convolution and without auxiliary classifiers, but with the
    published 5x5 convolutions, which are 3x3 there. The head on the flattened map is PreserveTask's, with 512 and 100
    hidden units; on the average it is linear, as published. Without dropout: every random number of a run comes from
    its seed. For images below 64 px the first convolution is 3x3 of stride 1 without max-pooling, not 7x7 of stride 2
    with it. `width` multiplies the channels.
    """

    width: Annotated[float, Gt(0)] = 1.0
    layer: Layer = "flatten"

    def build(self, shape: tuple[int, ...], outputs: int) -> Network:
        """A network for images of `shape` (3, height, width) and `outputs` logits. Raises BadInput for other inputs."""
        trunk = nn.Sequential(*self._stem(small=side(shape) < 64), *self._modules())
        return read(trunk.apply(initialise), shape, outputs, self.layer)

    def _stem(self, small: bool) -> list[nn.Module]:
        conv, (unit, channels) = googlenet.BasicConv2d, self._scaled(64, 192)
        large = [conv(3, unit, kernel_size=7, stride=2, padding=3), _pool(3)]
        first = [conv(3, unit, kernel_size=3, padding=1)] if small else large
        return [*first, conv(unit, unit, kernel_size=1), conv(unit, channels, kernel_size=3, padding=1)]

    def _modules(self) -> list[nn.Module]:
        """The inception modules, with a max-pooling before every stage of them."""
        modules, inputs = list[nn.Module](), scaled(192, self.width)
        for stage, pool in zip(STAGES, (3, 3, 2), strict=True):
            modules.append(_pool(pool))
            for published in stage:
                channels = self._scaled(*published)
                modules.append(_inception(inputs, channels))
                inputs = sum(channels[i] for i in (0, 2, 4, 5))
        return modules

    def _scaled(self, *channels: int) -> list[int]:
        return [scaled(number, self.width) for number in channels]


def _pool(size: int) -> nn.MaxPool2d:
    return nn.MaxPool2d(size, stride=2, ceil_mode=True)


def _inception(inputs: int, channels: list[int]) -> nn.Module:
    module = googlenet.Inception(inputs, *channels)
    module.branch3[1] = googlenet.BasicConv2d(channels[3], channels[4], kernel_size=5, padding=2)
    return module
