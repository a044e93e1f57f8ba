"""Group DRO: minimise the loss of the worst subgroup (Sagawa et al., 2020, Algorithm 1)."""

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from fairray.data import Tensors, cell_counts, membership
from fairray.errors import BadInput
from fairray.training.stage import TrainStage, View, error

__all__ = ["GroupDro"]


@dataclass(frozen=True, kw_only=True)
class GroupDro(TrainStage):
    """Minimise sum_g q_g l_g over the (label, group) subgroups, whose weights q rise with their losses.

    by_label: whether subgroups are of one label; otherwise they are the groups, as where there are too many for that.
    step_size: eta_q of the exponentiated ascent of q. adjustment: C; C / sqrt(n_g) is added to the loss of a subgroup
        of n_g training examples where q is updated (section 3.3).
    """

    weighs = False  # a class weight would cancel in the mean loss of a subgroup, whose examples have one label

    by_label: bool = True
    step_size: Annotated[float, Gt(0)] = 0.01
    adjustment: Annotated[float, Ge(0)] = 0.0

    def check(self, dataset):
        if not dataset.classes:
            raise BadInput("", "it is a regression", "choose a task with classes")
        if self.by_label:
            dataset.checked(f"{dataset.name} ({dataset.task})")  # a subgroup without examples has no loss

    def view(self, setting, generator, before):
        train = setting.dataset.train
        cell = train["y"] * len(setting.dataset.groups) * self.by_label + train["group"]
        return View(torch.arange(len(cell)), {"cell": cell})

    def state(self, setting):
        """q and n_g of each cell, which is label x groups + group, or the group; uniform weights."""
        dataset = setting.dataset
        counts = cell_counts(dataset.train, len(dataset.classes), len(dataset.groups)).double()
        counts = counts.flatten() if self.by_label else counts.sum(0)
        return {"q": torch.full_like(counts, 1 / len(counts)), "n": counts}

    def update_state(self, state, outputs, batch):
        adjusted = cell_losses(outputs["logits"], batch, len(state["q"])) + self.adjustment / state["n"].sqrt()
        risen = state["q"] * torch.exp(self.step_size * adjusted)
        return state | {"q": risen / risen.sum()}

    def loss(self, nets, outputs, batch):
        return (batch["q"] * cell_losses(outputs["logits"], batch, len(batch["q"]))).sum()


def cell_losses(logits: Tensor, batch: Tensors, cells: int) -> Tensor:
    """The mean loss of the batch's examples of each cell, with axis (cell,); 0 where it has none."""
    member = membership(batch["cell"], cells).to(logits.dtype)
    return error(logits, batch["y"]) @ member / member.sum(0).clamp(min=1)
