"""Predictions that were made elsewhere, in the place of a model's."""

from dataclasses import dataclass

import torch

from fairray.data import EVALUATED
from fairray.datasets._scores import Scores, read
from fairray.evaluation import Evaluation
from fairray.stages import Artifact, Step

__all__ = ["Given"]


@dataclass(frozen=True, kw_only=True)
class Given(Step):
    """The logits that a table has of a method, seed by seed; nothing is trained."""

    brief = True

    scores: Scores
    method: str

    def chain(self, dataset):
        return Evaluation.of(self, dataset)

    def check(self, dataset):
        """Whatever is wrong with scores was said when they were read."""

    def compute(self, setting, seed, before):
        reading = read(self.scores)
        rows = reading.blocks[self.method, seed]
        return Artifact(
            {f"{split}/logits": torch.from_numpy(reading.logits[reading.divide(rows, split)]) for split in EVALUATED}
        )
