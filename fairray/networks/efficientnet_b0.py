"""EfficientNet-B0: Tan, Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks (ICML 2019)."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Gt
from torch import nn

from fairray.networks import Network
from fairray.networks._images import side
from fairray.networks._torchvision import imported

__all__ = ["EfficientNetB0"]

efficientnet = imported("torchvision.models.efficientnet")


@dataclass(frozen=True, kw_only=True)
class EfficientNetB0:
    """Sixteen inverted residual blocks with squeeze and excitation, from scratch; the features are the average of the
    last map's 1,280 channels.

    Without dropout and stochastic depth: every random number of a run comes from its seed. For images below 64 px the
    first convolution has stride 1, not 2. `width` multiplies the channels, in steps of 8. The layer last_conv is the
    last map. rectified: a ReLU behind it, as RR-ClArC's authors have one.
    """

    width: Annotated[float, Gt(0)] = 1.0
    rectified: bool = False

    def build(self, shape: tuple[int, ...], outputs: int) -> Network:
        """A network for images of `shape` (3, height, width) and `outputs` logits. Raises BadInput for other inputs."""
        small = side(shape) < 64
        blocks, _ = efficientnet._efficientnet_conf("efficientnet_b0", width_mult=self.width, depth_mult=1.0)
        trunk = efficientnet.EfficientNet(blocks, dropout=0.0, stochastic_depth_prob=0.0).features
        if small:
            trunk[0][0].stride = (1, 1)
        layers = OrderedDict[str, nn.Module](features=trunk)
        if self.rectified:
            layers["relu"] = nn.ReLU()
        layers |= {"avgpool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten()}
        features = trunk[-1].out_channels
        names = {"last_conv": "features.8.2"}
        return Network(nn.Sequential(layers), nn.Linear(features, outputs), features, "avgpool", names)
