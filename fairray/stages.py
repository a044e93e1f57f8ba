"""A method is a short chain of stages; a stage has an address that says all that its result depends on."""

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, Protocol

import pandas as pd
import torch
from annotated_types import Ge, Gt, Lt

from fairray import identity
from fairray.data import Dataset, Tensors
from fairray.measures import Measure
from fairray.members import checked
from fairray.networks import Network
from fairray.records import join

__all__ = [
    "Artifact", "Before", "Method", "NetworkSpec", "Numerics", "Parent", "Pinned", "Progress", "Replica", "Setting",
    "Shared", "Stage", "Step", "Training", "one_by_one",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Training:
    """How networks are trained, whatever the method (conf/training/).

    steps: how many the whole training takes at least; where its epochs have fewer, each goes through the data several
        times, so that networks learn from small data for as long as from large ones.
    lr, weight_decay: of the optimizer, as torch's own have them; momentum: of SGD. batch: examples a step.
    selection: how the epoch is chosen, on validation data (see `fairray.training.selection`).
    patience: epochs without a better one after which training ends (early stopping); 0 trains them all.
    clip: the largest L2 norm of a step's gradient over all parameters that are trained; a longer one is shortened.
    class_weights: "balanced" weighs an example by (count of the most frequent class) / (count of its own class), as
        the code of ClArC's authors does, counted over the rows that a stage trains on, by the labels it sees.
    milestones, gamma: the learning rate is multiplied by gamma when one of these epochs begins, counted from 0.
    """

    epochs: Annotated[int, Ge(1)] = 20
    steps: Annotated[int, Ge(0)] = 0
    batch: Annotated[int, Ge(1)] = 256
    lr: Annotated[float, Gt(0), Lt(1)] = 1e-4
    weight_decay: Annotated[float, Ge(0)] = 0.0
    selection: Literal["tradeoff", "z", "eacc", "accuracy", "auc", "last"] = "eacc"
    patience: Annotated[int, Ge(0)] = 0
    optimizer: Literal["adam", "sgd"] = "adam"
    momentum: Annotated[float, Ge(0), Lt(1)] = 0.9
    clip: Annotated[float, Gt(0)] | None = None
    class_weights: Literal["none", "balanced"] = "none"
    milestones: tuple[Annotated[int, Ge(1)], ...] = ()
    gamma: Annotated[float, Gt(0)] = 0.1

    def visits(self, batches: int) -> int:
        """How often an epoch goes through data of so many batches."""
        return max(1, math.ceil(self.steps / (self.epochs * batches)))


@dataclass(frozen=True, kw_only=True)
class Numerics:
    """The numeric mode: it changes results, so it is part of every uid.

    dtype: of parameters and data; "bfloat16" keeps float32 parameters and runs the products in bfloat16.
    device: the kind of device. In a study file "auto", the default, is a GPU where the launch has one.
    """

    dtype: Literal["float32", "float64", "bfloat16"] = "float32"
    device: Literal["cpu", "cuda"] = "cpu"

    @property
    def precision(self) -> torch.dtype:
        """Of parameters and data."""
        return torch.float64 if self.dtype == "float64" else torch.float32


class NetworkSpec(Protocol):
    """A member of fairray/networks: a frozen dataclass that builds a `Network`."""

    def build(self, shape: tuple[int, ...], outputs: int) -> Network: ...


@dataclass(frozen=True)
class Setting:
    """What a stage depends on besides itself, the stages before it and the seed.

    stages: fields of `Training` by the name of the one stage for which they are others.
    source: which data set was asked for; what it holds is in its fingerprint.
    """

    dataset: Dataset
    network: Any
    training: Training
    numerics: Numerics
    stages: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    source: str = ""

    def train(self, stage: "Stage") -> Training:
        """How a stage trains here."""
        return self._told(stage)[1]

    def describe(self, stage: "Stage") -> dict[str, Any]:
        """All that a result of the stage depends on here, besides the stages before it and the seed, as JSON."""
        return self._told(stage)[2]

    def modules(self, stage: "Stage") -> set[str]:
        """The modules whose code, with what they import, decides a result of the stage here; how it trains is declared
        in this one."""
        return {type(stage).__module__, *identity.modules(stage.hyperparameters), *self._modules}

    @cached_property
    def _modules(self) -> set[str]:
        return {__name__, *identity.modules([self.network, self.numerics])}

    @cached_property
    def _described(self) -> dict[str, Any]:
        """What its stages have in common."""
        own = {"network": self.network, "training": self.training, "numerics": self.numerics}
        return {"scheme": identity.SCHEME, **identity.describe(own), "dataset": self.dataset.fingerprint}

    def replica(self, stage: "Stage", seed: int) -> "Replica":
        """A stage of a seed here: the same one for all that come after it, so that it is described once."""
        if (id(stage), seed) not in self._replicas:
            self._replicas[id(stage), seed] = Replica(stage, self, seed)
        return self._replicas[id(stage), seed]

    @cached_property
    def _replicas(self) -> dict[tuple[int, int], "Replica"]:
        return {}

    @cached_property
    def _known(self) -> dict[int, tuple["Stage", Training, dict[str, Any]]]:
        """By its id each stage that was asked about, as thousands of seeds and points ask of the same few."""
        return {}

    def _told(self, stage: "Stage") -> tuple["Stage", Training, dict[str, Any]]:
        if id(stage) not in self._known:
            training = self._train(stage)
            self._known[id(stage)] = stage, training, self._describe(stage, training)
        return self._known[id(stage)]

    def _train(self, stage: "Stage") -> Training:
        own = {**stage.own, **self.stages.get(stage.name, {})}
        return checked(Training, {**vars(self.training), **own}) if own else self.training

    def _describe(self, stage: "Stage", training: Training) -> dict[str, Any]:
        own = {} if training is self.training else {"training": identity.describe(training)}
        return {
            **self._described,
            **own,
            "stage": f"{type(stage).__module__}.{type(stage).__name__}",
            "hyperparameters": identity.describe(stage.hyperparameters),
            "code": identity.fingerprint(self.modules(stage)),
        }


@dataclass(frozen=True)
class Artifact:
    """What a stage leaves behind.

    tensors: by name, for the stages after it. records: a tidy table, made by `fairray.records.rows`.
    made: what its spec.json has to say of how it was computed. whole: or the stage has paused on its way, so that this
    is no result, and its records are those so far.
    """

    tensors: Tensors = field(default_factory=dict)
    records: pd.DataFrame = field(default_factory=pd.DataFrame)
    made: Mapping[str, Any] = field(default_factory=dict)
    whole: bool = True


Before = dict[str, Artifact]
Progress = Callable[[str, float], None]


@dataclass(frozen=True, kw_only=True)
class Stage(ABC):
    """One content-addressed step of a method. Its fields are hyperparameters and the stages before it.

    What decides its result is in them, or in code that its module imports: a member, a metric, a function.
    own: fields of `Training` that this stage has otherwise than the study, unless the study sets them for it.
    brief: it takes a moment, so whoever computes what is before it goes on with it.
    heeds_weights: whether it takes what examples weigh (`Dataset`) into account wherever it counts or averages them;
        where it does not, data with weights are refused.
    """

    own: ClassVar[Mapping[str, Any]] = {}
    brief: ClassVar[bool] = False
    heeds_weights: ClassVar[bool] = False

    @abstractmethod
    def run(
        self, replicas: Sequence["Replica"], before: Mapping[str, Before], engine: str, progress: Progress
    ) -> Iterator[tuple["Replica", "Artifact"]]:
        """Compute replicas of stages of this class; each comes as it is finished.

        before: by uid, the artifacts of the stages before, by field name. engine: which trains, "auto" by rule.
        """

    def fits(self, setting: Setting) -> None:  # noqa: B027 (most do)
        """Raise BadInput where it cannot run in a setting, such as with its network; `where` is the field."""

    @property
    def name(self) -> str:
        return re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()

    @property
    def stream(self) -> str:
        """Whose random numbers a seed gives it: its own, unless stages are to be compared on the same ones."""
        return self.name

    @cached_property
    def parents(self) -> dict[str, "Parent"]:
        """The stages before this one by field, and those of a tuple of stages by field and place."""
        found: dict[str, Parent] = {}
        for name, value in identity.field_values(self).items():
            if isinstance(value, Parent):
                found[name] = value
            elif _are_stages(value):
                found |= {f"{name}.{i}": stage for i, stage in enumerate(value)}
        return found

    @cached_property
    def hyperparameters(self) -> dict[str, Any]:
        return {
            name: value
            for name, value in identity.field_values(self).items()
            if not isinstance(value, Parent) and not _are_stages(value)
        }


@dataclass(frozen=True)
class Pinned:
    """A stage before this one that has a seed of its own, so that many models start from one."""

    stage: Stage
    seed: int

    def seed_for(self, seed: int) -> int:
        """The seed of the stage before one of this seed."""
        return self.seed


@dataclass(frozen=True)
class Shared:
    """A stage before this one of which there are only so many: seed s goes on from that of seed s modulo `among`.

    More seeds are then more models from each of the same starts.
    """

    stage: Stage
    among: int

    def seed_for(self, seed: int) -> int:
        """The seed of the stage before one of this seed."""
        return seed % self.among


Parent = Stage | Pinned | Shared


def one_by_one(
    make: Callable[[Any, Before], Artifact],
    replicas: Sequence["Replica"],
    before: Mapping[str, Before],
    progress: Progress,
) -> Iterator[tuple["Replica", Artifact]]:
    """What `Stage.run` gives where replicas are computed each on its own. make: one of them, from those before it."""
    for i, replica in enumerate(replicas):
        made = make(replica, before[replica.uid])
        yield replica, Artifact(made.tensors, join([made.records]))
        progress(f"{replica.stage.name} x{len(replicas)}", (i + 1) / len(replicas))


@dataclass(frozen=True, kw_only=True)
class Step(Stage):
    """A stage that is computed seed by seed; those that train networks are `TrainStage`.

    measures: what its records hold besides metrics, and a study can have for an objective.
    """

    measures: ClassVar[tuple[Measure, ...]] = ()

    def run(self, replicas, before, engine, progress):
        yield from one_by_one(lambda r, before: r.stage.compute(r.setting, r.seed, before), replicas, before, progress)

    @abstractmethod
    def compute(self, setting: Setting, seed: int, before: Before) -> Artifact:
        """Do it for one seed. before: the artifacts of the stages before, by field name."""


class Method(Protocol):
    """A member of fairray/methods: a frozen, keyword-only dataclass of hyperparameters."""

    def chain(self, dataset: Dataset) -> Stage:
        """The last stage; the ones before it are its fields, and what a default stands for on this data is spelled out.

        Stages that are equal are one, whoever asks for them.
        """

    def check(self, dataset: Dataset) -> None:
        """Raise BadInput if the method cannot serve the data set; `where` is the field that is wrong, or nothing."""


@dataclass(frozen=True)
class Replica:
    """A stage, the setting it runs in, and a seed: one result."""

    stage: Stage
    setting: Setting
    seed: int

    @cached_property
    def parents(self) -> dict[str, "Replica"]:
        return {name: self._before(parent) for name, parent in self.stage.parents.items()}

    @property
    def training(self) -> Training:
        """The study's, with what the stage has of its own, with what the study sets for this stage."""
        return self.setting.train(self.stage)

    @cached_property
    def key(self) -> dict[str, Any]:
        """Everything the result depends on, as JSON."""
        before = {name: parent.uid for name, parent in self.parents.items()}
        return {**self.setting.describe(self.stage), "before": before, "seed": self.seed}

    @cached_property
    def uid(self) -> str:
        return identity.name(self.key)

    @cached_property
    def depth(self) -> int:
        return 1 + max((parent.depth for parent in self.parents.values()), default=-1)

    def _before(self, parent: Parent) -> "Replica":
        if isinstance(parent, Stage):
            return self.setting.replica(parent, self.seed)
        return self.setting.replica(parent.stage, parent.seed_for(self.seed))


def _are_stages(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) > 0 and all(isinstance(item, Parent) for item in value)
