"""VGG-16: Simonyan, Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition (ICLR 2015)."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Gt

from fairray.networks import Network, _vgg

__all__ = ["Vgg16"]


@dataclass(frozen=True, kw_only=True)
class Vgg16:
    """Thirteen 3x3 convolutions and two fully connected layers, the second of which is the features, from scratch.

    Without dropout: every random number of a run comes from its seed. From 112 px on the last map is averaged to 7x7
    pixels and the two layers have 4096 units, as published. Below, only as many of the five poolings are kept as leave
    a pixel, the map is averaged to one pixel, and the layers have 512 units. With `layer` "flatten" the features are
    the last map itself, and the head has PreserveTask's hidden layers of 512 and 100 units. `width` multiplies channels
    and fc7's units. Weights start as in He et al., Delving Deep into Rectifiers (ICCV 2015), section 2.2, which is made
    for such depth without normalisation.
    """

    width: Annotated[float, Gt(0)] = 1.0
    layer: _vgg.Layer = "fc7"

    def build(self, shape: tuple[int, ...], outputs: int) -> Network:
        """A network for images of `shape` (3, height, width) and `outputs` logits. Raises BadInput for other inputs."""
        return _vgg.build((2, 2, 3, 3, 3), shape, outputs, self.width, self.layer)
