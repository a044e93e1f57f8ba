"""VGG-19: Simonyan, Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition (ICLR 2015)."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Gt

from fairray.networks import Network, _vgg

__all__ = ["Vgg19"]


@dataclass(frozen=True, kw_only=True)
class Vgg19:
    """Like vgg16, small images, `layer` and `width` included, with sixteen convolutions instead of thirteen."""

    width: Annotated[float, Gt(0)] = 1.0
    layer: _vgg.Layer = "fc7"

    def build(self, shape: tuple[int, ...], outputs: int) -> Network:
        """A network for images of `shape` (3, height, width) and `outputs` logits. Raises BadInput for other inputs."""
        return _vgg.build((2, 2, 4, 4, 4), shape, outputs, self.width, self.layer)
