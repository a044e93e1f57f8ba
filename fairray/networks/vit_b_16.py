"""ViT-B/16: Dosovitskiy et al., An Image is Worth 16x16 Words (ICLR 2021)."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt
from torch import nn

from fairray.networks import Network
from fairray.networks._images import SMALL, scaled, side
from fairray.networks._torchvision import imported

__all__ = ["VitB16"]

models = imported("torchvision.models")

HEADS = 12


@dataclass(frozen=True, kw_only=True)
class VitB16:
    """`depth` layers of 12 heads over the patches of the image, from scratch; the features are the class token.

    Without dropout: every random number of a run comes from its seed. Patches have 16 px, but below 112 px a seventh of
    the side, so that there are 7x7 of them; images that are no square of a multiple of that are resized to the nearest
    (bilinear). `width` multiplies the embedding, 64 numbers a head.
    """

    width: Annotated[float, Gt(0)] = 1.0
    depth: Annotated[int, Ge(1)] = 12

    def build(self, shape: tuple[int, ...], outputs: int) -> Network:
        """A network for images of `shape` (3, height, width) and `outputs` logits. Raises BadInput for other inputs."""
        size, features = side(shape), HEADS * scaled(64, self.width)
        patch = 16 if size >= SMALL else max(1, round(size / 7))
        fitting = max(1, round(size / patch)) * patch
        transformer = models.VisionTransformer(fitting, patch, self.depth, HEADS, features, 4 * features)
        transformer.heads = nn.Sequential()
        resize = [] if shape[1:] == (fitting, fitting) else [nn.Upsample(size=(fitting, fitting), mode="bilinear")]
        return Network(nn.Sequential(*resize, transformer), nn.Linear(features, outputs), features, "encoder.ln")
