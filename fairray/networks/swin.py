"""Swin-T: Liu et al., Swin Transformer: Hierarchical Vision Transformer using Shifted Windows (ICCV 2021)."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt
from torch import nn

from fairray.networks import Network
from fairray.networks._images import SMALL, scaled, side
from fairray.networks._torchvision import imported

__all__ = ["Swin"]

models = imported("torchvision.models")


@dataclass(frozen=True, kw_only=True)
class Swin:
    """Stages of 2, 2, `depth` and 2 blocks with windows of 7x7 patches, from scratch; the features are the average.

    Without stochastic depth: every random number of a run comes from its seed. Patches have 4 px, but below 112 px a
    seventh of the side, and windows are 4x4 there: smaller maps are padded to a whole window. `width` multiplies the
    embedding, which starts with 3 heads of 32 numbers.
    """

    width: Annotated[float, Gt(0)] = 1.0
    depth: Annotated[int, Ge(1)] = 6

    def build(self, shape: tuple[int, ...], outputs: int) -> Network:
        """A network for images of `shape` (3, height, width) and `outputs` logits. Raises BadInput for other inputs."""
        size = side(shape)
        patch, window = (4, 7) if size >= SMALL else (max(1, round(size / 7)), 4)
        embedding, blocks = 3 * scaled(32, self.width), [2, 2, self.depth, 2]
        swin = models.SwinTransformer(
            [patch, patch], embedding, blocks, [3, 6, 12, 24], [window, window], stochastic_depth_prob=0.0
        )
        encoder = nn.Sequential(swin.features, swin.norm, swin.permute, swin.avgpool, swin.flatten)
        return Network(encoder, nn.Linear(8 * embedding, outputs), 8 * embedding, "avgpool")
