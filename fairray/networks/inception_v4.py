"""Inception-v4: Szegedy, Ioffe, Vanhoucke, Alemi, Inception-v4, Inception-ResNet and the Impact of Residual Connections
on Learning (AAAI 2017)."""

from dataclasses import dataclass
from typing import Annotated, Any

from annotated_types import Gt
from torch import nn

from fairray.networks import Network
from fairray.networks._images import scaled, side
from fairray.networks._torchvision import imported

__all__ = ["InceptionV4"]

timm = imported("timm.models.inception_v4")

LEAST = 75  # px; smaller images leave no pixel


@dataclass(frozen=True, kw_only=True)
class InceptionV4:
    """Stem, 4 blocks A, 7 B and 3 C with reductions between, from scratch; the features are the average.

    Without dropout: every random number of a run comes from its seed. Images below 75 px are resized to it (bilinear);
    the last map then has one pixel, so that batch normalisation needs more than one image. `width` multiplies the
    channels, all of which are multiples of 32.
    """

    width: Annotated[float, Gt(0)] = 1.0

    def build(self, shape: tuple[int, ...], outputs: int) -> Network:
        """A network for images of `shape` (3, height, width) and `outputs` logits. Raises BadInput for other inputs."""
        enough = tuple(max(size, LEAST) for size in shape[1:])
        resize = [nn.Upsample(size=enough, mode="bilinear")] if side(shape) < LEAST else []
        encoder = nn.Sequential(*resize, *self._blocks(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        features = 48 * scaled(32, self.width)
        return Network(encoder, nn.Linear(features, outputs), features, "global_pool")

    def _blocks(self) -> list[nn.Module]:
        conv = self._convolution
        return [
            conv(3, 32, kernel_size=3, stride=2),
            conv(32, 32, kernel_size=3),
            conv(32, 64, kernel_size=3, padding=1),
            *[block(conv) for block in (timm.Mixed3a, timm.Mixed4a, timm.Mixed5a)],
            *[timm.InceptionA(conv) for _ in range(4)],
            timm.ReductionA(conv),
            *[timm.InceptionB(conv) for _ in range(7)],
            timm.ReductionB(conv),
            *[timm.InceptionC(conv) for _ in range(3)],
        ]

    def _convolution(self, inputs: int, outputs: int, padding: int | tuple[int, int] = 0, **options: Any) -> nn.Module:
        """A convolution with batch normalisation and ReLU; the blocks give the published channels."""
        unit = scaled(32, self.width)
        inputs, outputs = inputs if inputs == 3 else inputs // 32 * unit, outputs // 32 * unit
        return timm.ConvNormAct(inputs, outputs, padding=padding, norm_kwargs={"eps": 1e-3}, **options)
