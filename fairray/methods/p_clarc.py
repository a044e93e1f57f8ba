"""P-ClArC: take the concept out of the activations, and train nothing (Anders et al., 2022)."""

from dataclasses import dataclass
from typing import Literal

from fairray.methods._concept_settings import ConceptSettings
from fairray.methods._projected import Condition, Projected

__all__ = ["PClarc"]


@dataclass(frozen=True, kw_only=True)
class PClarc(ConceptSettings):
    """Activations are moved along the concept's vector to the mean of those without the concept, for every image.

    form: "shift" moves all positions of an image's maps by one number, such that their maximum has that mean (as
        RR-ClArC's authors do); "project" gives every position that mean (Bareeva et al., CVPR-W 2024). They are the
        same only where maps have one position.
    """

    form: Literal["shift", "project"] = "shift"

    def chain(self, dataset):
        condition: Condition = "always"
        model = Projected(
            **self.places("nothing"), cavs=(self.vector(),), detectors=(), form=self.form, condition=condition
        )
        return self.measured(model)
