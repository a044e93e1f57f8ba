"""Adversarial debiasing: a second network guesses the group, and the first is trained against it.

By gradient reversal (Ganin et al., 2016; Wadsworth et al., 2018) or by projection (Zhang et al., 2018).
"""

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt
from torch import Tensor, nn

from fairray.data import membership
from fairray.errors import BadInput
from fairray.training.reversal import reverse, schedule
from fairray.training.stage import TrainStage, encode_and_classify, error, weighted_mean

__all__ = ["Adversarial"]


@dataclass(frozen=True, kw_only=True)
class Adversarial(TrainStage):
    """Train against a network that guesses the group.

    strength: lambda of the reversal, alpha of the projection.
    update: "reversal" turns the adversary's gradient round where it enters the network; "projection" moves the
        network along g_P - proj_{g_A} g_P - alpha g_A, parameter by parameter.
    schedule: of the reversal, rising as in DANN, or constant.
    criterion: what the adversary is told besides: the label (equal odds) or nothing (demographic parity).
    reads: what it looks at: the network's probabilities, or its feature layer.
    hidden: units of its one hidden layer. pace: its learning rate, in those of the network.
    """

    strength: Annotated[float, Ge(0)] = 1.0
    update: Literal["reversal", "projection"] = "reversal"
    schedule: Literal["dann", "constant"] = "dann"
    criterion: Literal["odds", "parity"] = "odds"
    reads: Literal["predictions", "features"] = "predictions"
    hidden: Annotated[int, Ge(1)] = 32
    pace: Annotated[float, Gt(0)] = 1.0

    heeds_weights = True

    def check(self, dataset):
        if not dataset.classes:
            raise BadInput("", "it is a regression", "choose a task with classes")

    @property
    def losses(self):
        return 2 if self.update == "projection" else 1

    def heads(self, features, dataset):
        labels = len(dataset.classes)
        read = features if self.reads == "features" else labels
        inputs = (read + 1) * labels if self.criterion == "odds" else read
        return {"adversary": nn.Sequential(
            nn.Linear(inputs, self.hidden), nn.ReLU(), nn.Linear(self.hidden, len(dataset.groups))
        )}  # fmt: skip

    def rate(self, parameter):
        return self.pace if parameter.startswith("adversary") else 1.0

    def outputs(self, nets, batch):
        outputs = encode_and_classify(nets["main"], self.inputs(batch))
        return outputs | {"predictions": F.softmax(outputs["logits"], -1)}

    def loss(self, nets, outputs, batch):
        prediction, read = weighted_mean(error(outputs["logits"], batch["y"]), batch), outputs[self.reads]
        if self.update == "reversal":
            read = reverse(read, self._lambda(batch["progress"]))
        guess = nets["adversary"](self._told(read, batch["y"], outputs["logits"].shape[-1]))
        adversary = weighted_mean(error(guess, batch["group"]), batch)
        return prediction + adversary if self.update == "reversal" else torch.stack([prediction, adversary])

    def combine(self, parameter, gradients):
        prediction, adversary = gradients
        if parameter.startswith("adversary"):
            return adversary
        return projected(prediction, adversary) - self.strength * adversary

    def _lambda(self, progress: Tensor) -> Tensor:
        return self.strength * (schedule(progress) if self.schedule == "dann" else torch.ones_like(progress))

    def _told(self, read: Tensor, y: Tensor, labels: int) -> Tensor:
        """What the adversary is given: [s, s y, s (1 - y)] of equation 5 in Zhang et al., in the form that any
        number of labels has: the reading in the place of its label, zeros in the others, and the label."""
        if self.criterion == "parity":
            return read
        label = membership(y, labels).to(read.dtype)
        return torch.cat([(label[:, :, None] * read[:, None, :]).flatten(1), label], dim=1)


def projected(gradient: Tensor, other: Tensor) -> Tensor:
    """What of a gradient is at right angles to another: g - (g . o) o / |o|^2."""
    return gradient - (gradient * other).sum() / ((other * other).sum() + torch.finfo(other.dtype).tiny) * other
