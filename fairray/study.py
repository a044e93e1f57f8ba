"""A study is a declared question: tasks x methods x search space x seeds, as plain values."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from annotated_types import Ge

from fairray import evaluation, registry
from fairray.data import Dataset
from fairray.errors import BadInput
from fairray.metrics import suits
from fairray.stages import Stage, digest
from fairray.trial import Trial, dataset

__all__ = ["Arm", "Direction", "Grid", "Launch", "Range", "Search", "Study", "space"]

Spec = dict[str, Any]
Value = bool | int | float | str
Direction = Literal["minimize", "maximize"]


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Values to try, all of them in a grid search and as categories otherwise."""

    grid: tuple[Value, ...]


@dataclass(frozen=True, kw_only=True)
class Range:
    """An interval to search, with both ends in it; whole numbers where both ends are."""

    low: int | float
    high: int | float
    log: bool = False


@dataclass(frozen=True, kw_only=True)
class Search:
    """How the open hyperparameters of a method are searched (conf/search/).

    points: how many for each task and method (a grid takes all of its own). batch: asked for at once;
    what is asked depends on all batches before and never on which trial ended first.
    """

    name: Literal["grid", "tpe", "nsga2"] = "grid"
    points: Annotated[int, Ge(1)] = 20
    batch: Annotated[int, Ge(1)] = 5
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Launch:
    """Where and how a study runs (conf/launch/); no result depends on it, so no uid does.

    executor: "ray", or "local" for this process alone. address: of a Ray cluster; without one, the cluster whose
    job this is, or one that is started here.
    cpus, gpus: of each trial, or of each of its workers. workers: Ray Train workers of each trial; 0 trains
    inside the trial. pack: most replicas in one trial. engine: "auto" measures which is faster.
    threads: torch threads of a trial. output: the folder of the reports; store: of the results, or a URL
    (s3://, gs://), which all nodes must reach. tracking: MLflow's URI. Where they are not given they lie in `output`.
    """

    executor: Literal["ray", "local"] = "ray"
    address: str | None = None
    cpus: Annotated[int, Ge(1)] = 1
    gpus: Annotated[float, Ge(0)] = 0.0
    workers: Annotated[int, Ge(0)] = 0
    pack: Annotated[int, Ge(1)] = 25
    engine: Literal["auto", "alone", "stacked"] = "auto"
    threads: Annotated[int, Ge(1)] = 1
    output: str = "runs"
    store: str | None = None
    tracking: str | None = None

    @property
    def folder(self) -> Path:
        return Path(self.output).resolve()

    @property
    def store_root(self) -> str:
        return self.store or str(self.folder / "store")

    @property
    def tracking_uri(self) -> str:
        return self.tracking or f"sqlite:///{self.folder / 'mlflow.db'}"


@dataclass(frozen=True)
class Arm:
    """One method on one task, with its search space: dotted names to `Grid` or `Range`."""

    task: str
    name: str
    space: dict[str, Grid | Range]
    closed: Trial

    def at(self, point: Spec) -> Trial:
        """The trial at a point of the space."""
        parts = deepcopy({part: getattr(self.closed, part) for part in ("method", "network", "training")})
        for key, value in point.items():
            *path, name = key.split(".")
            spec = parts
            for part in path:
                spec = spec[part]
            spec[name] = value
        old = self.closed
        return Trial(old.task, old.arm, old.dataset, **parts, numerics=old.numerics, seeds=old.seeds, point=point)

    @property
    def last_stage(self) -> Stage:
        """What the method ends in, at the corner of its space."""
        return registry.build("methods", self.corner.method).chain()

    @property
    def corner(self) -> Trial:
        """The trial where every open value is its first or lowest."""
        return self.at({key: v.grid[0] if isinstance(v, Grid) else v.low for key, v in self.space.items()})

    def grid(self) -> list[Spec]:
        """Every point, where all of the space is a grid."""
        values = [choice.grid for choice in self.space.values() if isinstance(choice, Grid)]
        return [dict(zip(self.space, point, strict=True)) for point in product(*values)]


@dataclass(frozen=True, kw_only=True)
class Study:
    """What a study file says, validated; built by `fairray.config.load`.

    tasks, methods: specs by the name the study gives them; a method's values may be `Grid` or `Range`.
    families: of each task the one of the study file that stands for it and for others, by its lists of targets.
    networks: of methods, or of tasks, that have another network than the others. searches: of methods likewise.
    objectives: metrics to "minimize" or "maximize" on validation data, aggregated over seeds; to each task
        apply those that suit it.
    left_out: tasks not run, and why. printed: the file of the paper's numbers, if any; printed_tasks: which of
        its tasks one of ours stands for, where it has another name there.
    """

    name: str
    question: str
    scale: str
    tasks: dict[str, Spec]
    families: dict[str, str] = field(default_factory=dict)
    methods: dict[str, Spec]
    network: Spec
    networks: dict[str, Spec] = field(default_factory=dict)
    training: Spec
    numerics: Spec
    seeds: int
    objectives: dict[str, Direction]
    search: Search
    searches: dict[str, Search] = field(default_factory=dict)
    launch: Launch
    baseline: str | None = None
    printed: Path | None = None
    printed_tasks: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def arms(self) -> Iterator[Arm]:
        """Every method on every task."""
        for (task, data), (name, method) in product(self.tasks.items(), self.methods.items()):
            specs = {"method": method, "network": self._network(task, name), "training": self.training}
            closed = Trial(
                task, name, data, **_closed(specs), numerics=self.numerics, seeds=tuple(range(self.seeds)), point={}
            )
            yield Arm(task, name, space(specs), closed)

    def _network(self, task: str, method: str) -> Spec:
        """The one given for the method, else for the task, else for what stands for the task, else for all."""
        labels = (method, task, self.families.get(task, task))
        return next((self.networks[label] for label in labels if label in self.networks), self.network)

    def objectives_of(self, task: str) -> dict[str, Direction]:
        """The objectives that suit a task; those that are no registered metric are a method's own."""
        known, problem = evaluation.metrics(), dataset(self.tasks[task]).problem
        return {m: way for m, way in self.objectives.items() if m not in known or suits(known[m], problem)}

    def datasets(self) -> dict[str, Dataset]:
        """The data of every task; raises BadInput where one cannot be loaded."""
        return {task: dataset(spec) for task, spec in self.tasks.items()}

    def check(self) -> None:
        """Raise BadInput where a method cannot serve a data set or a device is not there, before anything runs."""
        ray, cuda = self.launch.executor == "ray", self.numerics["device"] == "cuda"
        if cuda and not (self.launch.gpus if ray else torch.cuda.is_available()):
            problem = "cuda is asked for, and " + ("trials are given no GPU" if ray else "torch sees none here")
            cure = "set numerics.device=cpu, or " + ("launch.gpus=1" if ray else "run where there is a GPU")
            raise BadInput("numerics.device", problem, cure)
        if self.launch.workers > 1 and not cuda:
            self._check_batch_norm()
        for task, data in self.datasets().items():
            if not self.objectives_of(task):
                cure = f"name one of {', '.join(evaluation.metrics(data.problem))}"
                raise BadInput("objectives", f"none of them suits {task}, which is {data.problem}", cure)
            if self.training.get("selection") == "auc" and data.problem != "binary":
                raise BadInput(
                    "training.selection", f"auc needs two labels; {task} is {data.problem}", "set it to eacc"
                )
        for arm in self.arms():
            data, corner = dataset(arm.closed.dataset), arm.corner
            network, method = registry.build("networks", corner.network), registry.build("methods", corner.method)
            if fits := getattr(network, "check", None):
                fits(data.shape, data.outputs)
            if getattr(method, "pretrained", False) and not getattr(network, "pretrained", False):
                cure = f"set network.weights=FILE where it has such a key, or methods.{arm.name}.pretrained=false"
                raise BadInput(f"network of {arm.name}", f"{corner.network['name']} comes without weights", cure)
            if arm.space and not len(data.val["y"]):
                problem = f"{arm.task} has no validation data, on which points are chosen"
                raise BadInput(f"search of {arm.name}", problem, "give the data set some, or every key one value")
            method.check(data)

    def _check_batch_norm(self) -> None:
        for arm in self.arms():
            data, network = dataset(arm.closed.dataset), registry.build("networks", arm.corner.network)
            with torch.device("meta"):
                modules = network.build(data.shape, data.outputs).modules()
            if any(isinstance(module, torch.nn.modules.batchnorm._BatchNorm) for module in modules):
                problem = f"{arm.corner.network['name']} normalises by batch, which several CPU processes cannot share"
                raise BadInput(
                    "launch.workers", problem, "set launch.workers=1, numerics.device=cuda or another network"
                )

    @property
    def uid(self) -> str:
        """Of the question, the data and the code, not of where it runs."""
        spaces = [(arm.task, arm.name, repr(arm.space), arm.corner.uid) for arm in self.arms()]
        return digest([self.name, self.scale, spaces, repr((self.search, self.searches)), self.objectives])


def space(spec: Spec) -> dict[str, Grid | Range]:
    """The open values of a spec and of the members in it, by dotted name."""
    found: dict[str, Grid | Range] = {}
    for key, value in spec.items():
        if isinstance(value, Grid | Range):
            found[key] = value
        elif isinstance(value, dict):
            found |= {f"{key}.{inner}": choice for inner, choice in space(value).items()}
    return found


def _closed(spec: Spec) -> Spec:
    """The spec without its open values."""
    return {
        key: _closed(value) if isinstance(value, dict) else value
        for key, value in spec.items()
        if not isinstance(value, Grid | Range)
    }
