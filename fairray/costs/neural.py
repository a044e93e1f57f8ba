"""Neural perceptual distance: Laidlaw, Singla, Feizi, Perceptual Adversarial Robustness (ICLR 2021), section 3."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from fairray.costs import Reference
from fairray.costs._trunks import TRUNK, Net, maps, unit
from fairray.costs._weights import key, load
from fairray.measures import NUMBER, Measure
from fairray.pixels import check_images

__all__ = ["Neural"]


@dataclass(frozen=True, kw_only=True)
class Neural:
    """The distance ||phi(x) - phi(x0)||_2 of unit-normalised features of all layers; nothing is learned on top.

    net: the trunk. weights: a file of it, or a folder with alexnet-owt-7be5be79.pth or alexnet.ckpt (vgg16-397923af.pth
    or vgg16.ckpt); without, it comes from FAIRRAY_WEIGHTS, an installed package or torch hub's cache, else it is a
    BadInput.
    """

    measure: ClassVar = Measure("neural", "neural distance", NUMBER, "low")

    net: Net = "alex"
    weights: Path | None = None

    @property
    def key(self) -> dict[str, Any]:
        """The fields, with the content of `weights` in place of its path."""
        return key(self, (TRUNK[self.net],))

    def embed(self, x: Tensor) -> Tensor:
        """phi(x), with axes (image, feature): each layer's features over the root of its number of pixels."""
        (trunk,) = load((TRUNK[self.net],), self.weights, x)
        return torch.cat([(unit(f) / (f.shape[2] * f.shape[3]) ** 0.5).flatten(1) for f in maps(self.net, trunk, x)], 1)

    def prepare(self, x0: Tensor) -> Reference:
        """phi(x0)."""
        check_images(x0, "x0")
        with torch.no_grad():
            return (self.embed(x0),)

    def __call__(self, reference: Reference, x: Tensor) -> Tensor:
        """The distance of each image, with axis (image); at the reference its gradient is 0."""
        return torch.linalg.vector_norm(self.embed(x) - reference[0], dim=1)
