"""Reactive P-ClArC: take a concept out only where it is, or matters (Bareeva et al., CVPR-W 2024, "Reactive Model
Correction")."""

from dataclasses import dataclass
from typing import Literal

from fairray.artefacts import ArtefactField
from fairray.errors import BadInput
from fairray.methods._concept_settings import ConceptSettings
from fairray.methods._projected import Condition, Projected

__all__ = ["ReactivePClarc"]


@dataclass(frozen=True, kw_only=True)
class ReactivePClarc(ConceptSettings):
    """P-ClArC under a condition, of several artefacts at once if there are more.

    condition: "class" where the uncorrected model predicts the attacked class, "artefact" where a support vector
        machine finds it, "class_and_artefact" where both hold, or "always".
    artefacts: of fairray/artefacts, beside the data's own, of which models may be suspected: each has a vector of its
        own, from images without it and with it.
    form: as P-ClArC has it; several artefacts are projected out together.
    """

    condition: Condition = "class_and_artefact"
    artefacts: tuple[ArtefactField, ...] = ()
    form: Literal["shift", "project"] = "project"

    def chain(self, dataset):
        artefacts = (None, *self.artefacts)
        model = Projected(
            **self.places("nothing"),
            cavs=tuple(self.vector(artefact=artefact) for artefact in artefacts),
            detectors=tuple(self.vector(artefact=artefact, kind="svm") for artefact in artefacts)
            if "artefact" in self.condition
            else (),
            form=self.form,
            condition=self.condition,
        )
        return self.measured(model)

    def check(self, dataset):
        super().check(dataset)
        if self.artefacts and self.form == "shift":
            raise BadInput("form", "one number moves along one vector only", "set form: project, or artefacts: []")
        if self.artefacts and dataset.kind != "image":
            raise BadInput("artefacts", "they are put on images", "choose images, or set artefacts: []")
