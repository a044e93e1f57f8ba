"""What methods share that end in probes: how the probes are set, and the stages that train them and draw a map."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
import torch
from annotated_types import Ge, Gt, Lt

from fairray.data import EVALUATED, SPLITS, Dataset
from fairray.errors import BadInput
from fairray.measures import NUMBER, Measure
from fairray.records import join, rows
from fairray.stages import Artifact, Replica, Stage, Step
from fairray.statistics.trust import row_trust
from fairray.training.objective import encoded, generator
from fairray.training.probes import Examples, Probing, train_probes
from fairray.training.stage import TrainStage


@dataclass(frozen=True, kw_only=True)
class ProbeSettings:
    """Fields of methods that end in probes; the values are the paper's.

    probe_lr, probe_batch, probe_epochs, probe_patience, probe_standardise: see `fairray.training.probes.Probing`.
    tsne: how many test images are laid out in a plane by their features.
    """

    probe_lr: Annotated[float, Gt(0), Lt(1)] = 1e-4
    probe_batch: Annotated[int, Ge(1)] = 32
    probe_epochs: Annotated[int, Ge(1)] = 100
    probe_patience: Annotated[int, Ge(1)] = 10
    probe_standardise: bool = True
    tsne: Annotated[int, Ge(0)] = 0

    def probed(self, model: TrainStage, unwanted: tuple[str, ...]) -> Stage:
        """The last stage of a chain: probes of a model, and the map of its features where one is wanted."""
        probing = Probing(
            lr=self.probe_lr,
            batch=self.probe_batch,
            epochs=self.probe_epochs,
            patience=self.probe_patience,
            standardise=self.probe_standardise,
        )
        probe = Probe(model=model, unwanted=unwanted, probing=probing)
        return Embedding(model=model, probe=probe, examples=self.tsne) if self.tsne else probe


@dataclass(frozen=True, kw_only=True)
class Probe(Step):
    """What a model's features tell of every task of the data set.

    Records: accuracy of the model itself; probe_accuracy by task (in the column probed); leaked_accuracy, the mean of
    the probes of the unwanted tasks; trust, the model's row of the trust score. Leaves SPLIT/right/TASK, whether the
    probe of a task reads each example right.
    """

    measures = (
        Measure("leaked_accuracy", best="low"),
        Measure("probe_accuracy"),
        Measure("trust", "trust score", NUMBER),
    )

    model: TrainStage
    unwanted: tuple[str, ...]
    probing: Probing

    def compute(self, setting, seed, before):
        dataset, replica = setting.dataset, Replica(self, setting, seed)
        examples = {
            split: Examples(
                encoded(self.model, setting, before["model"], split),
                torch.stack([dataset.split(split)[task.column] for task in dataset.tasks.values()]),
            )
            for split in SPLITS
        }
        probes = train_probes(
            examples["train"],
            examples["val"],
            classes=[len(task.classes) for task in dataset.tasks.values()],
            probing=self.probing,
            order=generator(replica, "order"),
            generators=[generator(replica, f"probe of {task}") for task in dataset.tasks],
            numerics=setting.numerics,
        )
        tables: list[pd.DataFrame] = []
        kept: dict[str, torch.Tensor] = {}
        for split in EVALUATED:
            predicted = before["model"].tensors[f"{split}/logits"].argmax(-1)
            accuracy = (predicted == dataset.split(split)["y"]).double().mean()
            right = probes.predict(examples[split].features) == examples[split].labels
            told = dict(zip(dataset.tasks, right.double().mean(1).tolist(), strict=True))
            tables += self._records(dataset, float(accuracy), told, split)
            kept |= {f"{split}/right/{name}": each.to(torch.uint8) for name, each in zip(dataset.tasks, right)}
        return Artifact(kept, join(tables))

    def _records(self, dataset: Dataset, accuracy: float, told: dict[str, float], split: str) -> list[pd.DataFrame]:
        classes, target = [len(task.classes) for task in dataset.tasks.values()], list(told).index(dataset.target)
        values = {
            "accuracy": accuracy,
            "leaked_accuracy": np.mean([told[name] for name in self.unwanted]),
            "trust": row_trust(np.array([*told.values()]), classes, target),
        }
        probed = rows({"probe_accuracy": [*told.values()]}, split=split, probed=[*told])
        return [rows(values, split=split), probed]


@dataclass(frozen=True, kw_only=True)
class Embedding(Step):
    """The features of test examples, evenly spaced, laid out in a plane: t-SNE (van der Maaten & Hinton, 2008).

    Records: tsne_x and tsne_y of each example, whose id is in the column sample.
    """

    measures = (*Probe.measures, Measure("tsne_x", unit=NUMBER), Measure("tsne_y", unit=NUMBER))

    model: TrainStage
    probe: Probe
    examples: int

    def compute(self, setting, seed, before):
        from sklearn.manifold import TSNE  # slow to import, and most studies draw no map

        ids = setting.dataset.test["id"]
        spread = torch.linspace(0, len(ids) - 1, min(self.examples, len(ids))).long()  # they may be sorted by label
        features = encoded(self.model, setting, before["model"], "test")[spread].numpy()
        perplexity = min(30.0, (len(features) - 1) / 3)
        plane = TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(features)
        values = dict(zip(("tsne_x", "tsne_y"), plane.T, strict=True))
        return Artifact({}, rows(values, split="test", sample=ids[spread].numpy()))


def unwanted(dataset: Dataset, names: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The tasks of which a model should tell nothing: those named, else the protected attribute, else all others."""
    if names:
        return names
    if dataset.protected in dataset.tasks:
        return (dataset.protected,)
    return tuple(name for name in dataset.tasks if name != dataset.target)


def check_tasks(dataset: Dataset, names: tuple[str, ...] = ()) -> None:
    """Raise BadInput where the target is no task of classes, or there is nothing beside it, or not what is named."""
    known = set(dataset.tasks) - {dataset.target}
    if dataset.target not in dataset.tasks or not known:
        problem = f"its tasks with classes are {', '.join(dataset.tasks) or 'none'}; a target and another are needed"
        raise BadInput("", problem, "choose a data set of several tasks, or a protected attribute")
    for name in names:
        if name not in known:
            raise BadInput("suppressed", f"{name} is none of its other tasks", f"choose of {', '.join(sorted(known))}")
