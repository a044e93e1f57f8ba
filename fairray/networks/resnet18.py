"""ResNet-18: He, Zhang, Ren, Sun, Deep Residual Learning for Image Recognition (CVPR 2016)."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Gt
from torch import Tensor, nn

from fairray.networks import Network
from fairray.networks._images import scaled, side
from fairray.networks._torchvision import imported

__all__ = ["ResNet18"]


@dataclass(frozen=True, kw_only=True)
class ResNet18:
    """Stages of two residual blocks with 64, 128, 256 and 512 channels, from scratch; the features are their average.

    For images below 64 px the first convolution is 3x3 of stride 1 without max-pooling, as the paper's own for CIFAR-10
    is (section 4.2), not 7x7 of stride 2 with it. `width` multiplies the channels. The last block's last ReLU is a
    block of its own, so that last_conv is what it is given, as RR-ClArC has that layer.
    """

    width: Annotated[float, Gt(0)] = 1.0

    def build(self, shape: tuple[int, ...], outputs: int) -> Network:
        """A network for images of `shape` (3, height, width) and `outputs` logits. Raises BadInput for other inputs."""
        unit = scaled(64, self.width)
        encoder = nn.Sequential(_stem(unit, small=side(shape) < 64))
        for i, (inputs, channels) in enumerate([(1, 1), (1, 2), (2, 4), (4, 8)], start=1):
            encoder.add_module(f"layer{i}", _stage(inputs * unit, channels * unit))
        last = encoder.get_submodule("layer4")
        last.add_module("1", Unrectified(8 * unit))
        last.add_module("relu", nn.ReLU(inplace=True))
        encoder.add_module("avgpool", nn.AdaptiveAvgPool2d(1))
        encoder.add_module("flatten", nn.Flatten())
        encoder.apply(_initialise)
        return Network(encoder, nn.Linear(8 * unit, outputs), 8 * unit, "avgpool", {"last_conv": "layer4.1"})


class Unrectified(nn.Module):
    """A residual block without its last ReLU."""

    def __init__(self, channels: int):
        super().__init__()
        for name, module in _block()(channels, channels).named_children():
            self.add_module(name, module)

    def forward(self, x):
        """Maps for maps."""
        more = x
        for name in ("conv1", "bn1", "relu", "conv2", "bn2"):
            more = self.get_submodule(name)(more)
        return self.add(x, more)

    def add(self, x: Tensor, more: Tensor) -> Tensor:
        """Both branches together."""
        return x + more


def _block() -> type[nn.Module]:
    """torchvision's residual block, imported where one is built: a study can name this network and build none."""
    return imported("torchvision.models.resnet").BasicBlock


def _stem(channels: int, small: bool) -> OrderedDict[str, nn.Module]:
    size, stride = (3, 1) if small else (7, 2)
    convolution = nn.Conv2d(3, channels, size, stride=stride, padding=size // 2, bias=False)
    layers = OrderedDict[str, nn.Module](conv1=convolution, bn1=nn.BatchNorm2d(channels), relu=nn.ReLU(inplace=True))
    if not small:
        layers["maxpool"] = nn.MaxPool2d(3, stride=2, padding=1)
    return layers


def _stage(inputs: int, channels: int) -> nn.Sequential:
    block = _block()
    if inputs == channels:
        return nn.Sequential(block(channels, channels), block(channels, channels))
    # every second pixel, by a pool of one: a 1x1 convolution of stride 2 and fewer than 8 channels writes outside its
    # memory in torch 2.13's backward pass, where a CPU has AVX2 at most
    halved = nn.MaxPool2d(1, stride=2)
    shortcut = nn.Sequential(halved, nn.Conv2d(inputs, channels, 1, bias=False), nn.BatchNorm2d(channels))
    return nn.Sequential(block(inputs, channels, 2, shortcut), block(channels, channels))


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
