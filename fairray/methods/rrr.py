"""RRR: right for the right reasons, penalise the input's gradient where the artefact is (Ross et al., 2017)."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from annotated_types import Ge
from torch import Tensor

from fairray.concepts.penalty import Criterion, gradient, select
from fairray.data import Tensors
from fairray.errors import BadInput
from fairray.methods._clarc import Continued
from fairray.methods._concept_settings import TrainingSettings
from fairray.training.stage import error, weighted_mean

__all__ = ["Rrr"]


@dataclass(frozen=True, kw_only=True)
class Rrr(TrainingSettings):
    """Cross-entropy + lam times a penalty on a gradient with respect to the input.

    lam: its weight. form: "squared", the mean over examples of its squared sum inside the mask (as printed), or
        "cosine", of how it lies to the mask (as RR-ClArC's authors run it). Images have no mask where there is no
        artefact.
    criterion: of what: "logprobs" is sum_k log p_k, the others are of logits, as RR-ClArC has them ("max" is in the
        code that follows the paper's).
    """

    lam: Annotated[float, Ge(0)] = 1.0
    form: Literal["squared", "cosine"] = "squared"
    criterion: Criterion = "logprobs"

    def chain(self, dataset):
        places = self.places(self.trained) | {"activations": None}  # the gradient goes back to the image
        return self.measured(Reasoned(**places, lam=self.lam, form=self.form, criterion=self.criterion))

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
    criterion: Criterion

    def outputs(self, nets, batch):
        main: Any = nets["main"]
        x = main.as_floats(batch["x"])
        return {"x": x, "logits": main(x)}

    def loss(self, nets, outputs, batch):
        mask = (batch["mask"] & (batch["group"] == 1)[:, None, None]).to(outputs["x"])
        G = self.differentiate(nets["main"], outputs, batch)
        if self.form == "squared":
            each = (G**2 * mask[:, None]).flatten(1).sum(1)
        else:
            each = torch.cosine_similarity(G.sum(1).abs().flatten(1), mask.flatten(1), dim=1)
        return weighted_mean(error(outputs["logits"], batch["y"]), batch) + self.lam * weighted_mean(each, batch)

    def differentiate(self, main: Any, outputs: Tensors, batch: Tensors) -> Tensor:
        """The gradient of each example with respect to its input; sum_k log p_k is as printed, or their mean."""
        if (self.form, self.criterion) == ("squared", "logprobs"):
            return gradient(lambda x: main(x).log_softmax(1), outputs["x"], torch.ones_like(outputs["logits"]))
        m = select(self.criterion, outputs["logits"].detach(), batch["y"], signs=batch["signs"])
        return gradient(main, outputs["x"], m)
