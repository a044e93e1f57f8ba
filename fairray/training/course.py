"""How far the training of a pack is, and how it is taken up again."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler

from fairray.data import Tensors
from fairray.stages import Replica
from fairray.training.objective import generator

__all__ = ["Course"]


class Resumable(Protocol):
    """What takes the steps."""

    def reached(self) -> list[Tensors]: ...
    def resume(self, states: Sequence[Tensors]) -> None: ...


class Course:
    """What the rest of a training depends on, besides what the engine holds.

    epoch: that is under way; losses: of its batches so far, each with axis (replica,). generators: draw the orders, and
    what is fresh in each batch. curves: by name, of the epochs before, with axes (epoch, replica). states: of each
    replica, by epoch, what may be kept at the end.
    """

    def __init__(self, replicas: Sequence[Replica]):
        self.device = replicas[0].setting.numerics.device
        self.generators = [generator(replica, "order") for replica in replicas]
        self.states: list[dict[int, Tensors]] = [{} for _ in replicas]
        self.curves: Tensors = {}
        self.losses: list[Tensor] = []
        self._begin(0)

    @property
    def taken(self) -> int:
        """How many batches of the epoch were taken."""
        return len(self.losses)

    def end_epoch(self, validation: Mapping[str, Tensor]) -> None:
        """validation: by metric, with axis (replica,)."""
        # with the digits of doubles the sum of floats is exact, in whatever order a stack of this size adds
        found = {"loss": torch.stack(self.losses).double().mean(0).cpu(), **validation}
        self.curves = {name: torch.stack([*self.curves.get(name, ()), value]) for name, value in found.items()}
        self._begin(self.epoch + 1)

    def describe(self, engine: Resumable) -> list[dict[str, Any]]:
        """Of each replica how far it is, whoever else is in the pack."""
        losses = torch.stack(self.losses) if self.losses else torch.empty(0, len(self.states))
        return [
            {
                "epoch": self.epoch,
                "taken": self.taken,
                "losses": losses[:, r],
                "order": self.orders[r],
                "curves": {name: curve[:, r] for name, curve in self.curves.items()},
                "states": self.states[r],
                "engine": state,
            }
            for r, state in enumerate(engine.reached())
        ]

    def resume(self, reached: Sequence[Mapping[str, Any]], engine: Resumable, schedule: LRScheduler) -> None:
        """Go on from what was described of each replica, all of them equally far; engine and schedule are new."""
        engine.resume([one["engine"] for one in reached])
        for own, one in zip(self.generators, reached, strict=True):
            own.set_state(one["order"])
        self.states = [one["states"] for one in reached]
        self.curves = {name: torch.stack([one["curves"][name] for one in reached], 1) for name in reached[0]["curves"]}
        self._begin(reached[0]["epoch"])
        losses = torch.stack([one["losses"] for one in reached], 1)
        self.losses = [*losses.to(self.device)]
        schedule.load_state_dict({"_step_count": 2})  # else it warns, as it has not seen the steps before
        for _ in range(self.epoch):
            schedule.step()

    def _begin(self, epoch: int) -> None:
        self.epoch = epoch
        self.losses = []
        self.orders = [own.get_state() for own in self.generators]
