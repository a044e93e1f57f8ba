"""RNF: representation neutralisation for fairness (Du et al., 2021)."""

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt, Le
from torch import Tensor

from fairray.errors import BadInput
from fairray.methods.standard import Standard
from fairray.training.objective import parameters
from fairray.training.stage import TrainStage, View, encode_and_classify, weighted_mean

__all__ = ["Rnf"]

MIXTURES = (0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True, kw_only=True)
class Rnf:
    """Keep a standard model's encoder, and train a fresh head on representations mixed over groups.

    temperature: of the standard model's soft labels (the paper: 2 on Adult and CelebA, 5 on MEPS).
    smoothing: alpha, the weight of the smoothness along a mixture; both terms are means over the batch.
    attributes: "true", or "gce" for proxies made without looking at groups.
    q: of the generalised cross-entropy of the model that the proxies come from (.2 Adult, .6 MEPS, .3 CelebA).
    privileged: the share of each label's examples, gamma, that its confidence makes privileged.
    pace: the head's learning rate, in the study's.
    """

    temperature: Annotated[float, Gt(0)] = 2.0
    smoothing: Annotated[float, Ge(0)] = 0.035
    attributes: Literal["true", "gce"] = "true"
    q: Annotated[float, Gt(0), Le(1)] = 0.2
    privileged: Annotated[float, Gt(0), Le(1)] = 0.5
    pace: Annotated[float, Gt(0)] = 1.0

    def chain(self, dataset):
        proxy = Amplified(q=self.q) if self.attributes == "gce" else None
        return Neutralised(
            teacher=Standard(),
            proxy=proxy,
            temperature=self.temperature,
            smoothing=self.smoothing,
            privileged=self.privileged,
            pace=self.pace,
        )

    def check(self, dataset):
        if dataset.problem != "binary":
            raise BadInput("", f"it is {dataset.problem}", "choose a binary task")


@dataclass(frozen=True, kw_only=True)
class Amplified(TrainStage):
    """A model that learns what is easy, the bias, and little else: generalised cross-entropy."""

    q: float

    def loss(self, nets, outputs, batch):
        return weighted_mean(gce(outputs["logits"], batch["y"], self.q), batch)


@dataclass(frozen=True, kw_only=True)
class Neutralised(TrainStage):
    """(c(z) - p)^2 + alpha sum_l |c(l z1 + (1 - l) z2) - c(z)|_1, where z and p are the means of two examples of
    one label and different groups, c the head with its softmax."""

    teacher: Standard
    proxy: Amplified | None
    temperature: float
    smoothing: float
    privileged: float
    pace: float

    heeds_weights = True

    def view(self, setting, generator, before):
        train, tensors = setting.dataset.train, before["teacher"].tensors
        attribute = train["group"]
        if self.proxy is not None:
            attribute = proxies(before["proxy"].tensors["train/logits"], train["y"], self.privileged)
        columns = {"soft": F.softmax(tensors["train/logits"] / self.temperature, -1), "attribute": attribute}
        kept = parameters(before["teacher"])
        start = {name: tensor for name, tensor in kept.items() if name.startswith("main.encoder.")}
        return View(torch.arange(len(train["y"])), columns, start)

    def rate(self, parameter):
        return 0.0 if parameter.startswith("main.encoder.") else self.pace

    def outputs(self, nets, batch):
        return encode_and_classify(nets["main"], self.inputs(batch))

    def loss(self, nets, outputs, batch):
        def c(z):
            return F.softmax(nets["main"].head(z), -1)

        partner = partners(batch["y"], batch["attribute"])
        z1, z2 = outputs["features"], outputs["features"][partner]
        middle, target = c((z1 + z2) / 2), (batch["soft"] + batch["soft"][partner]) / 2
        jumps = ((c(m * z1 + (1 - m) * z2) - middle).abs().sum(-1) for m in MIXTURES)
        rough = sum(weighted_mean(jump, batch) for jump in jumps)  # partners have one label, so one class weight
        return weighted_mean((middle - target) ** 2, batch) + self.smoothing * rough


def partners(y: Tensor, attribute: Tensor) -> Tensor:
    """Of each example the next one in the batch, in its random order, with the same label and another attribute;
    with the same attribute where there is no other; itself where it is alone with its label."""
    n = len(y)
    step = (torch.arange(n, device=y.device)[None, :] - torch.arange(n, device=y.device)[:, None]) % n
    same, other = y[:, None] == y[None, :], attribute[:, None] != attribute[None, :]
    near = n - step  # n for itself, then falling with the distance ahead
    worth = torch.where(same & (step > 0), near + torch.where(other, n, 0), 0) + torch.where(step == 0, 0.5, 0.0)
    return worth.argmax(1)


def proxies(logits: Tensor, y: Tensor, privileged: float) -> Tensor:
    """A guess at each example's group from how sure a biased model is of its label.

    Of the positive examples the share `privileged` of which it is surest are 1, of the negative ones they are 0.
    """
    sure = F.softmax(logits, -1).gather(1, y[:, None])[:, 0]
    attribute = torch.empty_like(y)
    for label in (0, 1):
        of_label = (y == label).nonzero()[:, 0]
        order = of_label[sure[of_label].argsort(descending=True)]
        surest = round(privileged * len(order))
        attribute[order[:surest]], attribute[order[surest:]] = label, 1 - label
    return attribute


def gce(logits: Tensor, y: Tensor, q: Tensor | float) -> Tensor:
    """(1 - p_y^q) / q of each example (Zhang & Sabuncu, 2018)."""
    log_p = F.log_softmax(logits, -1).gather(1, y[:, None])[:, 0]
    return (1 - torch.exp(q * log_p)) / q
