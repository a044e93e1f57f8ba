"""A standard model whose threshold is moved, group by group, after it is trained."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from fairray.data import SPLITS, Dataset
from fairray.errors import BadInput
from fairray.evaluation import predictions
from fairray.methods.standard import Standard
from fairray.metrics import Predictions
from fairray.stages import Artifact, Replica, Step
from fairray.training.objective import generator

__all__ = ["Lots", "Moved", "check_groups"]


class Lots(NamedTuple):
    """The thresholds of each group and how probable each of them is, both with axes (group, threshold)."""

    thresholds: Tensor
    chances: Tensor


@dataclass(frozen=True, kw_only=True)
class Moved(Step):
    """Class 1 is predicted where the score (`Predictions.score`) is above a threshold of the example's group, which is
    found on validation data; where a group has several, each example draws one. Nothing is trained."""

    brief = True

    model: Standard

    @abstractmethod
    def find(self, p: Predictions) -> Lots:
        """By the predictions on validation data."""

    def compute(self, setting, seed, before):
        tensors = before["model"].tensors
        lots = self.find(predictions(setting.dataset, tensors, ("val",)))
        draws, moved = generator(Replica(self, setting, seed), "thresholds"), {}
        for split in SPLITS:
            group, logits = setting.dataset.split(split)["group"], tensors[f"{split}/logits"].double()
            drawn = torch.multinomial(lots.chances[group], 1, generator=draws)[:, 0]
            score = logits[:, 1] - logits[:, 0] - lots.thresholds[group, drawn]
            moved[f"{split}/logits"] = torch.stack([torch.zeros_like(score), score], dim=1)
        return Artifact(moved)


def check_groups(dataset: Dataset) -> None:
    """Raise BadInput where thresholds of groups cannot be found."""
    if dataset.problem != "binary":
        raise BadInput("", f"it is {dataset.problem}", "choose a binary task")
    dataset.checked(f"{dataset.name} ({dataset.task})")  # a subgroup without examples has no rate
