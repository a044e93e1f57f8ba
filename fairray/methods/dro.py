"""DRO training with adversarial images ("Human Imperceptible Attacks and Applications to Improve Fairness", chapter 4).

Algorithm 4.1 moves a model and attacks images with it, once; Algorithm 4.2 fine-tunes many models on what it made.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Gt
from torch import Tensor, nn

from fairray.attacks import Attack, AttackField
from fairray.attacks._effort import Effort
from fairray.attacks.perceptual import Perceptual
from fairray.attacks.pgd_l2 import PgdL2
from fairray.checkpoints import go_through
from fairray.data import SPLITS, Dataset
from fairray.errors import BadInput, said_of
from fairray.measures import Measure
from fairray.methods._arrivals import draw, mean_weight, weights
from fairray.methods._attacked import Victim, as_bytes, is_grey, predicted
from fairray.methods.standard import Standard
from fairray.networks import Network
from fairray.records import rows
from fairray.stages import Artifact, Replica, Setting, Shared, Step, Training
from fairray.training.objective import encode, encoded, generator, parameters, trained
from fairray.training.stage import TrainStage, View, error, weighted_mean

__all__ = ["Dro"]

Use = Literal["draw_and_step", "draw", "step"]
Reference = Literal["drawn", "original"]


@dataclass(frozen=True, kw_only=True)
class Dro:
    """Fine-tune theta_0 on the data and on adversarial images of it that Algorithm 4.1 made once.

    Each seed is a model of Algorithm 4.2: R models are R seeds, and more seeds compute only the new ones.

    attack: of fairray/attacks; without one, the same number of draws of the data alone, to tell the attack from more
        training. starts: how many theta_0, each with its own adversarial images, the seeds share: R_0. Seed s goes on
        from the s-th of them, modulo R_0.
    T1: outer steps of Algorithm 4.1, so that there are N (1 + T1) images; T2 is the epochs of training.finetuned.
    alpha: learning rate of theta in Algorithm 4.1. batch: images of one of its steps; the print has 1.
    P: where the weights count that rise with an image's arrival: in the draws and as a factor of the step (as printed;
        over their mean, so that alpha keeps its size), or in one of the two.
    reference: what a perceptual cost compares an image with where the drawn one is adversarial already.
    grey: attack images whose three channels are equal as images of one channel.
    head: train the last layer only, on features that theta_0 gives once.
    """

    attack: AttackField | None = field(default_factory=PgdL2)
    starts: Annotated[int, Ge(1)] = 1
    T1: Annotated[int, Ge(1)] = 3
    alpha: Annotated[float, Gt(0)] = 0.01
    batch: Annotated[int, Ge(1)] = 32
    P: Use = "draw_and_step"
    reference: Reference = "drawn"
    grey: bool = False
    head: bool = False

    def chain(self, dataset):
        theta_0 = Shared(Standard(), self.starts)
        made = None if self.attack is None else Shared(self._adversarial(), self.starts)
        if not self.head:
            return Finetuned(theta_0=theta_0, made=made, T1=self.T1, P=self.P)
        features = Features(theta_0=Standard(), made=self._adversarial() if made else None)
        return Head(theta_0=theta_0, made=made, T1=self.T1, P=self.P, features=Shared(features, self.starts))

    def _adversarial(self) -> "Adversarial":
        assert self.attack is not None
        return Adversarial(
            theta_0=Standard(),
            victim=Victim(grey=self.grey),
            attack=self.attack,
            T1=self.T1,
            alpha=self.alpha,
            batch=self.batch,
            P=self.P,
            reference=self.reference,
        )

    def check(self, dataset):
        check_images(dataset, self.attack, self.grey)
        if self.reference == "original" and not isinstance(self.attack, Perceptual):
            problem = f"{type(self.attack).__name__} compares with no reference"
            raise BadInput("reference", problem, "set reference: drawn, or attack: {name: perceptual, cost: ...}")


def check_images(dataset: Dataset, attack: Attack | None, grey: bool) -> None:
    """Raise BadInput where images of a data set cannot be attacked so."""
    if dataset.kind != "image" or not dataset.classes:
        raise BadInput("", "images with classes were expected", "choose another data set")
    if grey and not is_grey(dataset, "train"):
        raise BadInput("grey", "the images have colours", "set grey: false")
    if fits := getattr(attack, "check", None):
        with said_of("attack"):
            fits(torch.zeros(1, 1 if grey else 3, *dataset.shape[1:]))


@dataclass(frozen=True, kw_only=True)
class Adversarial(Step):
    """Algorithm 4.1: the images that are appended to the N of the data set.

    Tensors, with axis 0 the image in the order of arrival: x as bytes, y, group, and original, the place in the
    training split of the image that it comes from. Records: the share that fools theta when it is made.
    """

    measures = (Measure("fooled"),)

    theta_0: Standard
    victim: Victim
    attack: AttackField
    T1: int
    alpha: float
    batch: int
    P: Use
    reference: Reference

    def compute(self, setting, seed, before):
        train = setting.dataset.train
        network = trained(self.theta_0, setting, before["theta_0"]).main
        x, origin, fooled = augment(
            network,
            setting.dataset.shown(train)["x"],
            train["y"],
            victim=self.victim,
            attack=partial(self.attack, seed=seed),
            T1=self.T1,
            alpha=self.alpha,
            batch=self.batch,
            P=self.P,
            reference=self.reference,
            replica=Replica(self, setting, seed),
            as_floats=lambda images: self.victim.images(images, setting),
        )
        made = {"x": x, "y": train["y"][origin], "group": train["group"][origin], "original": origin}
        return Artifact(made, rows({"fooled": fooled.double().mean()}, split="train"))

    def effort(self, setting: Setting, training: Training) -> Effort:
        """What its attacks take at most."""
        images = self.T1 * len(setting.dataset.train["y"])
        return self.victim.effort(self.attack, setting).times(images)


def augment(
    network: Any,
    x: Tensor,
    y: Tensor,
    *,
    victim: Victim,
    attack: Callable[..., Tensor],
    T1: int,
    alpha: float,
    batch: int,
    P: Use,
    reference: Reference,
    replica: Replica,
    as_floats: Callable[[Tensor], Tensor],
) -> tuple[Tensor, Tensor, Tensor]:
    """Algorithm 4.1, in its symbols, `batch` images at a time; theta, the network's parameters, moves.

    x: the N images as bytes. The N T1 images that are made, as bytes, of each the place of the original that it comes
    from, and whether it fooled theta when it was made.
    """
    N = len(y)
    D = torch.cat([x, x.new_empty(N * T1, *x.shape[1:])])
    origin, fooled = torch.arange(N).repeat(1 + T1), torch.zeros(N * (1 + T1), dtype=torch.bool)
    theta, optimizer = victim.sees(network), torch.optim.SGD(network.parameters(), lr=alpha)
    draws = generator(replica, "draws")
    drawn = [(k, sample(P, N, N, (k - 1) * N, draws)) for k in range(1, T1 + 1)]
    parts = [(k, k * N + i, each[i : i + batch]) for k, each in drawn for i in range(0, N, batch)]

    def make(part: tuple[int, int, Tensor]) -> dict[str, Tensor]:
        k, start, own = part
        x_i, first, y_i = as_floats(D[own]), as_floats(x[origin[own]]), y[origin[own]]
        y_i = y_i.to(x_i.device)
        optimizer.zero_grad()
        (factors(P, own, N, (k - 1) * N).to(x_i) * error(theta(x_i), y_i)).mean().backward()
        optimizer.step()
        adversarial = attack(theta, x_i, y_i, **({"reference": first} if reference == "original" else {}))
        new = slice(start, start + len(own))
        D[new] = as_bytes(adversarial)
        return {"x": D[new], "fooled": (predicted(theta, as_floats(D[new])) != y_i).cpu()}

    for (_, start, own), made in zip(parts, go_through(replica, parts, make, (network, optimizer)), strict=True):
        new = slice(start, start + len(own))
        D[new], origin[new], fooled[new] = made["x"], origin[own], made["fooled"]
    return D[N:], origin[N:], fooled[N:]


def sample(P: Use, size: int, originals: int, made: int, generator: torch.Generator) -> Tensor:
    """Places of examples, drawn with replacement: in proportion to P, or each alike."""
    if P == "step":
        return torch.randint(originals + made, (size,), generator=generator)
    return draw(size, originals, made, generator)


def factors(P: Use, places: Tensor, originals: int, made: int) -> Tensor:
    """By what the step along the gradient of an example's loss is multiplied: P over its mean, or 1."""
    if P == "draw":
        return torch.ones(len(places))
    return weights(places, originals).double() / mean_weight(originals, made)


@dataclass(frozen=True, kw_only=True)
class Finetuned(TrainStage):
    """Algorithm 4.2: epochs of N (1 + T1) draws from D_rob, from theta_0 on."""

    own: ClassVar = {"epochs": 2, "steps": 0, "lr": 0.01, "optimizer": "sgd", "momentum": 0.0, "selection": "last"}

    theta_0: Shared
    made: Shared | None
    T1: int
    P: Use

    def view(self, setting, generator, before):
        originals = len(setting.dataset.train["y"])
        made = before["made"].tensors if self.made else {}
        places = torch.arange(originals + len(made.get("y", ())))
        columns = {"P": factors(self.P, places, originals, len(places) - originals)}
        return View(places, columns, parameters(before["theta_0"]), {n: made[n] for n in ("x", "y", "group") if made})

    def order(self, rows, dataset, generator):
        originals = len(dataset.train["y"])
        return sample(self.P, originals * (1 + self.T1), originals, len(rows) - originals, generator)

    def loss(self, nets, outputs, batch):
        return weighted_mean(batch["P"] * error(outputs["logits"], batch["y"]), batch)


@dataclass(frozen=True, kw_only=True)
class Head(Finetuned):
    """Algorithm 4.2 of the last layer alone, on features that were made once."""

    features: Shared

    def build(self, setting):
        main: Any = super().build(setting)["main"]
        return nn.ModuleDict({"main": Network(nn.Identity(), main.head, main.features)})

    def view(self, setting, generator, before):
        view = super().view(setting, generator, before)
        start = {name: tensor for name, tensor in view.start.items() if name.startswith("main.head.")}
        made = {name: tensor for name, tensor in view.made.items() if name != "x"}
        return replace(view, start=start, made=made, inputs=before["features"].tensors)


@dataclass(frozen=True, kw_only=True)
class Features(Step):
    """The features that theta_0 gives of each split, with axes (example, feature); behind those of the training split
    are those of the adversarial images."""

    theta_0: Standard
    made: Adversarial | None

    def compute(self, setting, seed, before):
        found = {name: encoded(self.theta_0, setting, before["theta_0"], name) for name in SPLITS}
        if self.made:
            made = encode(self.theta_0, setting, before["theta_0"], before["made"].tensors["x"])
            found["train"] = torch.cat([found["train"], made])
        return Artifact(found)
