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
        network = flattened(trunk.apply(initialise), shape, outputs)
    else:
        network = _averaged(trunk, unit, outputs, small=size < SMALL)
    network.names = _names(trunk)
    return network


def _averaged(trunk: nn.Sequential, unit: int, outputs: int, small: bool) -> Network:
    """With two fully connected layers behind the trunk's last map."""
    grid, features = (1, 8 * unit) if small else (7, 64 * unit)
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


def _names(trunk: nn.Sequential) -> dict[str, str]:
    """Its modules as torchvision's VGG calls them, and the last convolution."""
    last = max(i for i, module in enumerate(trunk) if isinstance(module, nn.Conv2d))
    return {**{f"features.{i}": f"0.{i}" for i in range(len(trunk))}, "last_conv": f"0.{last}"}


def _layers(convolutions: tuple[int, ...], unit: int, poolings: int) -> list[int | str]:
    layers: list[int | str] = []
    for stage, (channels, number) in enumerate(zip(CHANNELS, convolutions, strict=True)):
        layers += [channels * unit] * number + ["M"] * (stage < poolings)
    return layers
