"""Every seed goes on from the standard model of one seed."""

from dataclasses import dataclass

import torch

from fairray.methods.standard import Standard
from fairray.stages import Pinned
from fairray.training.objective import parameters
from fairray.training.stage import TrainStage, View

__all__ = ["Continued"]

SEVENTH = Pinned(Standard(), 7)


@dataclass(frozen=True, kw_only=True)
class Continued(TrainStage):
    """Standard training that starts where the parent ends."""

    begun: Pinned = SEVENTH

    def view(self, setting, generator, before):
        return View(torch.arange(len(setting.dataset.train["y"])), start=parameters(before["begun"]))
