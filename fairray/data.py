"""Labelled data with protected attributes, as named tensors."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple, Protocol

import torch
from torch import Tensor

from fairray import identity
from fairray.errors import BadInput
from fairray.measures import Problem

__all__ = [
    "EVALUATED", "SPLITS", "Column", "Dataset", "Problem", "Renderer", "Task", "Tensors", "cell_counts", "cell_weights",
    "membership",
]  # fmt: skip

Tensors = dict[str, Tensor]
SPLITS = ("train", "val", "test")
EVALUATED = SPLITS[1:]


class Renderer(Protocol):
    """A frozen dataclass that draws inputs from short descriptions, on the device that these are on."""

    def __call__(self, described: Tensor) -> Tensor:
        """Inputs of axes (..., *input) from descriptions of axes (..., number)."""


class Task(NamedTuple):
    """Labels that can be learnt. column: where each split has them; classes: what its integers stand for."""

    column: str
    classes: tuple[str, ...]


class Column(NamedTuple):
    """What some inputs of a table are made of. kind: "number" or "category"; missing: cells that hold nothing; width:
    how many inputs it makes, of a number a second one where there are gaps in training. mean, deviation: by which
    numbers are standardised; levels: the values that categories have in training."""

    name: str
    kind: str
    missing: int
    width: int
    mean: float = 0.0
    deviation: float = 1.0
    levels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dataset:
    """One task: inputs, labels and the protected attribute of three splits.

    train, val, test: tensors by name, axis 0 the example: ``x`` inputs, ``y`` labels (int, or float to be
        regressed), ``group`` the protected attribute (int), ``id`` sample ids, ``weight`` what each example counts, if
        they do not count alike, and what else a method needs.
    classes, groups: what the integers of ``y`` and ``group`` stand for; without classes, ``y`` is a number.
    kind: "table", with x of axes (example, feature), or "image": uint8 RGB with axes (example, 3, height, width).
    target, protected: what ``y`` and ``group`` are called. others: further tasks, as the name of the column that has
        their labels and what its integers stand for.
    render: makes the inputs where ``x`` only describes them, with axes (example, number); see `shown`.
    covariate: a number of each group on which its accuracy is regressed, such as a country's log GDP per capita, if
        there is one; covariate_name: what it is, with its unit. groups_on: the images on which the groups' accuracies
        are taken for that, those of a split alone ("split"), or of the splits before it too ("all").
    unit: what 1 of a ``y`` that is a number is in the target's own unit, in which its errors are measured; zero: what
        0 is there.
    columns: what ``x`` of a table is made of. notes: what its reader should know; of no weight for any result.
    """

    name: str
    task: str
    train: Tensors
    val: Tensors
    test: Tensors
    classes: tuple[str, ...]
    groups: tuple[str, ...]
    kind: Literal["table", "image"] = "table"
    target: str = "label"
    protected: str = "group"
    others: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    render: Renderer | None = None
    covariate: tuple[float, ...] = ()
    covariate_name: str = ""
    groups_on: Literal["split", "all"] = "split"
    unit: float = 1.0
    zero: float = 0.0
    columns: tuple[Column, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def problem(self) -> Problem:
        """What is to be predicted."""
        if not self.classes:
            return "regression"
        return "binary" if len(self.classes) == 2 else "multiclass"

    @property
    def outputs(self) -> int:
        """How many numbers a network gives for each example."""
        return len(self.classes) or 1

    @property
    def tasks(self) -> dict[str, Task]:
        """Everything that is labelled, by name: the target first, then the protected attribute, then the others."""
        named = {self.target: Task("y", self.classes), self.protected: Task("group", self.groups)}
        named |= {name: Task(name, classes) for name, classes in self.others.items()}
        return {name: task for name, task in named.items() if len(task.classes) > 1}

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one input."""
        return tuple(self.shown({"x": self.train["x"][:1]})["x"].shape[1:])

    def shown(self, batch: Tensors) -> Tensors:
        """The batch with the inputs themselves for ``x``, whatever axes come before that of the description."""
        return batch if self.render is None else batch | {"x": self.render(batch["x"])}

    def split(self, name: str) -> Tensors:
        return {"train": self.train, "val": self.val, "test": self.test}[name]

    def counted(self, split: str) -> tuple[str, ...]:
        """The splits on which accuracies of groups are taken where a split is evaluated (`groups_on`)."""
        return SPLITS[: SPLITS.index(split) + 1] if self.groups_on == "all" else (split,)

    def group_sizes(self, split: str) -> Tensor:
        """How many examples of each group these are, with axis (group,)."""
        group = torch.cat([self.split(name)["group"] for name in self.counted(split)])
        return torch.bincount(group, minlength=len(self.groups))

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the content: equal data have equal fingerprints, wherever they came from."""
        said: list[Any] = [self.classes, self.groups, self.kind, [*self.tasks.items()], self.render]
        said += [self.covariate, self.groups_on] if self.covariate else []
        said += [self.unit] if self.unit != 1 else []
        code = identity.fingerprint(identity.modules(self.render))
        digest = hashlib.sha256(identity.digest([said, code]).encode())
        for name in SPLITS:
            for key, tensor in sorted(self.split(name).items()):
                digest.update(repr((name, key, tensor.dtype, tuple(tensor.shape))).encode())
                digest.update(tensor.contiguous().numpy().data)
        return digest.hexdigest()[:16]

    def checked(self, where: str) -> "Dataset":
        """Itself; BadInput where a split lacks a (label, group) subgroup, so that no rate is defined there."""
        labels = self.classes or ("any",)
        for name in SPLITS:
            empty = (cell_counts(self.split(name), len(labels), len(self.groups)) == 0).nonzero()
            if len(empty):
                label, group = labels[int(empty[0, 0])], self.groups[int(empty[0, 1])]
                raise BadInput(
                    where,
                    f"the {name} split has no example of the subgroup (label {label}, group {group})",
                    "give more data, or another target, protected attribute or split",
                )
        return self


def cell_counts(split: Mapping[str, Tensor], classes: int, groups: int) -> Tensor:
    """Number of examples of each subgroup, with axes (label, group); one class holds every number to be regressed."""
    return torch.bincount(_cell(split, groups), minlength=classes * groups).view(classes, groups)


def cell_weights(split: Mapping[str, Tensor], classes: int, groups: int) -> Tensor:
    """What the examples of each subgroup weigh together, as `cell_counts`; each 1 where the split has no weights."""
    if "weight" not in split:
        return cell_counts(split, classes, groups).double()
    cell = _cell(split, groups)
    return torch.bincount(cell, split["weight"].double(), minlength=classes * groups).view(classes, groups)


def _cell(split: Mapping[str, Tensor], groups: int) -> Tensor:
    """The number of each example's subgroup; in a regression all labels are one."""
    label = torch.zeros_like(split["group"]) if split["y"].is_floating_point() else split["y"]
    return label * groups + split["group"]


def membership(index: Tensor, size: int) -> Tensor:
    """One-hot rows as booleans; unlike ``F.one_hot`` it also works under vmap."""
    return index[..., None] == torch.arange(size, device=index.device)
