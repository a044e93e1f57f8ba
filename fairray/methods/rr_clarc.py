"""RR-ClArC: penalise the gradient along the concept's vector (Dreyer et al., AAAI 2024)."""

from dataclasses import dataclass
from typing import Annotated, Any

import torch
from annotated_types import Ge
from torch import Tensor

from fairray.concepts.penalty import Aggregate, Criterion, penalise, select
from fairray.data import Tensors
from fairray.errors import BadInput
from fairray.methods._clarc import Corrected
from fairray.methods._concept_settings import TrainingSettings
from fairray.stages import Replica
from fairray.training.objective import objective
from fairray.training.stage import error, weighted_mean
from fairray.training.streams import cast

__all__ = ["RrClarc"]

FIRST = 256  # examples on which the gradients are compared


@dataclass(frozen=True, kw_only=True)
class RrClarc(TrainingSettings):
    """Cross-entropy + lam (grad_a [m . f(a)] . h)^2, with a the layer's activations and h the concept's vector.

    lam: the weight of the penalty. relative: whether it is in units of the ratio of the two gradients' norms at the
        start, as the printed one cannot be carried from one data set to another (10 here, 10^6 there). Both are
        recorded.
    criterion: m, which logits: all, random_signs (drawn anew for each example and step), target (the label's, or
        `only`), max, or the mean log probability. aggregate: over positions of the maps, and examples.
    only: the name of the one class that is corrected, for criterion: target.
    """

    lam: Annotated[float, Ge(0)] = 1.0
    relative: bool = True
    criterion: Criterion = "random_signs"
    aggregate: Aggregate = "l2_mean"
    only: str | None = None

    def chain(self, dataset):
        model = Penalised(
            **self.places(self.trained),
            cavs=(self.vector(),),
            lam=self.lam,
            relative=self.relative,
            criterion=self.criterion,
            aggregate=self.aggregate,
            only=None if self.only is None else dataset.classes.index(self.only),
        )
        return self.measured(model)

    def check(self, dataset):
        super().check(dataset)
        if self.only is not None and self.criterion != "target":
            raise BadInput("only", f"criterion {self.criterion} looks at no class alone", "set criterion: target")
        if self.only is not None and self.only not in dataset.classes:
            problem = f"{self.only} is none of its classes: {', '.join(dataset.classes)}"
            raise BadInput("only", problem, "name one of them")


@dataclass(frozen=True, kw_only=True)
class Penalised(Corrected):
    """The cross-entropy, and the penalty times lam and, where lam is relative, its unit."""

    lam: float
    relative: bool
    criterion: Criterion
    aggregate: Aggregate
    only: int | None

    def view(self, setting, generator, before):
        view = super().view(setting, generator, before)
        train = view.examples("train", setting.dataset)
        unit = self.compare_gradients(setting, generator, view.start, train)
        view.start["concept.unit"] = torch.tensor(unit, dtype=torch.float64)
        return view

    def loss(self, nets, outputs, batch):
        plain = weighted_mean(error(outputs["logits"], batch["y"]), batch)
        return plain + self.printed(nets["concept"].unit) * self.penalty(nets, outputs, batch)

    def printed(self, unit: Any) -> Any:
        """lambda as the paper prints it."""
        return self.lam * unit if self.relative else self.lam

    def note(self, kept):
        unit = float(kept["concept.unit"])
        return {"lam_printed": self.printed(unit), "lam_ratio": self.printed(unit) / unit}

    def penalty(self, nets: Any, outputs: Tensors, batch: Tensors) -> Tensor:
        """The squared gradient along the concept, over the batch."""
        main = nets["main"]
        m = select(self.criterion, outputs["logits"].detach(), batch["y"], self.only, batch["signs"])
        h = nets["concept"].h[0]
        each = penalise(lambda a: main.back(a, main.cut_at), outputs["a"], h, m, self.aggregate)
        return weighted_mean(each, batch)

    def compare_gradients(self, setting, generator, start: Tensors, train: Tensors) -> float:
        """The norm of the cross-entropy's gradient over the penalty's, where training starts, on the first examples.

        1 where the penalty, or the cross-entropy, has none.
        """
        nets = objective(Replica(self, setting, 0), start).train().nets
        size = min(FIRST, len(train["y"]))
        batch = setting.dataset.shown({name: tensor[:size] for name, tensor in train.items()})
        batch = cast(batch | self.fresh_columns(size, setting.dataset, generator), setting.numerics)
        outputs = self.outputs(nets, batch)
        moving = [parameter for parameter in nets.parameters() if parameter.requires_grad]
        norms = [
            torch.stack(
                [g.norm() for g in torch.autograd.grad(loss, moving, retain_graph=True, materialize_grads=True)]
            )
            for loss in (error(outputs["logits"], batch["y"]).mean(), self.penalty(nets, outputs, batch))
        ]
        plain, penalty = (float(norm.norm()) for norm in norms)
        return plain / penalty if plain and penalty else 1.0
