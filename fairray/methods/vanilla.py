"""Going on from the biased model for as many epochs as the corrections, and correcting nothing."""

from dataclasses import dataclass

from fairray.methods._clarc import Continued
from fairray.methods._concept_settings import TrainingSettings

__all__ = ["Vanilla"]


@dataclass(frozen=True, kw_only=True)
class Vanilla(TrainingSettings):
    """RR-ClArC with lambda = 0: what else its epochs do, and cost."""

    def chain(self, dataset):
        return self.measured(Plain(**self.places(self.trained)))


@dataclass(frozen=True, kw_only=True)
class Plain(Continued):
    """Minimise the mean cross-entropy behind the layer."""
