"""A model whose activations are corrected when it is used; nothing is trained."""

from dataclasses import dataclass
from typing import Literal

import torch

from fairray.concepts.corrections import carries, project, shift
from fairray.concepts.pooling import pool
from fairray.data import SPLITS
from fairray.methods._clarc import Cav, Corrected
from fairray.stages import Artifact, Before, Replica, one_by_one
from fairray.training.objective import generator, in_parts, kept, objective

Condition = Literal["always", "class", "artefact", "class_and_artefact"]


@dataclass(frozen=True, kw_only=True)
class Projected(Corrected):
    """The biased model, with activations moved along the concepts' vectors where the condition holds.

    detectors: of each concept the vector that tells whether an image carries it; none are needed where that is not
    asked. An image carries it where its pooled activation, along the detector, is beyond the middle between the means
    without it and with it.
    """

    detectors: tuple[Cav, ...]
    form: Literal["shift", "project"]
    condition: Condition

    def run(self, replicas, before, engine, progress):
        yield from one_by_one(lambda r, before: r.stage.predict(r, before), replicas, before, progress)

    @torch.no_grad()
    def predict(self, replica: Replica, before: Before) -> Artifact:
        """The parameters, which are the biased model's, and the logits of every split."""
        setting = replica.setting
        view = self.view(setting, generator(replica, "view"), before)
        bound = objective(replica, view.start).eval()
        found = {}
        for split in SPLITS:
            x = view.examples(split, setting.dataset)["x"]
            found[f"{split}/logits"] = in_parts(lambda x: bound({"x": x}, {}, {}, predict=True)[0], setting, x)
        return Artifact(kept(bound.nets.state_dict(), {}) | found)

    def view(self, setting, generator, before):
        view = super().view(setting, generator, before)
        if self.detectors:
            found = [before[f"detectors.{i}"].tensors for i in range(len(self.detectors))]
            view.start["concept.detectors"] = torch.stack([one["h"] for one in found])
            middle = [one["h"] @ (one["clean"] + one["artefact"]) / 2 for one in found]
            view.start["concept.thresholds"] = torch.stack(middle)
        return view

    def correct(self, nets, a):
        concept = nets["concept"]
        chosen = self.choose(nets, a)
        if self.form == "project":
            return project(a, concept.h.T, concept.clean, chosen)
        moved = shift(a, concept.h[0], concept.h[0] @ concept.clean)
        return torch.where(chosen.view(-1, *[1] * (a.ndim - 1)), moved, a)

    def choose(self, nets, a):
        """Which concepts are to be taken out of which image, with axes (image, concept)."""
        concept, main = nets["concept"], nets["main"]
        chosen = torch.ones(len(a), len(concept.h), dtype=torch.bool, device=a.device)
        if "class" in self.condition:
            chosen = chosen & (main.back(a, main.cut_at).argmax(-1) == concept.label)[:, None]
        if "artefact" in self.condition:
            chosen = chosen & carries(pool(a, "max"), concept.detectors.T, concept.thresholds)
        return chosen
