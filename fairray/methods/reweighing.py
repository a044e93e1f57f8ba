"""Reweighing (Kamiran & Calders, 2012, https://doi.org/10.1007/s10115-011-0463-8)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from fairray.data import Dataset, cell_weights
from fairray.errors import BadInput
from fairray.training.stage import TrainStage, View

__all__ = ["Reweighing"]


@dataclass(frozen=True, kw_only=True)
class Reweighing(TrainStage):
    """Weigh the examples so that label and group are independent."""

    heeds_weights = True

    def check(self, dataset):
        if not dataset.classes:
            raise BadInput("", "it is a regression", "choose a task with classes")

    def view(self, setting, generator, before):
        dataset = setting.dataset
        rows = torch.arange(len(dataset.train["y"]))
        return View(rows, {"weight": weights(dataset)})


def weights(dataset: Dataset) -> Tensor:
    """P(B = b) P(Y = y) / P(B = b, Y = y) of each training example; they sum to the number of examples.

    Where examples have weights, probabilities are by these, and both weights are multiplied.
    """
    counts = cell_weights(dataset.train, len(dataset.classes), len(dataset.groups))
    expected = counts.sum(0, keepdim=True) * counts.sum(1, keepdim=True) / counts.sum()
    return (expected / counts)[dataset.train["y"], dataset.train["group"]]
