"""PieAPP v0.1: Prashnani et al., PieAPP: Perceptual Image-Error Assessment through Pairwise Preference (CVPR 2018).

Its weights may not be passed on; `initialise`, `preference_step` and `save` train one's own.
"""

from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt
from torch import Tensor, nn

from fairray.costs import Reference
from fairray.costs._channels import rgb
from fairray.costs._weights import File, Part, find, key, load
from fairray.errors import BadInput
from fairray.measures import THOUSANDTHS, Measure
from fairray.pixels import check_images

__all__ = ["PieApp"]

Order = Literal["bgr", "rgb"]
PATCH = 64
CHANNELS = (1, 1, 1, 2, 2, 2, 4, 4, 4, 8, 8)
CURE = (
    "give weights: PATH to PieAPPv0.1.pth of github.com/prashnani/PerceptualImageError or of the piq release v0.5.4, "
    "set FAIRRAY_WEIGHTS to a folder with it, train one with preference_step, or take LPIPS or DISTS as the cost"
)


class Network(nn.Module):
    """Features of patches and what is made of their differences; `width` multiplies 64 channels and 512 units."""

    def __init__(self, width: float = 1.0):
        super().__init__()
        base, units = max(1, round(64 * width)), max(1, round(512 * width))
        channels = [3, *(base * multiple for multiple in CHANNELS)]
        for i, (inputs, outputs) in enumerate(pairwise(channels), start=1):
            setattr(self, f"conv{i}", nn.Conv2d(inputs, outputs, 3, padding=1))
        sizes = [channels[i] * (PATCH >> i // 2) ** 2 for i in (3, 5, 7, 9, 11)]
        self.fc1_score, self.fc2_score = nn.Linear(sum(sizes), units), nn.Linear(units, 1)
        self.fc1_weight, self.fc2_weight = nn.Linear(sizes[-1], units), nn.Linear(units, 1)
        self.ref_score_subtract = nn.Linear(1, 1)

    def features(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        """The features of patches in 0..255, (patch, 3, 64, 64): of all scales, and the coarsest, (patch, feature)."""
        x, found = patches, []
        for i in range(1, len(CHANNELS) + 1):
            x = getattr(self, f"conv{i}")(x).relu()
            if i % 2 == 0:
                x = F.max_pool2d(x, 2)
            elif i > 1:
                found.append(x.flatten(1))
        return torch.cat(found, 1), found[-1]

    def embed(self, x: Tensor, stride: int, order: Order) -> Reference:
        """What images in [0, 1] give to the first layer of the scores and of the weights, (image, patch, unit).

        The layer is linear, so that the difference of its products stands for the product of the features' difference,
        of which there are 236 times as many.
        """
        patches = _patches(255 * (rgb(x).flip(1) if order == "bgr" else rgb(x)), stride)
        all_scales, coarse = self.features(patches.flatten(0, 1))
        found = F.linear(all_scales, self.fc1_score.weight), F.linear(coarse, self.fc1_weight.weight)
        return tuple(part.unflatten(0, patches.shape[:2]) for part in found)

    def score(self, reference: Reference, other: Reference) -> Tensor:
        """The error of each image, axis (image): the mean of its patches' scores with their weights."""
        scores, weights = (a - b for a, b in zip(reference, other, strict=True))
        scores = self.ref_score_subtract(0.01 * self.fc2_score((scores + self.fc1_score.bias).relu()))
        weights = self.fc2_weight((weights + self.fc1_weight.bias).relu()) + 1e-6
        return ((scores * weights).sum(1) / weights.sum(1)).squeeze(1)


@dataclass(frozen=True, kw_only=True)
class PieApp:
    """Scores of patches of 64 x 64 px in which an image differs from its reference, averaged with learned weights.

    It is not symmetric and need not be positive. An image against itself scores the same number whatever the image:
    about 0 with the published weights, 0 with those that `save` wrote.
    weights: the published file, that of piq, one that `save` wrote, or a folder with PieAPPv0.1.pth; without, it is
    looked for in FAIRRAY_WEIGHTS and torch hub's cache. width: of the network in the file. stride: between patches; the
    published script has 27, or 6 for dense. order: of the channels; the published script reads BGR.
    Raises BadInput without weights, and for images below 64 px.
    """

    measure: ClassVar = Measure("pieapp", "PieAPP", THOUSANDTHS, "low")

    weights: Path | None = None
    width: Annotated[float, Gt(0)] = 1.0
    stride: Annotated[int, Ge(1)] = 27
    order: Order = "bgr"

    @property
    def key(self) -> dict[str, Any]:
        """The fields, with the content of `weights` in place of its path."""
        return key(self, (_part(self.width),))

    def prepare(self, x0: Tensor) -> Reference:
        """The references' part of the first layers, axes (image, patch, unit)."""
        check_images(x0, "x0")
        with torch.no_grad():
            return self._network(x0).embed(x0, self.stride, self.order)

    def __call__(self, reference: Reference, x: Tensor) -> Tensor:
        """PieAPP of each image, with axis (image); x: floats in [0, 1], grey or RGB."""
        network = self._network(x)
        return network.score(reference, network.embed(x, self.stride, self.order))

    def _network(self, like: Tensor) -> Network:
        (file,) = find((_part(self.width),), self.weights)
        return _load_network(file, self.width, like.device, like.dtype)


def initialise(width: float, seed: int) -> Network:
    """An untrained network: He's initialisation, and weights of patches about 1."""
    network = _shape(width).to_empty(device="cpu")
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
        else:
            nn.init.kaiming_normal_(parameter, nonlinearity="relu", generator=generator)
    nn.init.ones_(network.fc2_weight.bias)
    nn.init.ones_(network.ref_score_subtract.weight)
    return network


def preference_loss(score_a: Tensor, score_b: Tensor, preferred: Tensor) -> Tensor:
    """The mean negative log-likelihood of preferences where A is preferred with probability sigmoid(s_B - s_A).

    preferred: the share of people who prefer A to B, in [0, 1], axis (pair), as the scores.
    """
    return F.binary_cross_entropy_with_logits(score_b - score_a, preferred)


def preference_step(
    network: Network,
    optimiser: torch.optim.Optimizer,
    reference: Tensor,
    a: Tensor,
    b: Tensor,
    preferred: Tensor,
    stride: int = 27,
    order: Order = "bgr",
) -> float:
    """One step of training on pairs of distorted images of the same references; gives the loss before it.

    reference, a, b: floats in [0, 1], axes (pair, channel, height, width); preferred: see `preference_loss`.
    """
    prepared = network.embed(reference, stride, order)
    score_a, score_b = (network.score(prepared, network.embed(images, stride, order)) for images in (a, b))
    loss = preference_loss(score_a, score_b, preferred)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return loss.item()


def save(network: Network, path: Path) -> None:
    """Writes a file for `PieApp(weights=path)`.

    Preferences do not see a constant in the scores; it is chosen such that an image against itself scores 0.
    """
    state = {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}
    with torch.no_grad():
        same = tuple(torch.zeros_like(layer.bias)[None, None] for layer in (network.fc1_score, network.fc1_weight))
        state["ref_score_subtract.bias"] -= network.score(same, same).cpu()
    torch.save(state, path)


def _shape(width: float) -> Network:
    with torch.device("meta"):
        return Network(width)


@cache
def _part(width: float) -> Part:
    shapes = tuple((name, tuple(tensor.shape)) for name, tensor in _shape(width).state_dict().items())
    return Part(f"PieAPP weights of width {width}", ("PieAPPv0.1.pth",), shapes, CURE)


@lru_cache(1)
def _load_network(file: File, width: float, device: torch.device, dtype: torch.dtype) -> Network:
    network = _shape(width)
    (state,) = load((_part(width),), file.path, torch.empty(0, device=device, dtype=dtype))
    network.load_state_dict(state, assign=True)
    return network.requires_grad_(False)


def _patches(x: Tensor, stride: int) -> Tensor:
    """Patches from the left upper corner on, and one at each border: axes (image, patch, channel, 64, 64)."""
    if min(x.shape[-2:]) < PATCH:
        problem = f"images have {x.shape[-2]} x {x.shape[-1]} px, PieAPP needs at least {PATCH} px"
        raise BadInput("perceptual cost", problem, "resize the images, or take SSIM as the cost")
    rows, columns = ([*range(0, size - PATCH, stride), size - PATCH] for size in x.shape[-2:])
    return torch.stack([x[:, :, i : i + PATCH, j : j + PATCH] for i in rows for j in columns], 1)
