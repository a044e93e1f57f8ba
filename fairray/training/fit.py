"""The one training loop: epochs, validation curves, and the epoch that is kept.

From a trial to its loss: `execute` (trial.py) asks each `Stage` to `run` its replicas; `TrainStage.run` is `fit`, which
takes each replica's `View`, and packs what can be trained together; `_train` lets an engine take a step on each of the
pack's batches; the engine calls its `Objective`, which binds the stage to its networks and calls the stage's hooks
`outputs`, `update_state` and `loss` (hooks.py).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Literal, Protocol

import pandas as pd
import torch
from torch import Tensor
from torch.optim.lr_scheduler import MultiStepLR

from fairray.checkpoints import pause, pause_after, recall, remember
from fairray.data import SPLITS, Dataset, Tensors, cell_counts
from fairray.errors import BadInput
from fairray.measures import NUMBER, Measure, Unit
from fairray.memory import told
from fairray.metrics import Predictions, apply
from fairray.records import join, rows
from fairray.stages import Artifact, Before, Progress, Replica, Setting, Training
from fairray.training.alone import Alone
from fairray.training.course import Course
from fairray.training.distributed import Distributed, active
from fairray.training.hooks import Hooks, View
from fairray.training.objective import generator, objective
from fairray.training.selection import BY_CELL, CURVES, best_epoch, ended, trained_epochs
from fairray.training.stacked import Stacked, can_stack, stacks_well
from fairray.training.streams import cast, chunks, settle, take

__all__ = ["EngineName", "Pack", "check_training", "fit", "stack_key"]

EngineName = Literal["auto", "alone", "stacked"]

Measure("loss", unit=NUMBER, best="low")
Measure("kept_epoch", unit=Unit(decimals=0))


class Engine(Protocol):
    """Trains a pack of replicas step by step."""

    name: ClassVar[str]
    optimizer: torch.optim.Optimizer

    def step(self, batch: Tensors) -> Tensor: ...
    def predict(self, batch: Tensors) -> Tensor: ...
    def state(self) -> list[Tensors]: ...
    def restore(self, states: Sequence[Tensors]) -> None: ...
    def reached(self) -> list[Tensors]: ...
    def resume(self, states: Sequence[Tensors]) -> None: ...


Build = Callable[[Sequence[Replica], Sequence[Tensors]], Engine]


@dataclass(frozen=True)
class Pack:
    """Replicas that one engine trains together, and how each sees the training data."""

    replicas: list[Replica]
    views: list[View]

    @property
    def setting(self) -> Setting:
        return self.replicas[0].setting

    @property
    def stage(self) -> Hooks:
        stage = self.replicas[0].stage
        assert isinstance(stage, Hooks)
        return stage

    @property
    def training(self) -> Training:
        """What the replicas have in common; their learning rates and decays may differ."""
        return self.replicas[0].training

    @property
    def examples(self) -> Tensors:
        """What batches are cut from: the training split, and behind it what a stage before made."""
        return self._settled["train"]

    @cached_property
    def splits(self) -> dict[str, Tensors]:
        """Every split, on the device as far as there is room."""
        own = {name: tensor[: len(self.setting.dataset.train["y"])] for name, tensor in self.examples.items()}
        return {**self._settled, "train": own}

    @cached_property
    def _settled(self) -> dict[str, Tensors]:
        view, dataset = self.views[0], self.setting.dataset
        return settle({name: view.examples(name, dataset, self.stage.holds) for name in SPLITS}, self.setting.numerics)

    def evaluated(self, split: str) -> Tensors:
        """A split as the stage evaluates it."""
        further = self.stage.evaluation_columns(self.setting.dataset.split(split))
        return self.splits[split] | cast(further, self.setting.numerics)

    @cached_property
    def columns(self) -> Tensors:
        """Each view's own columns, with axes (replica, example, ...)."""
        stacked = {name: torch.stack([view.columns[name] for view in self.views]) for name in self.views[0].columns}
        return cast(stacked, self.setting.numerics)

    @property
    def starts(self) -> list[Tensors]:
        return [view.start for view in self.views]

    def batches(self, generators: Sequence[torch.Generator], epoch: int = 0, taken: int = 0) -> Iterator[Tensors]:
        """One epoch of batches with axes (replica, example, ...), each replica in its own order.

        taken: how many were taken before; what is random is drawn of these too.
        """
        dataset, numerics = self.setting.dataset, self.setting.numerics
        parts = self._parts(generators)
        left, rows = parts[taken:], sum(part.shape[1] for part in parts)
        for part in parts[:taken]:
            self._draw(part, generators)
        replica = torch.arange(len(self.replicas), device=parts[0].device)[:, None]
        seen = rows - sum(part.shape[1] for part in left)
        for part, found in zip(left, take(self.examples, left, numerics), strict=True):
            own = {name: column[replica, part] for name, column in self.columns.items()}
            behind = torch.full(part.shape, (epoch + seen / rows) / self.training.epochs)
            own |= cast(self._draw(part, generators) | {"progress": behind}, numerics)
            yield dataset.shown(found) | own
            seen += part.shape[1]

    def _draw(self, part: Tensor, generators: Sequence[torch.Generator]) -> Tensors:
        """What is fresh in a batch, with axes (replica, example, ...)."""
        dataset = self.setting.dataset
        drawn = [self.stage.fresh_columns(len(r), dataset, g) for r, g in zip(part, generators, strict=True)]
        return {name: torch.stack([columns[name] for columns in drawn]) for name in drawn[0]}

    def _parts(self, generators: Sequence[torch.Generator]) -> list[Tensor]:
        """The rows of an epoch's batches, with axes (replica, example): all once, or oftener where `steps` asks so."""
        parts = self._visit(generators)
        return parts + [part for _ in range(self.training.visits(len(parts)) - 1) for part in self._visit(generators)]

    def _visit(self, generators: Sequence[torch.Generator]) -> list[Tensor]:
        dataset = self.setting.dataset
        orders = [self.stage.order(view.rows, dataset, g) for view, g in zip(self.views, generators, strict=True)]
        order = torch.stack(orders).to(self.setting.numerics.device)
        return list(order.split(self.training.batch, dim=1))

    def engine(self, build: Build) -> Engine:
        return build(self.replicas, self.starts)


def fit(
    replicas: Sequence[Replica],
    before: Mapping[str, Before],
    engine: EngineName = "auto",
    progress: Progress = lambda message, share: None,
) -> Iterator[tuple[Replica, Artifact]]:
    """Train replicas, each as if alone, those with equal `stack_key` together; artifacts come as they are finished.

    before: by uid, the artifacts of the stages before.
    """
    views = {replica.uid: _view(replica, before[replica.uid]) for replica in replicas}
    reached = {replica.uid: recall(replica) for replica in replicas}
    groups: dict[tuple[Any, ...], list[Replica]] = {}
    for replica in replicas:  # they take their steps together only if they have equally many, of the same made examples
        view, ahead = views[replica.uid], reached[replica.uid] or {"epoch": 0, "taken": 0}
        steps = len(view.rows), ahead["epoch"], ahead["taken"], pause_after(replica)
        key = (*stack_key(replica), view.shared, *steps)
        groups.setdefault(key, []).append(replica)
    done = 0
    for group in groups.values():
        whole = Pack(group, [views[replica.uid] for replica in group])
        build = _engine(whole, engine)
        packs = iter([whole]) if build is Stacked else (Pack([r], [views[r.uid]]) for r in group)
        for pack in packs:
            told = _part(progress, done, len(pack.replicas), len(replicas))
            yield from _train(pack, build, [reached.pop(r.uid) for r in pack.replicas], told)
            done += len(pack.replicas)


def stack_key(replica: Replica) -> tuple[Any, ...]:
    """Replicas with equal keys differ in seed, data views and float hyperparameters only."""
    stage, setting = replica.stage, replica.setting
    assert isinstance(stage, Hooks)
    fixed = {name: value for name, value in stage.hyperparameters.items() if name not in stage.floats}
    training = replace(replica.training, lr=0.5, weight_decay=0.0)
    return type(stage), repr(fixed), setting.dataset.fingerprint, setting.network, training, setting.numerics


def _view(replica: Replica, before: Before) -> View:
    """How a replica sees the training data, with the product of all weights that it, the data and the settings give."""
    stage, dataset = replica.stage, replica.setting.dataset
    assert isinstance(stage, Hooks)
    view = stage.view(replica.setting, generator(replica, "view"), before)
    own, given = view.columns.get("weight"), dataset.train.get("weight")
    if replica.training.class_weights == "none":
        if own is None or given is None:
            return view
        return replace(view, columns={**view.columns, "weight": own * given})
    y = view.columns.get("y", view.joined("y", dataset.train))
    weight = balanced_weights(y, view.rows, given) * (1 if own is None else own) * (1 if given is None else given)
    return replace(view, columns={**view.columns, "weight": weight})


def check_training(replica: Replica) -> None:
    """Raise BadInput where a stage's settings are not for its data or its loss, or the room for data is no number."""
    told()
    stage, training, data = replica.stage, replica.training, replica.setting.dataset
    assert isinstance(stage, Hooks)
    if training.selection == "auc" and data.problem != "binary":
        raise BadInput("training.selection", f"auc needs two labels, and it is {data.problem}", "set it to eacc")
    _check_selection(training.selection, data)
    if training.class_weights != "none" and not data.classes:
        raise BadInput("training.class_weights", "it is a regression, which has no classes", "set it to none")
    if training.class_weights != "none" and not stage.weighs:
        problem, key = f"the loss of {stage.name} knows no weights", f"training.{stage.name}.class_weights"
        raise BadInput("training.class_weights", problem, f"set it to none, or {key} for this stage alone")


def _check_selection(rule: str, data: Dataset) -> None:
    """Raise BadInput where no epoch's score is a number: of `BY_CELL` where validation data lack a subgroup."""
    counts = cell_counts(data.val, len(data.classes) or 1, len(data.groups))
    scored = counts.min() > 0 if rule in BY_CELL else counts.sum() > 0
    if rule != "last" and not scored:
        problem = f"{rule} is no number, as the validation split has no example of some (label, group) subgroup"
        raise BadInput("training.selection", problem, "set it to last, or to accuracy where there are validation data")


def balanced_weights(y: Tensor, rows: Tensor, weight: Tensor | None = None) -> Tensor:
    """Of each example, the count of the most frequent class over that of its own; a row counts once for each visit.

    weight: what an example counts, where they do not count alike.
    """
    visits = None if weight is None else weight[rows].double()
    counts = torch.bincount(y[rows], visits, minlength=int(y.max()) + 1).double()
    return counts.max() / counts.clamp(min=1)[y]  # a class without rows is weighed, and never seen


def _train(pack: Pack, build: Build, reached: list[Any], progress: Progress) -> Iterator[tuple[Replica, Artifact]]:
    """reached: of each replica what `recall` gave, of all of them or of none.

    Where they are to pause, what comes is not whole.
    """
    engine, training, metrics = pack.engine(build), pack.training, CURVES[pack.setting.dataset.problem]
    schedule = MultiStepLR(engine.optimizer, training.milestones, training.gamma)
    course = Course(pack.replicas)
    said, until = f"{pack.stage.name} x{len(pack.replicas)}", pause_after(pack.replicas[0])
    if reached[0] is not None:
        course.resume(reached, engine, schedule)
        reached.clear()
        said += ", resumed"
        progress(said, course.epoch / training.epochs)
    for epoch in range(course.epoch, training.epochs):
        for batch in pack.batches(course.generators, epoch, course.taken):
            course.losses.append(engine.step(batch))
            remember(pack.replicas, lambda: course.describe(engine))
        schedule.step()
        seen = Predictions.of(_logits(pack, engine, "val"), pack.setting.dataset, "val")
        course.end_epoch({name: apply(metric, seen) for name, metric in metrics.items()})
        kept = best_epoch(training.selection, course.curves, training.patience).tolist()
        _keep(course.states, engine, training.selection, epoch, kept)
        progress(said, (epoch + 1) / training.epochs)
        if ended(training.selection, course.curves, training.patience):
            break
        if until is not None and until <= epoch + 1 < training.epochs:
            pause(pack.replicas, lambda: course.describe(engine))
            yield from _tell(pack, course, kept)
            return
    yield from _finish(pack, engine, course)


def _tell(pack: Pack, course: Course, kept: Sequence[int]) -> Iterator[tuple[Replica, Artifact]]:
    """Of replicas that pause, what there is to tell so far."""
    for r, replica in enumerate(pack.replicas):
        curves = {name: curve[:, r] for name, curve in course.curves.items()}
        yield replica, Artifact(records=_records(curves, kept[r]), whole=False)


def _finish(pack: Pack, engine: Engine, course: Course) -> Iterator[tuple[Replica, Artifact]]:
    """What replicas leave behind that are trained to the end: the kept epoch, and what it says of every split."""
    training = pack.training
    lengths = trained_epochs(training.selection, course.curves, training.patience)
    curves = [{name: c[:n, r : r + 1] for name, c in course.curves.items()} for r, n in enumerate(lengths)]
    kept = [int(best_epoch(training.selection, own, training.patience)) for own in curves]
    engine.restore([course.states[r][epoch] for r, epoch in enumerate(kept)])
    logits = {f"{split}/logits": _logits(pack, engine, split) for split in SPLITS}
    made = {"engine": engine.name, "pack": [replica.uid for replica in pack.replicas]}
    for r, replica in enumerate(pack.replicas):
        own = {name: tensor[r] for name, tensor in logits.items()}
        records = _records({name: curve[:, 0] for name, curve in curves[r].items()}, kept[r])
        yield replica, Artifact(course.states[r][kept[r]] | own, records, made)


def _keep(states: list[dict[int, Tensors]], engine: Engine, rule: str, epoch: int, best: list[int]) -> None:
    """Keep what the engine has after the epochs that can still be chosen: the best one so far, but all of them by `z`,
    whose order changes with what comes."""
    if rule != "z" and epoch not in best:
        return
    for kept, state, b in zip(states, engine.state(), best, strict=True):
        if rule == "z":
            kept[epoch] = state
        elif b == epoch:
            kept.clear()
            kept[epoch] = state


def _part(progress: Progress, done: int, own: int, every: int) -> Progress:
    return lambda message, share: progress(message, (done + share * own) / every)


def _logits(pack: Pack, engine: Engine, split: str) -> Tensor:
    """Of all examples of a split, on the host, with axes (replica, example, class)."""
    parts = chunks(pack.setting.dataset, pack.evaluated(split), pack.setting.numerics)
    return torch.cat([engine.predict(part) for part in parts], dim=1).cpu()


def _records(curves: Tensors, kept: int) -> pd.DataFrame:
    """The curves of one replica, and which epoch is kept."""
    epochs = range(len(curves["loss"]))
    validation = {name: curve for name, curve in curves.items() if name != "loss"}
    return join(
        [
            rows({"loss": curves["loss"]}, split="train", epoch=epochs),
            rows(validation, split="val", epoch=epochs),
            rows({"kept_epoch": kept}, split="val", epoch=kept),
        ]
    )


def _engine(pack: Pack, wanted: EngineName) -> Build:
    if active():
        return Distributed
    if wanted == "alone" or (wanted == "auto" and len(pack.replicas) == 1):
        return Alone
    nets = objective(pack.replicas[0]).nets
    if not can_stack(nets):
        return Alone
    pays = stacks_well(nets, len(pack.replicas), pack.training.batch, pack.setting.numerics)
    return Stacked if wanted == "stacked" or pays else Alone
