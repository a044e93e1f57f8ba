"""Two losses and a state, to prove that these go together; and settings of its own."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from fairray.training.stage import TrainStage, error, weighted_mean

__all__ = ["Counted"]


@dataclass(frozen=True, kw_only=True)
class Counted(TrainStage):
    """Descends the cross-entropy and, the less the more examples it has seen, the size of the logits.

    pace: what an example counts in the state.
    """

    own: ClassVar = {"batch": 50, "lr": 5e-3}

    pace: float = 0.01

    @property
    def losses(self):
        return 2

    def state(self, setting):
        return {"seen": torch.zeros(()), "largest": torch.zeros(len(setting.dataset.classes))}

    def update_state(self, state, outputs, batch):
        largest = torch.maximum(state["largest"], outputs["logits"].amax(0))
        return {"seen": state["seen"] + self.pace * len(batch["y"]), "largest": largest}

    def loss(self, nets, outputs, batch):
        size = (outputs["logits"] ** 2).mean() * (1 + batch["largest"].sum()) / (1 + batch["seen"])
        return torch.stack([weighted_mean(error(outputs["logits"], batch["y"]), batch), size])

    def combine(self, parameter, gradients):
        return gradients[0] + gradients[1]
