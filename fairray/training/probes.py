"""Probes find out what features tell: a classifier for each task, all of them trained together on the same features.

Is my Deep Learning Model Learning more than I want it to? (PreserveTask), section 4: two hidden layers of 512 and 100
units with dropouts of .5 and .3, Adam, and early stopping.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt, Lt
from torch import Tensor, nn

from fairray.stages import Numerics
from fairray.training.objective import autocast
from fairray.training.streams import cast

__all__ = ["Examples", "Probes", "Probing", "train_probes"]

HIDDEN = (512, 100)
DROPOUT = (0.5, 0.3)
CHUNK = 4096  # examples that are predicted at once


class Examples(NamedTuple):
    """features: axes (example, feature). labels: axes (task, example)."""

    features: Tensor
    labels: Tensor


@dataclass(frozen=True, kw_only=True)
class Probing:
    """How probes are trained.

    lr: of Adam. batch: examples a step. epochs: at most. patience: epochs without a lower validation loss after which
    a probe is finished; it is kept as it was at its lowest. standardise: features to mean 0 and variance 1 before.
    """

    lr: Annotated[float, Gt(0), Lt(1)] = 1e-4
    batch: Annotated[int, Ge(1)] = 32
    epochs: Annotated[int, Ge(1)] = 100
    patience: Annotated[int, Ge(1)] = 10
    standardise: bool = True


class Probes(nn.Module):
    """One classifier for each task; parameters have an axis (task,) first.

    generators: of each task, for its weights and its dropout, so that a probe is the same alone as among others.
    """

    absent: Tensor
    mean: Tensor
    std: Tensor

    def __init__(self, train: Tensor, classes: Sequence[int], probing: Probing, generators: Sequence[torch.Generator]):
        super().__init__()
        self.generators = generators
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        outputs = [*([units] * len(classes) for units in HIDDEN), classes]
        for inputs, own in zip((train.shape[1], *HIDDEN), outputs, strict=True):
            each = [_layer(inputs, n, max(own), g) for n, g in zip(own, generators, strict=True)]
            self.weights.append(torch.stack([weight for weight, _ in each]))
            self.biases.append(torch.stack([bias for _, bias in each]))
        self.register_buffer("absent", torch.arange(max(classes)) >= torch.tensor(classes)[:, None, None])
        like = train if probing.standardise else train.new_tensor([[-1.0], [1.0]])
        self.register_buffer("mean", like.mean(0))
        self.register_buffer("std", like.std(0, correction=0).clamp(min=1e-6))  # what is constant stays 0

    def forward(self, x: Tensor) -> Tensor:
        """Logits with axes (task, example, class); -inf for classes that a task has not. x: (example, feature)."""
        x = ((x - self.mean) / self.std).expand(len(self.generators), *x.shape)
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = torch.baddbmm(bias, x, weight)
            if layer < len(HIDDEN):
                x = self._dropped(F.relu(x), DROPOUT[layer])
        return x.masked_fill(self.absent, -torch.inf)

    @torch.no_grad()
    def predict(self, x: Tensor) -> Tensor:
        """Labels with axes (task, example), on the host."""
        self.eval()
        return torch.cat([self(part.to(self.mean)).argmax(-1).cpu() for part in x.split(CHUNK)], dim=1)

    def _dropped(self, x: Tensor, share: float) -> Tensor:
        if not self.training:
            return x
        kept = torch.stack([torch.rand(x.shape[1:], generator=g) >= share for g in self.generators])
        return x * kept.to(x.device) / (1 - share)


def train_probes(
    train: Examples,
    val: Examples,
    classes: Sequence[int],
    probing: Probing,
    order: torch.Generator,
    generators: Sequence[torch.Generator],
    numerics: Numerics,
) -> Probes:
    """A probe for each task, each as if alone.

    classes: how many each task has. order: draws the order of the examples, the same for all tasks.
    """
    train, val = (Examples(*cast(part._asdict(), numerics).values()) for part in (train, val))
    probes = Probes(train.features, classes, probing, generators).to(numerics.device, train.features.dtype)
    optimizer = torch.optim.Adam(probes.parameters(), lr=probing.lr, fused=True)
    kept = [parameter.detach().clone() for parameter in probes.parameters()]
    lowest, waited = torch.full((len(classes),), torch.inf), torch.zeros(len(classes))
    for _ in range(probing.epochs):
        for rows in torch.randperm(len(train.features), generator=order).split(probing.batch):
            optimizer.zero_grad()
            batch = Examples(train.features[rows], train.labels[:, rows])
            _losses(probes.train(), batch, numerics).sum().backward()
            optimizer.step()
        loss = _validated(probes.eval(), val, numerics)
        better = (loss < lowest) & (waited < probing.patience)
        lowest, waited = torch.where(better, loss, lowest), torch.where(better, 0, waited + 1)
        for old, new in zip(kept, probes.parameters(), strict=True):
            old[better] = new.detach()[better]
        if (waited >= probing.patience).all():
            break
    for parameter, values in zip(probes.parameters(), kept, strict=True):
        parameter.detach().copy_(values)
    return probes


def _losses(probes: Probes, examples: Examples, numerics: Numerics) -> Tensor:
    """Mean cross-entropy of each task."""
    with autocast(numerics):
        logits = probes(examples.features)
    each = F.cross_entropy(logits.to(examples.features.dtype).movedim(-1, 1), examples.labels, reduction="none")
    return each.mean(1)


@torch.no_grad()
def _validated(probes: Probes, val: Examples, numerics: Numerics) -> Tensor:
    parts = map(Examples, val.features.split(CHUNK), val.labels.split(CHUNK, dim=1))
    losses = [_losses(probes, part, numerics).cpu() * len(part.features) for part in parts]
    return torch.stack(losses).sum(0) / len(val.features)


def _layer(inputs: int, outputs: int, padded: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Weight and bias as those of torch.nn.Linear start, with zeros for outputs that are there for other tasks."""
    bound = inputs**-0.5
    drawn = (torch.empty(n, outputs).uniform_(-bound, bound, generator=generator) for n in (inputs, 1))
    weight, bias = (F.pad(tensor, (0, padded - outputs)) for tensor in drawn)
    return weight, bias
