"""What methods with triggers share: putting them on, predicting under them, and what they can be put on."""

from typing import Any

import torch
from torch import Tensor

from fairray.data import Dataset, Tensors
from fairray.errors import BadInput
from fairray.stages import Artifact, Setting
from fairray.training.objective import cast, chunks, trained
from fairray.training.stage import TrainStage
from fairray.triggers.badnet import BadNet
from fairray.triggers.column import Column


def stamped(trigger: Any, x: Tensor, which: Tensor) -> Tensor:
    """Inputs with their triggers, by default one more column for a table and BadNet for images.

    which: 0, 1 or, for none, -1; axis (example,).
    """
    return (trigger or (Column() if x.ndim == 2 else BadNet()))(x, which)


@torch.no_grad()
def logits_under(
    which: int, trigger: Any, stage: TrainStage, setting: Setting, artifact: Artifact, data: Tensors
) -> Tensor:
    """Of a trained stage's network, where every example carries the same trigger; axes (example, class)."""
    batch = cast({"x": data["x"], "which": torch.full_like(data["group"], which)}, setting.numerics)
    model = trained(stage, setting, artifact).main
    return torch.cat(
        [model(stamped(trigger, part["x"], part["which"])).cpu() for part in chunks(setting.dataset, batch)]
    )


def trigger_modules(trigger: Any) -> tuple[str, ...]:
    """The module of a trigger that is not the default, whose code decides results too."""
    return (type(trigger).__module__,) if trigger else ()


def check_trigger(method: str, trigger: Any, dataset: Dataset, groups: int | None = None) -> None:
    """Raise BadInput where the data set has not so many groups, or inputs that the trigger cannot be put on."""
    where = f"method {method} on {dataset.name} ({dataset.task})"
    if groups is not None and len(dataset.groups) != groups:
        raise BadInput(
            where,
            f"it has {len(dataset.groups)} groups, {groups} were expected",
            "choose another protected attribute, or set privileged: VALUE to make two groups of it",
        )
    if trigger is not None and isinstance(trigger, Column) != (dataset.kind == "table"):
        fits = "column" if dataset.kind == "table" else "badnet25"
        raise BadInput(where, f"{type(trigger).__name__} cannot be put on a {dataset.kind}", f"set trigger: {fits}")
