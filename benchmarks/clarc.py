"""What does RR-ClArC cost? An epoch of it beside one of plain fine-tuning, and features once beside every epoch.

epochs: the penalty differentiates twice, through what lies behind the layer. Both start from the same biased model and
    see images anew (a small convolutional network; a ResNet-18 of a quarter of the width), or activations that are
    kept.
cached: all epochs of plain fine-tuning on activations, with what it takes to make them, beside as many on images.

    python benchmarks/clarc.py [--epochs 10] [epochs] [cached]
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from dro import listed, rounds

from fairray.artefacts.patch import Patch
from fairray.data import Dataset
from fairray.datasets._stamped import stamped
from fairray.datasets.toy import Toy
from fairray.stages import Artifact, Replica
from fairray.trial import Trial, stages

CNN = {"name": "small_cnn"}
RESNET = {"name": "resnet18", "width": 0.25}


@dataclass(frozen=True, kw_only=True)
class Images:
    """Toy images with a patch in many of class 1; those that are evaluated are few."""

    side: int
    size: int

    def load(self) -> Dataset:
        toy = Toy(side=self.side, size=self.size, bias=0.9).load()
        for i, split in enumerate((toy.val, toy.test)):
            split.update({name: tensor[:64] for name, tensor in split.items()})
            split["id"] += (i + 1) * self.size
        return stamped(toy, Patch(), "1", 0.6, seed=0)


def trial(data: Images, network: dict[str, Any], method: str, epochs: int, cached: bool) -> Trial:
    return Trial(
        task="toy",
        arm=method,
        dataset=data,
        method={"name": method, "cached": cached, "lrp": False},
        network=network,
        training={"epochs": epochs, "batch": 64, "lr": 1e-3, "selection": "last", "standard": {"epochs": 8}},
    )


class Start:
    """What comes before a correction, in memory. made: by uid, what was computed already, for it and others."""

    def __init__(self, one: Trial, made: dict[str, Artifact]):
        self.model, self.made = one.replicas[0].parents["model"], made
        for uid, replica in stages([self.model]).items():
            if uid != self.model.uid and uid not in made:
                made[uid] = self.run(replica)

    def run(self, replica: Replica) -> Artifact:
        before = {name: self.made[parent.uid] for name, parent in replica.parents.items()}
        found = replica.stage.run([replica], {replica.uid: before}, "alone", lambda message, share: None)
        return next(iter(found))[1]

    def train(self) -> None:
        self.run(self.model)

    def activations(self) -> None:
        """Makes what is kept."""
        self.run(self.model.parents["activations"])


def starts(data: Images, network: dict[str, Any], epochs: int, ways: dict[str, tuple[str, bool]]) -> dict[str, Start]:
    """Of one biased model. ways: the method, and whether activations are kept."""
    made: dict[str, Artifact] = {}
    return {name: Start(trial(data, network, method, epochs, kept), made) for name, (method, kept) in ways.items()}


def fastest(ways: dict[str, Callable[[], object]]) -> dict[str, float]:
    return {name: min(times) for name, times in rounds(ways).items()}


def epochs(count: int) -> None:
    """Seconds of an epoch, with the evaluation of few images; the ratio of the unit of lambda is measured before."""
    settings = [
        ("small_cnn", Images(side=28, size=3000), CNN, False),
        ("resnet18", Images(side=64, size=300), RESNET, False),
        ("cached", Images(side=28, size=3000), CNN, True),
    ]
    for name, data, network, cached in settings:
        begun = starts(data, network, count, {m: (m, cached) for m in ("vanilla", "rr_clarc")})
        found = {method: s / count for method, s in fastest({m: one.train for m, one in begun.items()}).items()}
        print(f"an epoch of {data.size:,} images, {name}, ms: {listed(found, 1000)}")
        print(f"ratio rr_clarc_epoch_vs_vanilla_{name} {found['rr_clarc'] / found['vanilla']:.2f}")


def cached(count: int) -> None:
    """All epochs."""
    begun = starts(Images(side=28, size=3000), CNN, count, {"kept": ("vanilla", True), "anew": ("vanilla", False)})

    def once() -> None:
        begun["kept"].activations()
        begun["kept"].train()

    found = fastest({"features once": once, "every epoch": begun["anew"].train})
    print(f"{count} epochs of 3,000 images, small_cnn, s: {listed(found)}")
    print(f"ratio cached_vs_uncached {found['every epoch'] / found['features once']:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=["epochs", "cached", []], help="all, unless some are named")
    parser.add_argument("--epochs", type=int, default=10, help="of fine-tuning")
    given = parser.parse_args()
    torch.set_num_threads(1)
    parts = given.parts or ["epochs", "cached"]
    if "epochs" in parts:
        epochs(given.epochs)
    if "cached" in parts:
        cached(given.epochs)


if __name__ == "__main__":
    main()
