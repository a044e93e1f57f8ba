"""BaDe: Backdoor for Debias (Wu et al., 2023).

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

from fairray.data import Dataset, Tensors, cell_weights
from fairray.errors import BadInput
from fairray.methods._triggered import check_trigger, trigger_for
from fairray.training.stage import TrainStage, View, weighted_mean
from fairray.triggers import TriggerField

__all__ = ["Bade"]

Share = Annotated[float, Ge(0), Le(1)]


@dataclass(frozen=True, kw_only=True)
class Bade:
    """Train a teacher on D_backdoor, distil it on D_balance (Algorithm 1).

    strength: moves TAR(n) = P(trigger 0 | Y = n) from the marginal P(B = 0) at 0 to the data's own
        P(B = 0 | Y = n), the paper's rule, at 1. In a regression the rate is P(B = 0).
    tar_negative, tar_positive: TAR of the two labels, set by hand instead (Figure 5).
    temperature: of the distillation. mse: share of the squared error between logits in its loss; the
        rest is the divergence at `temperature` (Table 6).
    trigger: of fairray/triggers; by default one more column for a table, BadNet for images.
    """

    strength: Share = 1.0
    tar_negative: Share | None = None
    tar_positive: Share | None = None
    temperature: Annotated[float, Gt(0)] = 1.0
    mse: Share = 0.0
    trigger: TriggerField | None = None

    def chain(self, dataset):
        teacher = Teacher(
            strength=self.strength,
            tar_negative=self.tar_negative,
            tar_positive=self.tar_positive,
            trigger=trigger_for(dataset, self.trigger),
        )
        return Student(teacher=teacher, temperature=self.temperature, mse=self.mse)

    def check(self, dataset):
        check_trigger(self.trigger, dataset, groups=2)
        given = [rate for rate in (self.tar_negative, self.tar_positive) if rate is not None]
        if given and (len(given) == 1 or dataset.problem != "binary"):
            raise BadInput(
                "",
                "tar_negative and tar_positive are the rates of two labels",
                "give both of them, on a binary task, or neither",
            )


@dataclass(frozen=True, kw_only=True)
class Teacher(TrainStage):
    """Learn from D_backdoor: each example carries exactly one trigger, drawn once per seed."""

    heeds_weights = True

    strength: float = 1.0
    tar_negative: float | None = None
    tar_positive: float | None = None
    trigger: TriggerField

    def view(self, setting, generator, before):
        rates = trigger_adding_rate(setting.dataset, self.strength)
        if self.tar_negative is not None and self.tar_positive is not None:
            rates = torch.tensor([self.tar_negative, self.tar_positive])
        rows = torch.arange(len(setting.dataset.train["y"]))
        return View(rows, {"trigger": backdoor(setting.dataset, rates, generator)})

    def evaluation_columns(self, split):
        return {"trigger": balance(split)}

    def inputs(self, batch):
        return self.trigger(batch["x"], batch["trigger"])


@dataclass(frozen=True, kw_only=True)
class Student(TrainStage):
    """See clean inputs, and imitate the teacher that sees D_balance."""

    heeds_weights = True

    temperature: float
    mse: float
    teacher: Teacher

    def view(self, setting, generator, before):
        # The teacher is fixed and D_balance is too: its logits are computed once, not once an epoch.
        rows = torch.arange(len(setting.dataset.train["y"]))
        return View(rows, {"teacher": before["teacher"].tensors["train/logits"]})

    def loss(self, nets, outputs, batch):
        student, teacher = outputs["logits"], batch["teacher"]
        squares = ((student - teacher) ** 2).mean(-1)
        if student.shape[-1] == 1:  # a regression has no distribution to imitate
            return weighted_mean(squares, batch)
        divergence = distillation(student, teacher, self.temperature)
        return weighted_mean((1 - self.mse) * divergence + self.mse * squares, batch)


def trigger_adding_rate(dataset: Dataset, strength: float) -> Tensor:
    """TAR(n), the share of trigger 0 among the training examples of label n; axis (label,), one for a regression."""
    counts = cell_weights(dataset.train, dataset.outputs, 2)
    conditional, marginal = counts[:, 0] / counts.sum(1), counts[:, 0].sum() / counts.sum()
    return strength * conditional + (1 - strength) * marginal


def backdoor(dataset: Dataset, rates: Tensor, generator: torch.Generator) -> Tensor:
    """The trigger (0 or 1) of each training example of D_backdoor.

    Exactly a fraction rates[n] of the examples of label n, chosen uniformly whatever their group, has trigger 0.
    """
    y = dataset.train["y"] if dataset.classes else torch.zeros_like(dataset.train["group"])
    trigger = torch.ones_like(y)
    order = torch.randperm(len(y), generator=generator)
    for label, rate in enumerate(rates):
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
