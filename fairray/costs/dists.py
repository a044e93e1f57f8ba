"""DISTS: Ding et al., Image Quality Assessment: Unifying Structure and Texture Similarity (TPAMI 2022)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from fairray.costs import Reference
from fairray.costs._channels import rgb
from fairray.costs._trunks import CHANNELS, TRUNK, maps
from fairray.costs._weights import Part, key, load
from fairray.measures import THOUSANDTHS, Measure
from fairray.pixels import check_images

__all__ = ["Dists"]

STAGES = (3, *CHANNELS["vgg"])
C1 = C2 = 1e-6
WEIGHTS = Part(
    "DISTS weights alpha and beta",
    ("weights.pt",),
    (("alpha", (sum(STAGES),)), ("beta", (sum(STAGES),))),
    "pip install torchmetrics, or give weights: PATH, or set FAIRRAY_WEIGHTS to a folder with weights.pt of DISTS",
)


@dataclass(frozen=True, kw_only=True)
class Dists:
    """1 - sum(alpha l + beta s) over the channels of the image and of five stages of VGG-16 with L2 pooling.

    l compares the means of two maps and s their covariance, both over the whole map; alpha and beta sum to 1. Images
    are taken at their own size: the authors' script resizes to a short side of 256 px first.
    weights: a file that has alpha and beta, VGG-16 or both, or a folder with weights.pt, vgg16-397923af.pth or
    vgg16.ckpt; what is not there comes from FAIRRAY_WEIGHTS, an installed package or torch hub's cache, else it is a
    BadInput.
    """

    measure: ClassVar = Measure("dists", "DISTS", THOUSANDTHS, "low")

    weights: Path | None = None

    @property
    def key(self) -> dict[str, Any]:
        """The fields, with the content of `weights` in place of its path."""
        return key(self, (TRUNK["vgg"], WEIGHTS))

    def prepare(self, x0: Tensor) -> Reference:
        """The image and the maps of every stage, axes (image, channel, height, width)."""
        check_images(x0, "x0")
        with torch.no_grad():
            return tuple(_stages(x0, self._load(x0)[0]))

    def __call__(self, reference: Reference, x: Tensor) -> Tensor:
        """DISTS of each image, with axis (image); x: floats in [0, 1], grey or RGB."""
        trunk, weights = self._load(x)
        found = [_similarity(f0, f) for f0, f in zip(reference, _stages(x, trunk), strict=True)]
        luminance, structure = (torch.cat(terms, 1) for terms in zip(*found, strict=True))
        total = weights["alpha"].sum() + weights["beta"].sum()
        return 1 - (luminance @ weights["alpha"] + structure @ weights["beta"]) / total

    def _load(self, like: Tensor) -> list[dict[str, Tensor]]:
        return load((TRUNK["vgg"], WEIGHTS), self.weights, like)


def _stages(x: Tensor, trunk: dict[str, Tensor]) -> list[Tensor]:
    return [rgb(x), *maps("vgg", trunk, x, _l2_pool)]


def _l2_pool(x: Tensor) -> Tensor:
    """The root of the squares, smoothed by a Hanning window of 5 (its ends are 0) and taken at every second pixel."""
    window = x.new_tensor([0.25, 0.5, 0.25])
    kernel = (window[:, None] * window).expand(x.shape[1], 1, 3, 3)
    return (F.conv2d(x.square(), kernel, stride=2, padding=1, groups=x.shape[1]) + 1e-12).sqrt()


def _similarity(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """How alike the means and the structure of two maps are, each with axes (image, channel)."""
    mean_x, mean_y = (f.mean((2, 3)) for f in (x, y))
    x, y = x - mean_x[:, :, None, None], y - mean_y[:, :, None, None]
    luminance = (2 * mean_x * mean_y + C1) / (mean_x.square() + mean_y.square() + C1)
    variances = x.square().mean((2, 3)) + y.square().mean((2, 3))
    return luminance, (2 * (x * y).mean((2, 3)) + C2) / (variances + C2)
