"""What methods with triggers share: putting them on, predicting under them, and what they can be put on."""

import torch
from torch import Tensor

from fairray.data import Dataset, Tensors
from fairray.errors import BadInput
from fairray.stages import Artifact, Setting
from fairray.training.objective import trained
from fairray.training.stage import TrainStage
from fairray.training.streams import chunks
from fairray.triggers import Trigger
from fairray.triggers.badnet import BadNet
from fairray.triggers.column import Column


def trigger_for(dataset: Dataset, trigger: Trigger | None) -> Trigger:
    """The trigger, or the default: one more column for a table, BadNet for images."""
    return trigger or (Column() if dataset.kind == "table" else BadNet())


@torch.no_grad()
def logits_under(
    which: int, trigger: Trigger, stage: TrainStage, setting: Setting, artifact: Artifact, data: Tensors
) -> Tensor:
    """Of a trained stage's network, where every example carries the same trigger; axes (example, class)."""
    batch = {"x": data["x"], "which": torch.full_like(data["group"], which)}
    model, parts = trained(stage, setting, artifact).main, chunks(setting.dataset, batch, setting.numerics)
    return torch.cat([model(trigger(part["x"], part["which"])).cpu() for part in parts])


def check_trigger(trigger: Trigger | None, dataset: Dataset, groups: int | None = None) -> None:
    """Raise BadInput where the data set has not so many groups, or inputs that the trigger cannot be put on."""
    if groups is not None and len(dataset.groups) != groups:
        raise BadInput(
            "",
            f"it has {len(dataset.groups)} groups, {groups} were expected",
            "choose another protected attribute, or set privileged: VALUE to make two groups of it",
        )
    if trigger is not None and isinstance(trigger, Column) != (dataset.kind == "table"):
        fits = "column" if dataset.kind == "table" else "badnet"
        raise BadInput("trigger", f"{type(trigger).__name__} cannot be put on a {dataset.kind}", f"set trigger: {fits}")
