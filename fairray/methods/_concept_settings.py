"""How methods of the ClArC family are set, and the chain that they end in."""

from dataclasses import dataclass
from typing import Any, Literal

from fairray.concepts.pooling import Pooling
from fairray.concepts.vectors import Kind
from fairray.errors import BadInput
from fairray.methods._clarc import Activations, Cav, Continued, Layer, Trained, check_concept
from fairray.methods._unlearned import Unlearned
from fairray.methods.standard import Standard


@dataclass(frozen=True, kw_only=True)
class ConceptSettings:
    """Fields of methods that correct a biased model, the standard one of the same seed.

    layer: of the network, by its name, where the concept is looked for; without one the last that gives maps.
    cav: how the concept's vector is found. pooling: of the maps that it is found in.
    cached: keep what the layer gives for every image, instead of computing it for every step.
    lrp: measure the relevance inside the artefact's mask too, which takes images with masks; a network through which
        it cannot be propagated is refused, or with null left without.
    """

    layer: Layer = None
    cav: Kind = "signal"
    pooling: Pooling = "max"
    cached: bool = True
    lrp: bool | None = True

    def check(self, dataset):
        check_concept(dataset, self.cav)
        if self.cached and dataset.render:
            raise BadInput("cached", "its inputs are drawn as they are needed", "set cached: false")

    def vector(self, **more: Any) -> Cav:
        """The stage of the concept's vector."""
        own = {"kind": self.cav, "pooling": self.pooling, **more}
        return Cav(model=Standard(), layer=self.layer, **own)

    def places(self, trained: Trained) -> dict[str, Any]:
        """The fields of the stage that corrects, but for its own."""
        activations = Activations(model=Standard(), layer=self.layer) if self.cached else None
        return {"model": Standard(), "layer": self.layer, "trained": trained, "activations": activations}

    def measured(self, model: Continued) -> Unlearned:
        """The last stage of the chain."""
        biased, seen = Standard(), model.activations
        return Unlearned(biased=biased, model=model, activations=seen, cav=self.vector(), lrp=self.lrp)


@dataclass(frozen=True, kw_only=True)
class TrainingSettings(ConceptSettings):
    """Of those that train on behind the layer.

    trained: what learns there, the linear layers alone (as the paper does) or all but batch normalisation.
    """

    trained: Literal["linear", "after"] = "linear"
