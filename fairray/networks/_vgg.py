"""VGG: Simonyan, Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition (ICLR 2015)."""

from typing import Literal

from torch import nn

from fairray.networks import Network
from fairray.networks._images import SMALL, scaled, side
from fairray.networks._maps import flattened, initialise
from fairray.networks._torchvision import imported

__all__ = ["Layer", "build"]

vgg = imported("torchvision.models.vgg")

Layer = Literal["fc7", "flatten"]

CHANNELS = (1, 2, 4, 8, 8)  # of the stages, in units of 64


def build(convolutions: tuple[int, ...], shape: tuple[int, ...], outputs: int, width: float, layer: Layer) -> Network:
    """The network with that many convolutions a stage. shape: an input's, (3, height, width)."""
    size, unit = side(shape), scaled(64, width)
    trunk = vgg.make_layers(_layers(convolutions, unit, poolings=size.bit_length() - 1))
    if layer == "flatten":
        return flattened(trunk.apply(initialise), shape, outputs)
    grid, features = (1, 8 * unit) if size < SMALL else (7, 64 * unit)
    encoder = nn.Sequential(
        trunk,
        nn.AdaptiveAvgPool2d(grid),
        nn.Flatten(),
        nn.Linear(8 * unit * grid**2, features),
        nn.ReLU(),
        nn.Linear(features, features),
        nn.ReLU(),
    )
    encoder.apply(initialise)
    return Network(encoder, nn.Linear(features, outputs), features, "fc7")


def _layers(convolutions: tuple[int, ...], unit: int, poolings: int) -> list[int | str]:
    layers: list[int | str] = []
    for stage, (channels, number) in enumerate(zip(CHANNELS, convolutions, strict=True)):
        layers += [channels * unit] * number + ["M"] * (stage < poolings)
    return layers
