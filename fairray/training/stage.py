"""The stage that trains a network; a method is its difference from this one."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fairray.data import Dataset, Tensors
from fairray.stages import Artifact, Setting, Stage

__all__ = ["TrainStage", "View", "weighted_mean"]


class View(NamedTuple):
    """How one replica sees the training split.

    rows: indices of the examples it trains on, an index once for each time an epoch visits it.
    columns: further tensors by name, aligned with all examples of the split; in `batch` beside x, y, group.
    """

    rows: Tensor
    columns: Tensors


@dataclass(frozen=True, kw_only=True)
class TrainStage(Stage):
    """Empirical risk minimisation, and the hooks by which a method differs from it.

    Each hook is pure. `outputs` is per example and `loss` per batch, so that a batch can be divided
    among devices; every float field may differ between the replicas of a stack.
    """

    def chain(self) -> Stage:
        """A stage that trains can be a whole method."""
        return self

    def check(self, dataset: Dataset) -> None:
        """Raise BadInput if the stage cannot serve the data set."""

    def view(self, dataset: Dataset, generator: torch.Generator, before: dict[str, Artifact]) -> View:
        """The training examples of one replica; `generator` is the replica's own."""
        return View(torch.arange(len(dataset.train["y"])), {})

    def seen(self, split: Tensors) -> Tensors:
        """Further columns with which the trained network is evaluated on a split."""
        return {}

    def inputs(self, batch: Tensors) -> Tensor:
        """What the network is given, with axis 0 the example."""
        return batch["x"]

    def heads(self, features: int, dataset: Dataset) -> dict[str, nn.Module]:
        """Networks trained beside the main one, such as an adversary."""
        return {}

    def outputs(self, nets: nn.ModuleDict, batch: Tensors) -> Tensors:
        """Of each example on its own; `logits` is what predictions are made of."""
        return {"logits": nets["main"](self.inputs(batch))}

    def loss(self, outputs: Tensors, batch: Tensors) -> Tensor:
        """Of the whole batch."""
        return weighted_mean(F.cross_entropy(outputs["logits"], batch["y"], reduction="none"), batch)

    def build(self, setting: Setting) -> nn.ModuleDict:
        """The networks, freshly initialised by torch's global generator."""
        one = {name: tensor[:1] for name, tensor in setting.dataset.train.items()} | self.seen(
            {name: tensor[:1] for name, tensor in setting.dataset.train.items()}
        )
        main = setting.network.build(tuple(self.inputs(one).shape[1:]), len(setting.dataset.classes))
        return nn.ModuleDict({"main": main, **self.heads(main.features, setting.dataset)})

    def with_floats(self, values: dict[str, Any]) -> Self:
        """Itself with other values, possibly tensors under vmap, for its float fields."""
        return replace(self, **values)

    @property
    def floats(self) -> dict[str, float]:
        return {name: value for name, value in self.hyperparameters.items() if isinstance(value, float)}

    def modules(self) -> tuple[str, ...]:
        return (type(self).__module__, "fairray.training.fit")


def weighted_mean(values: Tensor, batch: Tensors) -> Tensor:
    """The mean over a batch, by the column `weight` where the view has one."""
    if "weight" not in batch:
        return values.mean()
    return (batch["weight"] * values).sum() / batch["weight"].sum()
