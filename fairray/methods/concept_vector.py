"""How well a concept's vector is found, by the ways of finding it (Dreyer et al., AAAI 2024, A.2 to A.5)."""

from dataclasses import dataclass

from fairray.concepts.pooling import Pooling
from fairray.concepts.vectors import Kind
from fairray.methods._clarc import Cav, Layer, check_concept
from fairray.methods.standard import Standard

__all__ = ["ConceptVector"]


@dataclass(frozen=True, kw_only=True)
class ConceptVector:
    """The concept activation vector of a biased model, and nothing that is done with it.

    layer, cav, pooling: as the methods have them that correct the model.
    """

    layer: Layer = None
    cav: Kind = "signal"
    pooling: Pooling = "max"

    def chain(self, dataset):
        return Cav(model=Standard(), layer=self.layer, kind=self.cav, pooling=self.pooling, judged=True)

    def check(self, dataset):
        check_concept(dataset, self.cav)
