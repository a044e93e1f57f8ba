"""VGG-16: Simonyan, Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition (ICLR 2015)."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Gt
from torch import nn

from fairray.networks import Network
from fairray.networks._images import SMALL, scaled, side
from fairray.networks._torchvision import imported

__all__ = ["Vgg16"]

vgg = imported("torchvision.models.vgg")

STAGES = [(1, 2), (2, 2), (4, 3), (8, 3), (8, 3)]  # channels in units of 64, convolutions; a max-pooling ends each


@dataclass(frozen=True, kw_only=True)
class Vgg16:
    """Thirteen 3x3 convolutions and two fully connected layers, the second of which is the features, from scratch.

    Without dropout: every random number of a run comes from its seed. From 112 px on the last map is averaged to 7x7
    pixels and the two layers have 4096 units, as published. Below, only as many of the five poolings are kept as leave
    a pixel, the map is averaged to one pixel, and the layers have 512 units. `width` multiplies channels and units.
    Weights start as in He et al., Delving Deep into Rectifiers (ICCV 2015), section 2.2, which is made for such depth
    without normalisation.
    """

    width: Annotated[float, Gt(0)] = 1.0

    def build(self, shape: tuple[int, ...], outputs: int) -> Network:
        """A network for images of `shape` (3, height, width) and `outputs` logits. Raises BadInput for other inputs."""
        size, unit = side(shape), scaled(64, self.width)
        grid, features = (1, 8 * unit) if size < SMALL else (7, 64 * unit)
        encoder = nn.Sequential(
            vgg.make_layers(_layers(unit, poolings=size.bit_length() - 1)),
            nn.AdaptiveAvgPool2d(grid),
            nn.Flatten(),
            nn.Linear(8 * unit * grid**2, features),
            nn.ReLU(),
            nn.Linear(features, features),
            nn.ReLU(),
        )
        encoder.apply(_initialise)
        return Network(encoder, nn.Linear(features, outputs), features, "fc7")


def _layers(unit: int, poolings: int) -> list[int | str]:
    layers: list[int | str] = []
    for stage, (channels, convolutions) in enumerate(STAGES):
        layers += [channels * unit] * convolutions + ["M"] * (stage < poolings)
    return layers


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        assert module.bias is not None
        nn.init.zeros_(module.bias)
