"""DenseNet-121: Huang, Liu, van der Maaten, Weinberger, Densely Connected Convolutional Networks (CVPR 2017)."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Gt
from torch import nn

from fairray.networks import Network
from fairray.networks._images import scaled, side
from fairray.networks._maps import Layer, initialise, read
from fairray.networks._torchvision import imported

__all__ = ["DenseNet121"]

densenet = imported("torchvision.models.densenet")


@dataclass(frozen=True, kw_only=True)
class DenseNet121:
    """Dense blocks of 6, 12, 24 and 16 layers, from scratch; the features are the last map or its average.

    The head on the flattened map is PreserveTask's, with 512 and 100 hidden units; on the average it is linear, as
    published. Without dropout: every random number of a run comes from its seed. For images below 64 px the first
    convolution is 3x3 of stride 1 without max-pooling, as the paper's own for CIFAR is (section 3), not 7x7 of stride 2
    with it. `width` multiplies the growth rate, 32, and so all channels.
    """

    width: Annotated[float, Gt(0)] = 1.0
    layer: Layer = "flatten"

    def build(self, shape: tuple[int, ...], outputs: int) -> Network:
        """A network for images of `shape` (3, height, width) and `outputs` logits. Raises BadInput for other inputs."""
        small, growth = side(shape) < 64, scaled(32, self.width)
        trunk = densenet.DenseNet(growth, num_init_features=2 * growth).features
        if small:
            trunk.conv0 = nn.Conv2d(3, 2 * growth, 3, padding=1, bias=False)
            trunk.pool0 = nn.Identity()
        trunk.add_module("relu5", nn.ReLU(inplace=True))
        return read(trunk.apply(initialise), shape, outputs, self.layer)
