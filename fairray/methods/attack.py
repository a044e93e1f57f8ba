"""Fool a classifier with adversarial images, and measure how far they are from the images (Imperceptible Attacks,
section 3)."""

from dataclasses import dataclass, field, replace
from typing import Annotated

import torch
from annotated_types import Ge, Le

from fairray.attacks import AttackField
from fairray.attacks.pgd_l2 import PgdL2
from fairray.costs import CostField, measure_of
from fairray.costs.ssim import Ssim
from fairray.errors import BadInput, said_of
from fairray.members import Of
from fairray.methods._attacked import Attacked, Victim, is_grey
from fairray.methods._measured import Measured, Summary
from fairray.methods.standard import Standard
from fairray.saliency import SaliencyField
from fairray.stages import NetworkSpec
from fairray.training.stage import TrainStage

__all__ = ["Attack"]

NetworkField = Annotated[NetworkSpec, Of("networks")]
Quality = Annotated[int, Ge(1), Le(95)]
Depth = Annotated[int, Ge(1), Le(8)]


@dataclass(frozen=True, kw_only=True)
class Attack:
    """Attack the validation and test images that a classifier reads correctly; the records are image by image.

    attack: of fairray/attacks. pretrained: attack the network with the weights it comes with, instead of training it.
    grey: attack images whose three channels are equal as images of one channel.
    distances: costs of fairray/costs that are measured. saliency: of fairray/saliency, if maps are compared.
    judge: a second network, trained on the same data, that reads the adversarial images too.
    jpeg, depths: JPEG qualities, and bits of a channel, of the defences (Figure 3.5).
    shards: parts of the images, which workers share out. batch: images attacked at once; in float32 what becomes of one
        depends on how many these are, by rounding, and with 1 on no other. gallery: images to be shown.
    """

    attack: AttackField = field(default_factory=PgdL2)
    pretrained: bool = False
    grey: bool = False
    distances: tuple[CostField, ...] = (Ssim(),)
    saliency: SaliencyField | None = None
    judge: NetworkField | None = None
    jpeg: tuple[Quality, ...] = ()
    depths: tuple[Depth, ...] = ()
    shards: Annotated[int, Ge(1)] = 8
    batch: Annotated[int, Ge(1)] = 32
    gallery: Annotated[int, Ge(0)] = 4

    def chain(self, dataset):
        model = None if self.pretrained else Standard()
        judge = None if self.judge is None else Judge(network=self.judge)
        attacked = tuple(
            Attacked(
                model=model,
                victim=Victim(grey=self.grey),
                attack=self.attack,
                batch=self.batch,
                shard=(i, self.shards),
            )
            for i in range(self.shards)
        )
        measured = tuple(
            Measured(
                attacked=shard,
                model=model,
                judge=judge,
                costs=self.distances,
                saliency=self.saliency,
                jpeg=self.jpeg,
                depths=self.depths,
            )
            for shard in attacked
        )
        return Summary(model=model, measured=measured, attacked=attacked, gallery=self.gallery)

    def check(self, dataset):
        if dataset.kind != "image" or not dataset.classes:
            raise BadInput("", "images with classes were expected", "choose another data set")
        if not len(dataset.train["y"]):
            if not self.pretrained:
                cure = "set pretrained: true and a network that comes with its weights, such as efficientnet_lite0"
                raise BadInput("pretrained", "it has no images to train the classifier on", cure)
            if self.judge is not None:
                raise BadInput("judge", "it has no images to train the judge on", "set judge: null")
        if self.grey and not is_grey(dataset, "test"):
            raise BadInput("grey", "the images have colours", "set grey: false")
        blank = torch.zeros(1, 1 if self.grey else 3, *dataset.shape[1:])
        names = [measure_of(cost).name for cost in self.distances]
        if len({*names}) < len(names):
            raise BadInput("distances", f"{', '.join(names)}: one stands twice", "name each cost once")
        for cost in self.distances:
            cost.prepare(blank)  # finds the weights it needs, or says how to get them
        for name, arguments in (("attack", (blank,)), ("judge", (dataset.shape, dataset.outputs))):
            if fits := getattr(getattr(self, name), "check", None):
                with said_of(name):
                    fits(*arguments)
        if self.saliency is not None:
            self.saliency(blank)


@dataclass(frozen=True, kw_only=True)
class Judge(TrainStage):
    """Standard training of another network."""

    network: NetworkField

    def build(self, setting):
        return TrainStage.build(self, replace(setting, network=self.network))
