"""Adversarial training as it is done without Algorithm 4.1: every model attacks its own images (Volpi et al., 2018;
Sinha et al., 2018), so that R models cost R times the attacks."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import torch
from annotated_types import Ge
from torch import Tensor

from fairray.attacks import AttackField
from fairray.attacks._effort import Effort
from fairray.attacks.pgd_l2 import PgdL2
from fairray.checkpoints import go_through
from fairray.data import SPLITS
from fairray.methods._attacked import Victim
from fairray.methods.dro import check_images
from fairray.methods.standard import Standard
from fairray.records import rows
from fairray.stages import Artifact, Before, Replica, Setting, Shared, Training, one_by_one
from fairray.training.objective import generator, in_parts, kept, trained
from fairray.training.stage import TrainStage, error

__all__ = ["OnlineAdversarial"]


@dataclass(frozen=True, kw_only=True)
class OnlineAdversarial:
    """Fine-tune theta_0 on images that the model attacks as it goes, for as many draws as `dro` takes.

    attack, starts, T1, grey: as `dro` has them; T2 is the epochs of training.online.
    """

    attack: AttackField = field(default_factory=PgdL2)
    starts: Annotated[int, Ge(1)] = 1
    T1: Annotated[int, Ge(1)] = 3
    grey: bool = False

    def chain(self, dataset):
        theta_0 = Shared(Standard(), self.starts)
        return Online(theta_0=theta_0, attack=self.attack, T1=self.T1, victim=Victim(grey=self.grey))

    def check(self, dataset):
        check_images(dataset, self.attack, self.grey)


@dataclass(frozen=True, kw_only=True)
class Online(TrainStage):
    """Steps along the gradient of the cross-entropy at images that the model is attacked with just before.

    It trains model by model, with SGD at a constant rate; statistics of batches stay as theta_0 has them.
    """

    own: ClassVar = {"epochs": 2, "steps": 0, "lr": 0.01, "optimizer": "sgd", "momentum": 0.0, "selection": "last"}

    theta_0: Shared
    attack: AttackField
    T1: int
    victim: Victim

    def effort(self, setting: Setting, training: Training) -> Effort:
        """What its attacks take at most."""
        images = training.epochs * (1 + self.T1) * len(setting.dataset.train["y"])
        return self.victim.effort(self.attack, setting).times(images)

    def run(self, replicas, before, engine, progress):
        yield from one_by_one(lambda r, before: r.stage.train(r, before), replicas, before, progress)

    def train(self, replica: Replica, before: Before) -> Artifact:
        """The parameters after the last epoch and their logits, as the loop of other stages leaves them."""
        setting, training = replica.setting, replica.training
        train, draws = setting.dataset.train, generator(replica, "draws")
        bound = trained(self, setting, before["theta_0"])
        theta = self.victim.sees(bound.main)
        optimizer = torch.optim.SGD(bound.parameters(), training.lr, training.momentum, 0.0, training.weight_decay)
        sizes = [len(train["y"]) * (1 + self.T1)] * training.epochs
        epochs = [torch.randint(len(train["y"]), (size,), generator=draws).split(training.batch) for size in sizes]

        def step(part: Tensor) -> Tensor:
            x = self.victim.images(setting.dataset.shown({"x": train["x"][part]})["x"], setting)
            y = train["y"][part].to(x.device)
            optimizer.zero_grad()
            loss = error(theta(self.attack(theta, x, y, replica.seed)), y).mean()
            loss.backward()
            optimizer.step()
            return loss.detach().cpu()

        parts = [part for epoch in epochs for part in epoch]
        each = torch.stack([*go_through(replica, parts, step, (bound, optimizer))])
        losses = each.reshape(training.epochs, -1).mean(1)
        with torch.no_grad():
            splits = {name: setting.dataset.split(name)["x"] for name in SPLITS}
            logits = {f"{name}/logits": in_parts(bound.main, setting, x) for name, x in splits.items()}
        records = rows({"loss": losses}, split="train", epoch=range(len(losses)))
        return Artifact(kept(bound.nets.state_dict(), {}) | logits, records)
