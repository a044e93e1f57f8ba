"""What triggers do to a finished model (BaDe, Table 4): EAcc with none, with either on everybody or on one group."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal

import pandas as pd
from torch import Tensor

from fairray.data import EVALUATED, Dataset, Tensors
from fairray.errors import BadInput
from fairray.evaluation import measure_all, metrics
from fairray.methods._triggered import check_trigger, logits_under, trigger_for
from fairray.methods.bade import Student, Teacher
from fairray.methods.standard import Standard
from fairray.metrics import Metric, Predictions
from fairray.metrics.eacc import eacc
from fairray.records import join, rows
from fairray.stages import Artifact, Step
from fairray.training.stage import TrainStage
from fairray.triggers import TriggerField

__all__ = ["TriggerImpact"]


@dataclass(frozen=True, kw_only=True)
class TriggerImpact:
    """Evaluate a model on seven combinations of data and trigger.

    model: the standard one, BaDe's teacher, or its student. trigger: of fairray/triggers; by default BadNet.
    """

    model: Literal["standard", "teacher", "student"] = "student"
    trigger: TriggerField | None = None

    def chain(self, dataset):
        trigger = trigger_for(dataset, self.trigger)
        teacher = Teacher(trigger=trigger)
        models: dict[str, TrainStage] = {
            "standard": Standard(),
            "teacher": teacher,
            "student": Student(teacher=teacher, temperature=1.0, mse=0.0),
        }
        return Impact(model=models[self.model], trigger=trigger, metrics=tuple(metrics(dataset.problem).values()))

    def check(self, dataset):
        check_trigger(self.trigger, dataset, groups=2)
        if dataset.kind != "image" or dataset.problem != "binary":
            raise BadInput(
                "",
                f"it is a {dataset.problem} {dataset.kind}; only images can be shown with and without trigger",
                "choose a binary task of images",
            )


@dataclass(frozen=True, kw_only=True)
class Impact(Step):
    """All metrics on clean data, and EAcc under either trigger (in the column trigger), of all and of each group."""

    model: TrainStage
    trigger: TriggerField
    metrics: tuple[Metric, ...]

    def compute(self, setting, seed, before):
        tables = []
        for split in EVALUATED:
            data = setting.dataset.split(split)
            logits = {t: logits_under(t, self.trigger, self.model, setting, before["model"], data) for t in (-1, 0, 1)}
            tables += measure_all(_seen(logits[-1], data), self.metrics, setting.dataset.groups, split=split)
            tables += _under_triggers(logits, data, setting.dataset, split)
        return Artifact({}, join(tables))


def _seen(logits: Tensor, data: Tensors) -> Predictions:
    return Predictions(logits[None], data["y"], data["group"], 2)


def _under_triggers(logits: dict[int, Tensor], data: Tensors, dataset: Dataset, split: str) -> Iterator[pd.DataFrame]:
    for trigger in (0, 1):
        yield rows({"eacc": eacc(_seen(logits[trigger], data))}, split=split, trigger=str(trigger))
    for group, trigger in product((1, 0), (0, 1)):
        of = data["group"] == group
        seen = Predictions(logits[trigger][None, of], data["y"][of], 0 * data["y"][of], 1)
        yield rows({"eacc": eacc(seen)}, split=split, trigger=str(trigger), group=dataset.groups[group])
