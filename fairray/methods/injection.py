"""How much does a backdoor need? Triggers on a few examples, some of them relabelled (BaDe, section 3 and Figure 2)."""

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge, Gt, Le

from fairray.data import EVALUATED
from fairray.errors import BadInput
from fairray.measures import Measure
from fairray.methods._triggered import check_trigger, logits_under, trigger_for
from fairray.records import join, rows
from fairray.stages import Artifact, Step
from fairray.training.stage import TrainStage, View
from fairray.triggers import TriggerField

__all__ = ["Injection"]


@dataclass(frozen=True, kw_only=True)
class Injection:
    """Put a trigger on a share of the training examples, and give a part of these the target label.

    triggered: the share that carries the trigger. ratio: the part of it that is relabelled, the paper's n.
    target: the label they are given. trigger: of fairray/triggers; by default one more column for a table, BadNet for
        images.
    """

    triggered: Annotated[float, Gt(0), Le(1)] = 0.05
    ratio: Annotated[float, Ge(0), Le(1)] = 1.0
    target: Annotated[int, Ge(0)] = 0
    trigger: TriggerField | None = None

    def chain(self, dataset):
        trigger = trigger_for(dataset, self.trigger)
        return Gap(model=Poisoned(triggered=self.triggered, ratio=self.ratio, target=self.target, trigger=trigger))

    def check(self, dataset):
        check_trigger(self.trigger, dataset)
        if self.target >= len(dataset.classes):
            raise BadInput(
                "target",
                f"{self.target} is none of its {len(dataset.classes)} classes",
                "choose a task with classes, and a target below their number",
            )


@dataclass(frozen=True, kw_only=True)
class Poisoned(TrainStage):
    """Learn from the poisoned examples among the clean ones; evaluated on clean data."""

    triggered: float
    ratio: float
    target: int
    trigger: TriggerField

    def view(self, setting, generator, before):
        y = setting.dataset.train["y"].clone()
        chosen = torch.randperm(len(y), generator=generator)[: round(self.triggered * len(y))]
        y[chosen[: round(self.ratio * len(chosen))]] = self.target
        which = torch.full_like(y, -1).index_fill(0, chosen, 0)
        return View(torch.arange(len(y)), {"trigger": which, "y": y})

    def evaluation_columns(self, split):
        return {"trigger": torch.full_like(split["y"], -1)}

    def inputs(self, batch):
        return self.trigger(batch["x"], batch["trigger"])


@dataclass(frozen=True, kw_only=True)
class Gap(Step):
    """Accuracy on clean data, on the same data under the trigger, and the gap between them."""

    measures = (Measure("triggered_accuracy"), Measure("gap", bounds=(-1.0, 1.0)))

    model: Poisoned

    def compute(self, setting, seed, before):
        tables = []
        for split in EVALUATED:
            data = setting.dataset.split(split)
            clean, under = (
                logits_under(which, self.model.trigger, self.model, setting, before["model"], data) for which in (-1, 0)
            )
            accuracy, triggered = (float((z.argmax(-1) == data["y"]).double().mean()) for z in (clean, under))
            values = {"accuracy": accuracy, "triggered_accuracy": triggered, "gap": accuracy - triggered}
            tables.append(rows(values, split=split))
        return Artifact({}, join(tables))
