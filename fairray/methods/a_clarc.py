"""A-ClArC: add the concept to every example while the model goes on learning, so that it tells nothing (Anders et al.,
2022, "Finding and removing Clever Hans")."""

from dataclasses import dataclass

from fairray.concepts.corrections import shift
from fairray.methods._clarc import Corrected
from fairray.methods._concept_settings import TrainingSettings

__all__ = ["AClarc"]


@dataclass(frozen=True, kw_only=True)
class AClarc(TrainingSettings):
    """Activations are moved along the concept's vector to the mean of those with the concept, in training alone."""

    def chain(self, dataset):
        return self.measured(Augmented(**self.places(self.trained), cavs=(self.vector(),)))


@dataclass(frozen=True, kw_only=True)
class Augmented(Corrected):
    """Minimise the mean cross-entropy of moved activations; evaluation sees them as they are."""

    def correct(self, nets, a):
        concept = nets["concept"]
        h = concept.h[0]
        return shift(a, h, h @ concept.artefact) if nets.training else a
