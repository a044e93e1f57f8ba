"""Undersampling (Zhou & Liu, 2006), as fairness work uses it: on the (label, group) subgroups."""

from dataclasses import dataclass

import torch

from fairray.data import cell_counts
from fairray.errors import BadInput
from fairray.training.stage import TrainStage, View

__all__ = ["Undersampling"]


@dataclass(frozen=True, kw_only=True)
class Undersampling(TrainStage):
    """Keep of every subgroup as many examples as the smallest has, drawn once per seed."""

    def check(self, dataset):
        if not dataset.classes:
            raise BadInput("", "it is a regression", "choose a task with classes")

    def view(self, setting, generator, before):
        dataset = setting.dataset
        y, group, groups = dataset.train["y"], dataset.train["group"], len(dataset.groups)
        least = int(cell_counts(dataset.train, len(dataset.classes), groups).min())
        cell = y * groups + group
        order = torch.randperm(len(y), generator=generator)
        kept = [order[cell[order] == c][:least] for c in cell.unique()]
        return View(torch.cat(kept))
