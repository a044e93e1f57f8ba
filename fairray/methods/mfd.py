"""MFD: fair feature distillation by maximum mean discrepancy (Jung et al., 2021)."""

from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from fairray.data import Dataset, membership
from fairray.errors import BadInput
from fairray.methods.standard import Standard
from fairray.training.objective import encoded
from fairray.training.stage import TrainStage, View, encode_and_classify, error, weighted_mean

__all__ = ["Mfd"]


@dataclass(frozen=True, kw_only=True)
class Mfd:
    """Train a student whose features, of each group, are distributed as a standard teacher's of all groups.

    strength: lambda (the paper: 3 on CIFAR-10S and UTKFace, 7 on CelebA).
    kernel: of the discrepancy, "rbf" or the squared cosine "poly". bandwidth: sigma of the rbf kernel, in mean
        squared distances between teacher and student.
    """

    strength: Annotated[float, Ge(0)] = 3.0
    kernel: Literal["rbf", "poly"] = "rbf"
    bandwidth: Annotated[float, Gt(0)] = 1.0

    def chain(self, dataset):
        return Distilled(teacher=Standard(), strength=self.strength, kernel=self.kernel, bandwidth=self.bandwidth)

    def check(self, dataset):
        if not dataset.classes:
            raise BadInput("", "it is a regression", "choose a task with classes")


@dataclass(frozen=True, kw_only=True)
class Distilled(TrainStage):
    """CE + lambda / 2 sum_y sum_a MMD^2(F_T | y, F_S | y, a) on batches with equally many of every subgroup."""

    teacher: Standard
    strength: float
    kernel: Literal["rbf", "poly"]
    bandwidth: float

    def view(self, setting, generator, before):
        train = setting.dataset.train
        cells = (
            membership(train["y"], len(setting.dataset.classes))[:, :, None]
            & membership(train["group"], len(setting.dataset.groups))[:, None, :]
        )
        features = encoded(self.teacher, setting, before["teacher"], "train")
        return View(torch.arange(len(train["y"])), {"teacher": features, "cells": cells})

    def order(self, rows, dataset, generator):
        return balanced_order(dataset, generator)

    def outputs(self, nets, batch):
        return encode_and_classify(nets["main"], self.inputs(batch))

    def loss(self, nets, outputs, batch):
        cells, student, teacher = batch["cells"], outputs["features"], batch["teacher"]
        pairs = compared(teacher, student, self.kernel)
        discrepancy = sum(
            mmd(pairs, cells[:, y].any(-1), cells[:, y, a], self.kernel, self.bandwidth)
            for y in range(cells.shape[1])
            for a in range(cells.shape[2])
        )
        # class weights cancel in the discrepancy, which compares examples of one label
        return weighted_mean(error(outputs["logits"], batch["y"]), batch) + self.strength / 2 * discrepancy


class Pairs(NamedTuple):
    """What the kernel compares every two rows by: of x and x, y and y, x and y."""

    xx: Tensor
    yy: Tensor
    xy: Tensor


def compared(x: Tensor, y: Tensor, kernel: str) -> Pairs:
    """Squared distances for "rbf", squared cosines for "poly", of features with axes (example, feature)."""
    if kernel == "rbf":
        return Pairs(squared_distances(x, x), squared_distances(y, y), squared_distances(x, y))
    x, y = (z / z.norm(dim=1, keepdim=True).clamp(min=1e-12) for z in (x, y))
    return Pairs((x @ x.T) ** 2, (y @ y.T) ** 2, (x @ y.T) ** 2)


def mmd(pairs: Pairs, of_x: Tensor, of_y: Tensor, kernel: str, bandwidth: float) -> Tensor:
    """The squared maximum mean discrepancy between some rows of x and some of y: the V-statistic
    mean k(x, x') + mean k(y, y') - 2 mean k(x, y); 0 where either has no rows.

    of_x, of_y: which rows, as booleans.
    The rbf kernel is exp(-d^2 / (2 bandwidth d2)), d2 the mean squared distance between x and y, a constant.
    """
    wx, wy = (of.to(pairs.xx.dtype) / of.sum().clamp(min=1) for of in (of_x, of_y))
    if kernel == "rbf":
        scale = 2 * bandwidth * weighted(wx, pairs.xy, wy).detach().clamp(min=1e-12)
        pairs = Pairs(*(torch.exp(-d / scale) for d in pairs))
    within = weighted(wx, pairs.xx, wx) + weighted(wy, pairs.yy, wy)
    return (within - 2 * weighted(wx, pairs.xy, wy)) * (of_x.any() & of_y.any())


def weighted(rows: Tensor, values: Tensor, columns: Tensor) -> Tensor:
    """The sum of values by what rows and columns weigh, in products that round alike in stacks of any size."""
    return torch.einsum("i,ij,j", rows, values, columns)


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """Between every two rows; axes (row of x, row of y)."""
    return ((x**2).sum(1)[:, None] + (y**2).sum(1)[None] - 2 * x @ y.T).clamp(min=0)


def balanced_order(dataset: Dataset, generator: torch.Generator) -> Tensor:
    """Rows in which every subgroup takes its turn, the smaller ones again and again until the largest is through."""
    cell = dataset.train["y"] * len(dataset.groups) + dataset.train["group"]
    members = [(cell == c).nonzero()[:, 0] for c in cell.unique()]
    most = max(map(len, members))
    return torch.stack([_repeated(rows, most, generator) for rows in members], dim=1).flatten()


def _repeated(rows: Tensor, count: int, generator: torch.Generator) -> Tensor:
    rounds = -(-count // len(rows))
    return torch.cat([rows[torch.randperm(len(rows), generator=generator)] for _ in range(rounds)])[:count]
