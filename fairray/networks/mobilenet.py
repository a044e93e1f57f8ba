"""MobileNet, version 1: Howard et al., MobileNets: Efficient Convolutional Neural Networks for Mobile Vision
Applications (2017)."""

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Annotated

from annotated_types import Gt
from torch import nn

from fairray.networks import Network
from fairray.networks._images import scaled, side
from fairray.networks._maps import Layer, initialise, read
from fairray.networks._torchvision import imported

__all__ = ["MobileNet"]

convolution = partial(
    imported("torchvision.ops.misc").Conv2dNormActivation,
    norm_layer=partial(nn.BatchNorm2d, eps=1e-3),
    activation_layer=nn.ReLU6,
)

# of every depthwise separable convolution: channels in units of 32, stride (table 1)
BLOCKS = [(2, 1), (4, 2), (4, 1), (8, 2), (8, 1), (16, 2), *[(16, 1)] * 5, (32, 2), (32, 1)]


@dataclass(frozen=True, kw_only=True)
class MobileNet:
    """A convolution and thirteen depthwise separable ones, from scratch; the features are the last map or its average.

    With batch normalisation (epsilon .001) and ReLU6 after every convolution, as Keras has it. The head on the
    flattened map is PreserveTask's, with 512 and 100 hidden units; on the average it is linear, as published. Without
    dropout: every random number of a run comes from its seed. For images below 64 px the first convolution has stride
    1, not 2. `width` multiplies the channels.
    """

    width: Annotated[float, Gt(0)] = 1.0
    layer: Layer = "flatten"

    def build(self, shape: tuple[int, ...], outputs: int) -> Network:
        """A network for images of `shape` (3, height, width) and `outputs` logits. Raises BadInput for other inputs."""
        unit = scaled(32, self.width)
        trunk = nn.Sequential(convolution(3, unit, stride=1 if side(shape) < 64 else 2))
        for (inputs, _), (channels, stride) in pairwise([(1, 1), *BLOCKS]):
            trunk.append(_separable(inputs * unit, channels * unit, stride))
        return read(trunk.apply(initialise), shape, outputs, self.layer)


def _separable(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    depthwise = convolution(inputs, inputs, stride=stride, groups=inputs)
    return nn.Sequential(depthwise, convolution(inputs, outputs, kernel_size=1))
