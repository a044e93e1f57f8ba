"""Labelled data with protected attributes, as named tensors."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from fairray.errors import BadInput

__all__ = ["SPLITS", "Dataset", "Problem", "Tensors", "cell_counts", "membership"]

Tensors = dict[str, Tensor]
Problem = Literal["binary", "multiclass", "regression"]
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Dataset:
    """One task: inputs, labels and the protected attribute of three splits.

    train, val, test: tensors by name, axis 0 the example: ``x`` inputs, ``y`` labels (int, or float to be
        regressed), ``group`` the protected attribute (int), ``id`` sample ids, and what else a method needs.
    classes, groups: what the integers of ``y`` and ``group`` stand for; without classes, ``y`` is a number.
    kind: "table", with x of axes (example, feature), or "image": uint8 RGB with axes (example, 3, height, width).
    """

    name: str
    task: str
    train: Tensors
    val: Tensors
    test: Tensors
    classes: tuple[str, ...]
    groups: tuple[str, ...]
    kind: Literal["table", "image"] = "table"

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

    def split(self, name: str) -> Tensors:
        return {"train": self.train, "val": self.val, "test": self.test}[name]

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the content: equal data have equal fingerprints, wherever they came from."""
        digest = hashlib.sha256(repr((self.classes, self.groups, self.kind)).encode())
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
    label = torch.zeros_like(split["group"]) if split["y"].is_floating_point() else split["y"]
    return torch.bincount(label * groups + split["group"], minlength=classes * groups).view(classes, groups)


def membership(index: Tensor, size: int) -> Tensor:
    """One-hot rows as booleans; unlike ``F.one_hot`` it also works under vmap."""
    return index[..., None] == torch.arange(size, device=index.device)
