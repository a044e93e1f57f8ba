"""Is an implanted bias as strong as the data's? (BaDe, section 3 and Figure 3)"""

from dataclasses import dataclass

import torch

from fairray.data import EVALUATED, Tensors
from fairray.measures import Measure
from fairray.methods._triggered import check_trigger, logits_under, trigger_for
from fairray.methods.bade import Teacher
from fairray.methods.standard import Standard
from fairray.metrics import Predictions
from fairray.metrics.eacc import eacc
from fairray.metrics.odds import odds
from fairray.records import join, rows
from fairray.stages import Artifact, Setting, Step
from fairray.triggers import TriggerField

__all__ = ["ArtificialBias"]


@dataclass(frozen=True, kw_only=True)
class ArtificialBias:
    """Compare a standard model's bias between groups with a teacher's between triggers.

    The triggers are implanted at the rate at which the groups occur: P(trigger 0 | Y) = P(B = 0 | Y).

    trigger: of fairray/triggers; by default one more column for a table, BadNet for images.
    """

    trigger: TriggerField | None = None

    def chain(self, dataset):
        return Biases(standard=Standard(), teacher=Teacher(trigger=trigger_for(dataset, self.trigger)))

    def check(self, dataset):
        check_trigger(self.trigger, dataset, groups=2)


@dataclass(frozen=True, kw_only=True)
class Biases(Step):
    """Odds and EAcc of the standard model between groups (data_bias, eacc), and of the teacher's between triggers
    (artificial_bias, artificial_eacc)."""

    measures = (
        Measure("data_bias", best="low", by_group=True),
        Measure("artificial_bias", best="low", by_group=True),
        Measure("artificial_eacc", "EAcc between triggers", by_group=True),
    )

    standard: Standard
    teacher: Teacher

    def compute(self, setting, seed, before):
        tables = []
        for split in EVALUATED:
            data = setting.dataset.split(split)
            seen = Predictions(before["standard"].tensors[f"{split}/logits"][None], data["y"], data["group"], 2)
            triggered = under_triggers(self.teacher, setting, before["teacher"], data)
            biases = {"data_bias": odds(seen), "artificial_bias": odds(triggered)}
            values = {**biases, "eacc": eacc(seen), "artificial_eacc": eacc(triggered)}
            tables.append(rows(values, split=split))
        return Artifact({}, join(tables))


def under_triggers(teacher: Teacher, setting: Setting, artifact: Artifact, data: Tensors) -> Predictions:
    """Every example under each of the two triggers, which take the place of the groups."""
    logits = [logits_under(t, teacher.trigger, teacher, setting, artifact, data) for t in (0, 1)]
    which = torch.tensor([0, 1]).repeat_interleave(len(data["y"]))
    return Predictions(torch.cat(logits)[None], data["y"].repeat(2), which, 2)
