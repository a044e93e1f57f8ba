"""Networks of other packages, with weights from a file, cut before their classifiers."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fairray.errors import BadInput
from fairray.networks import Network
from fairray.networks._torchvision import imported
from fairray.pixels import check_finite

DROPOUTS = (nn.Dropout, nn.Dropout2d, imported("torchvision.ops").StochasticDepth)


@dataclass(frozen=True, kw_only=True)
class Published:
    """A network of another package by its name there, from scratch or with weights from a file."""

    model: str
    weights: Path | None = None

    def build(self, shape: tuple[int, ...], outputs: int) -> Network:
        """A network for images of `shape` (3, height, width). Raises BadInput for unknown models and wrong files."""
        raise NotImplementedError

    def check(self, shape: tuple[int, ...], outputs: int) -> None:
        """Raise BadInput where it cannot be built, or not read such images."""
        tried(self.build(shape, outputs), shape, outputs)

    @property
    def pretrained(self) -> bool:
        """Whether it comes with weights."""
        return self.weights is not None


class Normalised(nn.Module):
    """Images in [-1, 1], as `Network` gives them, to the mean and deviation of each channel that a model wants."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]):
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(std)[:, None, None], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return ((x + 1) / 2 - self.mean) / self.std


def network(
    model: nn.Module, classifier: str | None, outputs: int, mean: tuple[float, ...], std: tuple[float, ...]
) -> Network:
    """The model as an encoder, whose output is what its classifier reads, and that layer as the head.

    classifier: the name of the linear layer that gives the logits; without one, logits are all that the encoder gives.
    Dropout and stochastic depth are switched off: a network's random numbers come from no other seed than the trial's.
    """
    for module in model.modules():
        if isinstance(module, DROPOUTS):
            module.p = 0.0
        elif hasattr(module, "drop_prob"):  # timm's stochastic depth
            module.drop_prob = 0.0  # type: ignore[assignment]
    encoder = nn.Sequential(Normalised(mean, std), model)
    if classifier is None:
        return Network(encoder, nn.Identity(), outputs, "logits")
    head = model.get_submodule(classifier)
    model.set_submodule(classifier, nn.Identity())
    return Network(encoder, head, head.in_features, classifier)  # type: ignore[arg-type]


def linear(model: nn.Module) -> str | None:
    """The name of the last linear layer."""
    return next((name for name, module in [*model.named_modules()][::-1] if isinstance(module, nn.Linear)), None)


@torch.no_grad()
def tried(network: Network, shape: tuple[int, ...], outputs: int) -> None:
    """Raise BadInput where it gives no logits for an image of `shape`: some models want one size, some are encoders."""
    try:
        found = network.eval()(torch.zeros(1, *shape))
        if found.shape != (1, outputs):
            raise ValueError(f"its output has the axes {tuple(found.shape)}")
    except (AssertionError, RuntimeError, ValueError) as error:
        problem = f"it cannot be used for images of {shape}: {' '.join(str(error).split())[:200]}"
        raise BadInput("model", problem, "choose another model, or another size of the images") from error
    check_finite(found, "weights", "the model's output")


def loaded(model: nn.Module, weights: Path) -> nn.Module:
    """The model with the parameters of a file. Raises BadInput where they are not its own."""
    # the names that torchvision published its DenseNets under are not those that they have
    state = {
        re.sub(r"(denselayer\d+\.(norm|conv))\.([12]\.)", r"\1\3", key): v for key, v in parameters(weights).items()
    }
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        problem = f"it has not the weights of {type(model).__name__}: {' '.join(str(error).split())[:300]}"
        raise BadInput(
            str(weights), problem, "give the file of this model, and a data set of as many classes"
        ) from error
    return model


def parameters(weights: Path) -> dict[str, Tensor]:
    """Tensors by name, of a state dict in a .pth or .safetensors file."""
    try:
        if weights.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(weights)
        state: Any = torch.load(weights, map_location="cpu", weights_only=True)
        return state.get("state_dict", state)
    except FileNotFoundError as error:
        raise BadInput(str(weights), "there is no such file", "set network.weights: FILE") from error
    except Exception as error:  # whatever unpickling and safetensors raise
        problem = f"it holds no weights: {' '.join(str(error).split())[:200]}"
        raise BadInput(str(weights), problem, "give a state dict that torch.save or safetensors wrote") from error
