"""What a stage that trains a network can say of it, and what plain training says."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fairray.data import Dataset, Tensors
from fairray.stages import Artifact, Setting, Stage

__all__ = ["Hooks", "View", "error", "encode_and_classify", "weighted_mean"]


@dataclass(frozen=True)
class View:
    """How one replica sees the training split, and where it starts.

    rows: indices of the examples it trains on, an index once for each time an epoch visits it.
    columns: further tensors by name, aligned with all examples of the split, and then those made; in `batch` beside
        x, y, group, and instead of them where they have their name.
    start: parameters to begin with, by name, where they are not drawn anew.
    made: further examples that a stage before made, by name (x, y, group as the data set has them), behind the split's
        own: row N + i is made example i. Columns of the split that it lacks, such as id, are not in `batch`. The very
        tensors of the artifact before are on the device once for all replicas that share them.
    inputs: by split, what takes the place of x, such as features that a stage before made; behind those of the
        training split are those of the made examples. They are shared like `made`.
    """

    rows: Tensor
    columns: Tensors = field(default_factory=dict)
    start: Tensors = field(default_factory=dict)
    made: Tensors = field(default_factory=dict)
    inputs: Tensors = field(default_factory=dict)

    def examples(self, split: str, dataset: Dataset, holds: Collection[str] = ()) -> Tensors:
        """What batches are cut from: a split, behind the training split what a stage before made.

        holds: the columns with more than a number for each example that are among it, besides x.
        """
        own, inputs = dataset.split(split), {"x": self.inputs[split]} if self.inputs else {}
        wide = [*holds] if inputs else ["x", *holds]
        names = [name for name in own if name in wide or own[name].ndim == 1]
        if split != "train" or not self.made:
            return {name: own[name] for name in names} | inputs
        return {name: self.joined(name, own) for name in names if name in self.made} | inputs

    @property
    def shared(self) -> tuple[int, ...]:
        """What replicas that are trained together must have in common: the very tensors."""
        return tuple(id(tensor) for tensor in (*self.made.values(), *self.inputs.values()))

    def joined(self, name: str, split: Tensors) -> Tensor:
        """A column of the split's own examples, and behind them those made."""
        if not self.made:
            return split[name]
        own, made = split[name], self.made[name]
        assert own.is_floating_point() == made.is_floating_point(), f"{name} is made of {made.dtype}, not {own.dtype}"
        return torch.cat([own, made])


@dataclass(frozen=True, kw_only=True)
class Hooks(Stage):
    """Empirical risk minimisation, and the hooks by which a method differs from it.

    Each hook is pure. `outputs` is per example and `loss` per batch, so that a batch can be divided
    among devices; every float field may differ between the replicas of a stack.
    weighs: whether the loss heeds the column `weight`; where it does not, class weights are refused.
    holds: columns of the data set with more than a number for each example, besides x, that batches are to hold.
    """

    weighs: ClassVar[bool] = True
    holds: ClassVar[tuple[str, ...]] = ()

    @property
    def losses(self) -> int:
        """How many losses `loss` gives; of several, `combine` makes one gradient."""
        return 1

    def chain(self, dataset: Dataset) -> Stage:
        """A stage that trains can be a whole method."""
        return self

    def check(self, dataset: Dataset) -> None:
        """Raise BadInput if the stage cannot serve the data set."""

    def view(self, setting: Setting, generator: torch.Generator, before: dict[str, Artifact]) -> View:
        """The training examples of one replica; `generator` is the replica's own."""
        return View(torch.arange(len(setting.dataset.train["y"])))

    def order(self, rows: Tensor, dataset: Dataset, generator: torch.Generator) -> Tensor:
        """The view's rows as one epoch visits them; batches are cut from it."""
        return rows[torch.randperm(len(rows), generator=generator)]

    def state(self, setting: Setting) -> Tensors:
        """What batches update, by name, before the first of them."""
        return {}

    def update_state(self, state: Tensors, outputs: Tensors, batch: Tensors) -> Tensors:
        """The state after the whole batch, before its loss, which finds it in `batch`. No gradient goes through it."""
        return state

    def fresh_columns(self, size: int, dataset: Dataset, generator: torch.Generator) -> Tensors:
        """Further columns that are drawn anew for every batch of `size` examples."""
        return {}

    def evaluation_columns(self, split: Tensors) -> Tensors:
        """Further columns with which the trained network is evaluated on a split."""
        return {}

    def inputs(self, batch: Tensors) -> Tensor:
        """What the network is given, with axis 0 the example."""
        return batch["x"]

    def heads(self, features: int, dataset: Dataset) -> dict[str, nn.Module]:
        """Networks trained beside the main one, such as an adversary."""
        return {}

    def rate(self, parameter: str) -> float:
        """By how much the learning rate of a parameter, named like main.head.weight, is multiplied.

        With 0 it stays as it starts, and so do the running statistics of a module of which all parameters do.
        """
        return 1.0

    def fixed(self, nets: nn.ModuleDict) -> set[str]:
        """The parameters, by name, that stay as they start."""
        return {name for name, _ in nets.named_parameters() if self.rate(name) == 0}

    def outputs(self, nets: nn.ModuleDict, batch: Tensors) -> Tensors:
        """Of each example on its own; `logits` is what predictions are made of."""
        return {"logits": nets["main"](self.inputs(batch))}

    def loss(self, nets: nn.ModuleDict, outputs: Tensors, batch: Tensors) -> Tensor:
        """Of the whole batch. `batch` has `progress` too, the share of the training that is behind."""
        return weighted_mean(error(outputs["logits"], batch["y"]), batch)

    def combine(self, parameter: str, gradients: Tensor) -> Tensor:
        """The gradient along which a parameter moves. gradients: of each loss, with axes (loss, ...)."""
        raise NotImplementedError(f"{type(self).__name__} has {self.losses} losses and must combine their gradients")

    def build(self, setting: Setting) -> nn.ModuleDict:
        """The networks, freshly initialised by torch's global generator."""
        one = setting.dataset.shown({name: tensor[:1] for name, tensor in setting.dataset.train.items()})
        main = setting.network.build(
            tuple(self.inputs(one | self.evaluation_columns(one)).shape[1:]), setting.dataset.outputs
        )
        return nn.ModuleDict({"main": main, **self.heads(main.features, setting.dataset)})

    def with_floats(self, values: dict[str, Any]) -> Self:
        """Itself with other values, possibly tensors under vmap, for its float fields."""
        return replace(self, **values)

    @property
    def floats(self) -> dict[str, float]:
        return {name: value for name, value in self.hyperparameters.items() if isinstance(value, float)}


def encode_and_classify(main: nn.Module, x: Tensor) -> Tensors:
    """The feature layer and the logits of each example, encoded once."""
    features = main.encode(x)  # type: ignore[operator]
    return {"features": features, "logits": main.head(features)}  # type: ignore[operator]


def error(outputs: Tensor, y: Tensor) -> Tensor:
    """The loss of each example: cross-entropy to an integer label, the squared error to a number."""
    if y.is_floating_point():
        return (outputs[:, 0] - y) ** 2
    return F.cross_entropy(outputs, y, reduction="none")


def weighted_mean(values: Tensor, batch: Tensors) -> Tensor:
    """The mean over a batch, by the column `weight` where there is one. values: axis 0 the example."""
    if "weight" not in batch:
        return values.mean()
    each = values.reshape(len(values), -1).mean(1)
    return (batch["weight"] * each).sum() / batch["weight"].sum()
