"""Learn from images and from some negatives of them that a stage before made, once for all seeds."""

from dataclasses import dataclass

import torch

from fairray.stages import Artifact, Pinned, Step
from fairray.training.stage import TrainStage, View

__all__ = ["Both"]


@dataclass(frozen=True, kw_only=True)
class Negatives(Step):
    """Of the first images; tensors x, y, group."""

    count: int

    def compute(self, setting, seed, before):
        first = {name: setting.dataset.train[name][: self.count] for name in ("x", "y", "group")}
        return Artifact({**first, "x": 255 - first["x"]})


FIRST = Pinned(Negatives(count=90), 0)


@dataclass(frozen=True, kw_only=True)
class Both(TrainStage):
    """Every second image, and every second negative; the last weighs `tilt` times what the first weighs."""

    negatives: Pinned = FIRST
    tilt: float = 1.01

    def view(self, setting, generator, before):
        every = len(setting.dataset.train["y"]) + FIRST.stage.count
        weight = self.tilt ** (torch.arange(every, dtype=torch.float64) / every)
        return View(torch.arange(0, every, 2), {"weight": weight}, made=before["negatives"].tensors)
