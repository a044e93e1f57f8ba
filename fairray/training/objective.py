"""A training stage bound to its networks: one forward pass is one loss."""

import hashlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from fairray.data import Tensors
from fairray.stages import Numerics, Replica
from fairray.training.stage import TrainStage

__all__ = ["Objective", "cast", "generator", "objective"]


class Objective(nn.Module):
    """What vmap, autograd and DistributedDataParallel wrap.

    gather: joins tensors by example across devices, so that the loss sees the whole batch: a group
        statistic computed by each device on its own would be another objective.
    """

    def __init__(self, stage: TrainStage, nets: nn.ModuleDict, numerics: Numerics):
        super().__init__()
        self.stage, self.nets, self.numerics = stage, nets, numerics
        self.gather: Callable[[Tensors], Tensors] = lambda tensors: tensors

    def forward(self, batch: Tensors, floats: dict[str, Any], predict: bool = False) -> Tensor:
        """The loss of a batch, or its logits. floats: values for the stage's float fields."""
        stage = self.stage.with_floats(floats)
        with torch.autocast(self.numerics.device, torch.bfloat16, enabled=self.numerics.dtype == "bfloat16"):
            outputs = stage.outputs(self.nets, batch)
        outputs = cast(outputs, self.numerics)
        return outputs["logits"] if predict else stage.loss(self.gather(outputs), self.gather(batch))


def objective(replica: Replica) -> Objective:
    """The replica's objective, initialised by its seed and placed on its device."""
    stage, setting = replica.stage, replica.setting
    assert isinstance(stage, TrainStage)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_derived(replica, "initial weights"))
        nets = stage.build(setting)
    dtype = torch.float64 if setting.numerics.dtype == "float64" else torch.float32
    return Objective(stage, nets.to(setting.numerics.device, dtype), setting.numerics)


def generator(replica: Replica, purpose: str) -> torch.Generator:
    """The replica's own stream of random numbers, which no other replica or purpose shares."""
    return torch.Generator().manual_seed(_derived(replica, purpose))


def cast(tensors: Tensors, numerics: Numerics) -> Tensors:
    """Tensors on the device, floating ones in the dtype of parameters."""
    dtype = torch.float64 if numerics.dtype == "float64" else torch.float32
    return {
        name: tensor.to(numerics.device, dtype if tensor.is_floating_point() else tensor.dtype)
        for name, tensor in tensors.items()
    }


def _derived(replica: Replica, purpose: str) -> int:
    text = f"{replica.seed} {replica.stage.name} {purpose}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7])
