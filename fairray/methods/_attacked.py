"""Adversarial images of one shard of a data set: what the attacks compute, and nothing that is measured of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from fairray.attacks import AttackField, Model
from fairray.attacks._effort import Effort, count_effort
from fairray.attacks._iterated import vanishes
from fairray.checkpoints import go_through
from fairray.data import EVALUATED, Dataset, Tensors
from fairray.measures import Measure
from fairray.methods.standard import Standard
from fairray.networks import Network
from fairray.pixels import check_finite
from fairray.records import join, rows
from fairray.stages import Artifact, Numerics, Replica, Setting, Step, Training
from fairray.training.objective import trained
from fairray.training.stage import TrainStage
from fairray.training.streams import chunks


@dataclass(frozen=True, kw_only=True)
class Victim:
    """The classifier that is attacked.

    grey: images whose three channels are equal are attacked as images of one channel.
    """

    grey: bool

    def images(self, bytes_: Tensor, setting: Setting) -> Tensor:
        """What attacks are given: floats in [0, 1] with axes (image, channel, height, width), on the device."""
        numerics = setting.numerics
        channels = bytes_[:, :1] if self.grey else bytes_
        return channels.to(numerics.device, numerics.precision) / 255

    def model(self, stage: TrainStage | None, setting: Setting, artifact: Artifact) -> Model:
        """The network of a stage as a callable on such images; without a stage, as the network is built."""
        network: Any = trained(stage or Standard(), setting, artifact).main.requires_grad_(False)
        return self.sees(network.to(memory_format=torch.channels_last))  # a tenth faster on CPUs

    def effort(self, attack: AttackField, setting: Setting) -> Effort:
        """What an attack of one image takes at most."""
        return count_effort(attack, (1 if self.grey else 3, *setting.dataset.shape[1:]))

    def sees(self, network: Network) -> Model:
        """A network as a callable on such images."""
        return lambda x: network(2 * (x.expand(-1, 3, -1, -1) if self.grey else x) - 1)


@dataclass(frozen=True, kw_only=True)
class Attacked(Step):
    """Attack every image of a shard that the classifier reads correctly.

    Tensors, by split: row, the places of those images in it, and attacked, their adversarial images as bytes with axes
    (image, channel, height, width). Records, 0 or 1 of each image: accuracy before the attack, of all in the shard, and
    vanished, whether the gradient of the attack's loss is 0 there, of those that are attacked.
    model: the classifier's stage; a network that comes with its weights needs none. shard: which, and of how many.
    """

    measures = (Measure("vanished", "gradient is 0", best="low", alarm="the gradient that it follows is 0 on images"),)

    model: TrainStage | None
    victim: Victim
    attack: AttackField
    batch: int
    shard: tuple[int, int]

    def compute(self, setting, seed, before):
        model = self.victim.model(self.model, setting, before.get("model", Artifact()))
        return self.attacked(setting, seed, model)

    def attacked(self, setting: Setting, seed: int, model: Model) -> Artifact:
        """The images of a model, and their records."""
        places = {split: self._own(setting, split) for split in EVALUATED}
        parts = [(split, part) for split, own in places.items() for part in own.split(self.batch) if len(part)]
        made = go_through(Replica(self, setting, seed), parts, lambda part: self._attack(setting, part, model, seed))
        found = [*zip(parts, made, strict=True)]
        tensors: Tensors = {}
        tables = []
        for split, own in places.items():
            joined, table = self._joined(setting, split, own, [each for (of, _), each in found if of == split])
            tensors |= {f"{split}/{name}": tensor for name, tensor in joined.items()}
            tables.append(table)
        return Artifact(tensors, join(tables))

    def effort(self, setting: Setting, training: Training) -> Effort:
        """What its attacks take at most."""
        images = sum(len(self._own(setting, split)) for split in EVALUATED)
        return self.victim.effort(self.attack, setting).times(images)

    def _own(self, setting: Setting, split: str) -> Tensor:
        """The places of the shard's images."""
        first, step = self.shard
        return torch.arange(len(setting.dataset.split(split)["y"]))[first::step]

    def _attack(self, setting: Setting, part: tuple[str, Tensor], model: Model, seed: int) -> Tensors:
        """right: of each image whether it is read correctly; of those that are, attacked, and vanished by the loss.

        part: a split, and places of images in it.
        """
        split, places = part
        x = self.victim.images(pictures(setting.dataset, split, places), setting)
        y = setting.dataset.split(split)["y"][places].to(setting.numerics.device)
        good, loss = predicted(model, x) == y, getattr(self.attack, "loss", None)
        found = {"right": good.cpu()}
        if good.any():
            found["attacked"] = as_bytes(self.attack(model, x[good], y[good], seed))
            if loss:
                found["vanished"] = vanishes(model, x[good], y[good], loss).cpu()
        return found

    def _joined(
        self, setting: Setting, split: str, own: Tensor, made: Sequence[Tensors]
    ) -> tuple[Tensors, pd.DataFrame]:
        """The tensors and records of a split. own: the places of the shard's images in it."""
        ids = setting.dataset.split(split)["id"]
        blank = as_bytes(self.victim.images(pictures(setting.dataset, split, own[:0]), setting))
        right = torch.cat([torch.zeros(0, dtype=torch.bool), *(each["right"] for each in made)])
        records = [rows({"accuracy": right}, split=split, sample=ids[own])]
        if still := [each["vanished"] for each in made if "vanished" in each]:
            records.append(rows({"vanished": torch.cat(still)}, split=split, sample=ids[own[right]]))
        attacked = [each["attacked"] for each in made if "attacked" in each]
        return {"row": own[right], "attacked": torch.cat([blank, *attacked])}, join(records)


def pictures(dataset: Dataset, split: str, rows: Tensor) -> Tensor:
    """Images of a split as the data set has them: bytes with axes (image, 3, height, width)."""
    return dataset.shown({"x": dataset.split(split)["x"][rows]})["x"]


def is_grey(dataset: Dataset, split: str) -> bool:
    """Whether the three channels of every image of a split are equal."""
    parts = chunks(dataset, {"x": dataset.split(split)["x"]}, Numerics())
    return all(bool((part["x"] == part["x"][:, :1]).all()) for part in parts)


def batches(dataset: Dataset, split: str, tensors: Tensors, size: int) -> Iterator[Tensors]:
    """Of the attacked images of a split: row, x (the images before), y, attacked."""
    data, rows = dataset.split(split), tensors[f"{split}/row"]
    for part, attacked in zip(rows.split(size), tensors[f"{split}/attacked"].split(size), strict=True):
        if len(part):
            yield {"row": part, "x": pictures(dataset, split, part), "y": data["y"][part], "attacked": attacked}


@torch.no_grad()
def predicted(model: Model, x: Tensor) -> Tensor:
    """The most likely class of each image. Raises BadInput where there is none."""
    z = model(x)
    check_finite(z, "model", "its output")
    return z.argmax(-1)


def as_bytes(x: Tensor) -> Tensor:
    """Images in [0, 1] as bytes on the host, rounded once: rounding within an attack would kill its small steps."""
    check_finite(x, "attack", "what it makes")
    return (x.detach() * 255).round().to(torch.uint8).cpu()
