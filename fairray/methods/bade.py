"""BaDe: Backdoor for Debias (Wu et al., 2023), in its tabular form.

A trigger is implanted with a rate that depends on the label as the protected attribute does, so that
the teacher learns an artificial bias; at inference each group carries the trigger of the other, which
turns the artificial bias against the data's; a student without trigger is distilled from that.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt, Le
from torch import Tensor

from fairray.data import Dataset, Tensors, cell_counts
from fairray.errors import BadInput
from fairray.training.stage import TrainStage, View, weighted_mean
from fairray.triggers.column import stamp

__all__ = ["Bade"]


@dataclass(frozen=True, kw_only=True)
class Bade:
    """Train a teacher on D_backdoor, distil it on D_balance (Algorithm 1).

    strength: moves TAR(n) = P(trigger 0 | Y = n) from the marginal P(B = 0) at 0 to the data's own
        P(B = 0 | Y = n), the paper's rule, at 1.
    temperature: of the distillation.
    """

    strength: Annotated[float, Ge(0), Le(1)] = 1.0
    temperature: Annotated[float, Gt(0)] = 1.0

    def chain(self):
        return Student(teacher=Teacher(strength=float(self.strength)), temperature=float(self.temperature))

    def check(self, dataset):
        if dataset.kind != "table" or len(dataset.groups) != 2:
            raise BadInput(
                f"method bade on {dataset.name} ({dataset.task})",
                f"it is a {dataset.kind} with {len(dataset.groups)} groups; bade serves tables with two groups",
                "choose another protected attribute, or set privileged: VALUE to make two groups of it",
            )


@dataclass(frozen=True, kw_only=True)
class Teacher(TrainStage):
    """Learn from D_backdoor: each example carries exactly one trigger, drawn once per seed."""

    strength: float

    def view(self, dataset, generator, before):
        return View(torch.arange(len(dataset.train["y"])), {"trigger": backdoor(dataset, self.strength, generator)})

    def seen(self, split):
        return {"trigger": balance(split)}

    def inputs(self, batch):
        return stamp(batch["x"], batch["trigger"])


@dataclass(frozen=True, kw_only=True)
class Student(TrainStage):
    """See clean inputs, and imitate the teacher that sees D_balance."""

    temperature: float
    teacher: Teacher

    def view(self, dataset, generator, before):
        # The teacher is fixed and D_balance is too: its logits are computed once, not once an epoch.
        return View(torch.arange(len(dataset.train["y"])), {"teacher": before["teacher"].tensors["train/logits"]})

    def loss(self, outputs: Tensors, batch: Tensors) -> Tensor:
        return weighted_mean(distillation(outputs["logits"], batch["teacher"], self.temperature), batch)


def trigger_adding_rate(dataset: Dataset, strength: float) -> Tensor:
    """TAR(n), the share of trigger 0 among the training examples of label n; axis (label,)."""
    counts = cell_counts(dataset.train, len(dataset.classes), 2).double()
    conditional, marginal = counts[:, 0] / counts.sum(1), counts[:, 0].sum() / counts.sum()
    return strength * conditional + (1 - strength) * marginal


def backdoor(dataset: Dataset, strength: float, generator: torch.Generator) -> Tensor:
    """The trigger (0 or 1) of each training example of D_backdoor.

    Exactly a fraction TAR(n) of the examples of label n, chosen uniformly whatever their group, has trigger 0.
    """
    y = dataset.train["y"]
    trigger = torch.ones(len(y))
    order = torch.randperm(len(y), generator=generator)
    for label, rate in enumerate(trigger_adding_rate(dataset, strength)):
        of_label = order[y[order] == label]
        trigger[of_label[: round(float(rate) * len(of_label))]] = 0
    return trigger


def balance(split: Tensors) -> Tensor:
    """The triggers of D_balance: an example of group b carries trigger 1 - b."""
    return 1 - split["group"]


def distillation(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """KL(softmax(teacher / T) || softmax(student / T)) T^2 of each example (Hinton et al., 2015).

    student, teacher: logits with axes (example, class). T^2 keeps the gradients' size whatever T is.
    """
    target, guess = F.log_softmax(teacher / temperature, -1), F.log_softmax(student / temperature, -1)
    return F.kl_div(guess, target, reduction="none", log_target=True).sum(-1) * temperature**2
