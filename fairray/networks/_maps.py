"""Features and logits from the last map of a convolutional network."""

from typing import Literal

import torch
from torch import nn
from torch.func import functional_call

from fairray.networks import Network

__all__ = ["Layer", "flattened", "initialise", "read", "two_hidden"]

Layer = Literal["flatten", "avgpool"]


def read(trunk: nn.Module, shape: tuple[int, ...], outputs: int, layer: Layer) -> Network:
    """The network whose feature layer is the last map of `trunk`, flattened or averaged. shape: an input's."""
    return (flattened if layer == "flatten" else _averaged)(trunk, shape, outputs)


def flattened(trunk: nn.Module, shape: tuple[int, ...], outputs: int) -> Network:
    """Every number of the last map is a feature, and the head is `two_hidden`."""
    features = _last_map(trunk, shape).numel()
    return Network(nn.Sequential(trunk, nn.Flatten()), two_hidden(features, outputs), features, "flatten")


def _averaged(trunk: nn.Module, shape: tuple[int, ...], outputs: int) -> Network:
    """Every channel's average over the last map is a feature, and the head is linear."""
    features = len(_last_map(trunk, shape))
    encoder = nn.Sequential(trunk, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return Network(encoder, nn.Linear(features, outputs), features, "avgpool")


def two_hidden(features: int, outputs: int) -> nn.Sequential:
    """PreserveTask's head: hidden layers of 512 and 100 units with ReLU, whatever the network's width.

    Without its dropout: every random number of a run comes from its seed.
    """
    head = nn.Sequential(nn.Linear(features, 512), nn.ReLU(), nn.Linear(512, 100), nn.ReLU(), nn.Linear(100, outputs))
    head[:-1].apply(initialise)
    return head


def initialise(module: nn.Module) -> None:
    """He et al., Delving Deep into Rectifiers (ICCV 2015), section 2.2; to be applied to every module."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _last_map(trunk: nn.Module, shape: tuple[int, ...]) -> torch.Tensor:
    """A map of the size (channel, height, width) that `trunk` gives for an image; nothing is computed."""
    nothing = {name: tensor.to("meta") for name, tensor in trunk.state_dict().items()}
    # two images: normalisation over one that leaves a single pixel would be refused
    return functional_call(trunk, nothing, torch.empty(2, *shape, device="meta"))[0]
