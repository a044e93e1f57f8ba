"""RRR: right for the right reasons, penalise the input's gradient where the artefact is (Ross et al., 2017)."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from annotated_types import Ge
from torch import Tensor
from torch.func import vjp

from fairray.errors import BadInput
from fairray.methods._clarc import Continued
from fairray.methods._concept_settings import ConceptSettings
from fairray.training.stage import error, weighted_mean

__all__ = ["Rrr"]

SMALL = 1e-5  # added to a probability before its logarithm, as RR-ClArC's authors do


@dataclass(frozen=True, kw_only=True)
class Rrr(ConceptSettings):
    """Cross-entropy + lam times a penalty on the gradient of sum_k log p_k with respect to the input.

    lam: its weight. form: "squared", the mean over examples of its squared sum inside the mask (as printed), or
    "cosine", of how it lies to the mask (as RR-ClArC's authors run it). Images have no mask where there is no artefact.
    """

    lam: Annotated[float, Ge(0)] = 1.0
    form: Literal["squared", "cosine"] = "squared"

    def chain(self, dataset):
        places = self.places() | {"activations": None}  # the gradient goes back to the image
        return self.measured(Reasoned(**places, lam=self.lam, form=self.form))

    def check(self, dataset):
        super().check(dataset)
        if "mask" not in dataset.train:
            raise BadInput("", "it has no masks of the artefact", "choose data with them, such as stamped_digits")


@dataclass(frozen=True, kw_only=True)
class Reasoned(Continued):
    """Minimise the cross-entropy and the penalty over what lies behind the layer."""

    holds = ("mask",)

    lam: float
    form: Literal["squared", "cosine"]

    def outputs(self, nets, batch):
        main: Any = nets["main"]
        x = main.as_floats(batch["x"])
        return {"x": x, "logits": main(x)}

    def loss(self, nets, outputs, batch):
        mask = (batch["mask"] & (batch["group"] == 1)[:, None, None]).to(outputs["x"])
        gradient = self.differentiate(nets, outputs["x"])
        if self.form == "squared":
            each = (gradient**2 * mask[:, None]).flatten(1).sum(1)
        else:
            each = torch.cosine_similarity(gradient.sum(1).abs().flatten(1), mask.flatten(1), dim=1)
        return weighted_mean(error(outputs["logits"], batch["y"]), batch) + self.lam * weighted_mean(each, batch)

    def differentiate(self, nets, x: Tensor) -> Tensor:
        """The gradient of sum_k log p_k ("squared"), or of their mean, of each example."""
        main: Any = nets["main"]

        def total(x: Tensor) -> Tensor:
            logits = main(x)
            if self.form == "squared":
                return logits.log_softmax(-1).sum()
            return (logits.softmax(-1) + SMALL).log().mean(-1).sum()

        value, back = vjp(total, x)  # type: ignore[misc]  # there are three with has_aux
        return back(torch.ones_like(value))[0]
