"""Data sets with labels of several tasks: one is the target, one may be protected, the others stay beside them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from fairray.data import Tensors
from fairray.datasets._images import pick, split_by_stratum
from fairray.errors import BadInput


@dataclass(frozen=True)
class Roles:
    """classes: of every task. target, protected: the names of two of them; without a protected one, all are one group.

    Raises BadInput where both are the same task; `where` names the data set.
    """

    where: str
    classes: Mapping[str, tuple[str, ...]]
    target: str
    protected: str | None

    def __post_init__(self):
        if self.target == self.protected:
            problem = f"target and protected are both {self.target}"
            raise BadInput(f"{self.where} (protected)", problem, f"choose two of {', '.join(self.classes)}")

    def columns(self, labels: Tensors) -> Tensors:
        """The columns of a split. labels: of every task, by name, with axis (example,)."""
        y = labels[self.target]
        group = torch.zeros_like(y) if self.protected is None else labels[self.protected]
        return {"y": y, "group": group, **{name: labels[name] for name in self.others}}

    def cells(self, labels: Tensors) -> np.ndarray:
        """Which combination of the labels of all tasks each example has, as a number from 0, whatever their roles."""
        sizes = tuple(map(len, self.classes.values()))
        return np.ravel_multi_index(tuple(labels[name].numpy() for name in self.classes), sizes)

    def splits(
        self, columns: Tensors, labels: Tensors, kept: np.ndarray, shares: tuple[float, float], seed: int
    ) -> tuple[Tensors, Tensors, Tensors]:
        """The rows `kept` as train, val and test, which are the same ones whatever the roles.

        columns: of all rows, but for those of the tasks. shares: of every combination of labels that validation and
            test have; train has the rest.
        """
        whole = columns | self.columns(labels)
        parts = split_by_stratum(self.cells(labels)[kept], shares, seed, f"{self.where} (validation, test)")
        val, test, train = (pick(whole, kept[rows]) for rows in parts)
        return train, val, test

    @property
    def others(self) -> dict[str, tuple[str, ...]]:
        return {name: of for name, of in self.classes.items() if name not in (self.target, self.protected)}

    @property
    def fields(self) -> dict[str, Any]:
        """What a `Dataset` says of its tasks."""
        said = {"target": self.target, "classes": self.classes[self.target], "others": self.others}
        if self.protected is None:
            return said | {"task": self.target, "groups": ("all",)}
        groups = self.classes[self.protected]
        return said | {"task": f"{self.target} ~ {self.protected}", "groups": groups, "protected": self.protected}
