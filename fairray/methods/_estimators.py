"""Estimators of scikit-learn for tables, whose scores are stored as logits."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import torch

from fairray.data import SPLITS, Dataset
from fairray.errors import BadInput
from fairray.stages import Artifact, Step

__all__ = ["Fitted", "check_table"]


@dataclass(frozen=True, kw_only=True)
class Fitted(Step):
    """An estimator that is fitted to the training split, and what it says of every split. Training settings and the
    network have no part in it."""

    heeds_weights = True

    @abstractmethod
    def build(self, seed: int) -> Any:
        """scikit-learn's estimator, with `decision_function`."""

    def compute(self, setting, seed, before):
        data = setting.dataset
        x, y, weight = (data.train[name].numpy() if name in data.train else None for name in ("x", "y", "weight"))
        fitted = self.build(seed).fit(x, y, sample_weight=weight)
        scores = {split: torch.from_numpy(fitted.decision_function(data.split(split)["x"].numpy())) for split in SPLITS}
        return Artifact({f"{split}/logits": as_logits(score) for split, score in scores.items()})


def as_logits(score: torch.Tensor) -> torch.Tensor:
    """With axes (example, class). score: so, or of class 1 alone with axis (example,)."""
    score = score.double()
    return score if score.ndim == 2 else torch.stack([torch.zeros_like(score), score], dim=1)


def check_table(dataset: Dataset) -> None:
    """Raise BadInput where there is no table with classes, each of which has training examples."""
    if dataset.kind != "table":
        raise BadInput("", f"it is made of {dataset.kind}s", "choose a table, or leave the method out")
    if not dataset.classes:
        raise BadInput("", "it is a regression", "choose a task with classes")
    counts = torch.bincount(dataset.train["y"], minlength=len(dataset.classes))
    if not counts.all():
        absent = dataset.classes[int(counts.argmin())]
        raise BadInput("", f"no training example is {absent}", "give more data, or leave the class out")
