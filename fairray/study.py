"""A study is a declared question: tasks x methods x search space x seeds, as plain values."""

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from annotated_types import Ge, Gt

from fairray import evaluation
from fairray.budget import Budget
from fairray.data import Dataset
from fairray.errors import BadInput, unknown
from fairray.identity import digest
from fairray.measures import Measure, find
from fairray.members import label
from fairray.rules import Selection
from fairray.space import Space, Template
from fairray.stages import Numerics
from fairray.trial import Trial, dataset

__all__ = ["Arm", "Launch", "Search", "Stopping", "Study"]


@dataclass(frozen=True, kw_only=True)
class Stopping:
    """How a search stops early: after first, first * factor, first * factor ** 2 ... epochs of what a method ends in.

    There the trials of a batch pause, all seeds together, and are scored by the epoch that they would keep. rule:
    "halving" lets the best 1 / factor go on of all that have paused there so far, by the study's selection rule
    (successive halving, Jamieson and Talwalkar 2016; across batches as in ASHA, Li et al. 2020); "dominated" lets all
    go on but those that another is ahead of in every objective by more than the study's margin for it.
    """

    rule: Literal["halving", "dominated"]
    first: Annotated[int, Ge(1)] = 1
    factor: Annotated[int, Ge(2)] = 3


@dataclass(frozen=True, kw_only=True)
class Search:
    """How the open hyperparameters of a method are searched (conf/search/).

    name: a grid, or a sampler of Optuna's: random, quasi-random (Sobol's), TPE, Gaussian process, CMA-ES (numbers, and
    one objective), NSGA-II, NSGA-III, or one of OptunaHub's.
    points: how many for each task and method (a grid takes all of its own). batch: asked for at once;
    what is asked depends on all batches before and never on which trial ended first.
    package: of OptunaHub's, such as samplers/auto_sampler, whose code is run. registry: the folder that has it, so that
    nothing is downloaded. stop: by which rule trials end before all of their epochs; null: none does.
    """

    name: Literal["grid", "random", "qmc", "tpe", "gp", "cmaes", "nsga2", "nsga3", "hub"] = "grid"
    points: Annotated[int, Ge(1)] = 20
    batch: Annotated[int, Ge(1)] = 5
    seed: int = 0
    package: str | None = None
    registry: str | None = None
    stop: Stopping | None = None

    def __post_init__(self) -> None:
        if (self.name == "hub") != (self.package is not None):
            problem = f"the search is {self.name}, and package is {self.package}"
            raise BadInput("package", problem, "a search of OptunaHub's is {name: hub, package: samplers/auto_sampler}")


@dataclass(frozen=True, kw_only=True)
class Launch:
    """Where and how a study runs (conf/launch/); no result depends on it, so no uid does.

    executor: "ray", or "local" for this process alone. address: of a Ray cluster; without one, the cluster whose
    job this is, or one that is started here.
    cpus, gpus: of each job, or of each of its workers; gpus matter on cuda only. workers: Ray Train workers of each
    job; 0 computes inside the job. "auto" chooses by what the networks need (launch/resources.py), and `plan` says how.
    device: what "auto" means for the numeric mode, where gpus are not counted: a GPU where torch sees one here.
    pack: most replicas in one job. engine: "auto" chooses by network and size.
    hang: minutes without progress, which is an epoch, or a seed of what has none, after which a job is ended; null: it
    is waited for. repeats: so many trials that end in the same traceback end the study.
    checkpoint: minutes after which a stage that takes longer writes into the store how far it is, and again after as
    many, so that it goes on from there; null: never.
    threads: torch threads of a job. output: the folder of the reports; store: of the results, or a URL
    (s3://, gs://), which all nodes must reach. tracking: MLflow's URI, or "none" to do without MLflow. Where they are
    not given they lie in `output`. budget: what a run may take before it starts nothing more: 20trials, 1.5h, 4gpu-h.
    """

    executor: Literal["ray", "local"] = "ray"
    address: str | None = None
    cpus: Annotated[int, Ge(1)] = 1
    gpus: Annotated[float, Ge(0)] | Literal["auto"] = "auto"
    workers: Annotated[int, Ge(0)] | Literal["auto"] = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    pack: Annotated[int, Ge(1)] = 25
    engine: Literal["auto", "alone", "stacked"] = "auto"
    threads: Annotated[int, Ge(1)] = 1
    hang: Annotated[float, Gt(0)] | None = None
    repeats: Annotated[int, Ge(1)] = 10
    checkpoint: Annotated[float, Gt(0)] | None = 5.0
    output: str = "runs"
    store: str | None = None
    tracking: str | None = None
    budget: str | float | None = None

    def __post_init__(self) -> None:
        if self.budget is not None:
            Budget.read(str(self.budget))

    @property
    def folder(self) -> Path:
        return Path(self.output).expanduser().resolve()

    @property
    def store_root(self) -> str:
        return os.path.expanduser(self.store) if self.store else str(self.folder / "store")

    @property
    def has_gpus(self) -> bool:
        """Whether `numerics.device: auto` means a GPU."""
        if self.gpus != "auto":
            return self.gpus > 0
        return self.device == "cuda" or (self.device == "auto" and torch.cuda.is_available())

    @property
    def tracking_uri(self) -> str | None:
        if self.tracking == "none":
            return None
        return self.tracking or f"sqlite:///{self.folder / 'mlflow.db'}"


@dataclass(frozen=True)
class Arm:
    """One method on one task; open values have dotted names such as method.strength or training.teacher.epochs.

    parts: the trial's method, network and training, of which some values are open. fixed: its other arguments.
    """

    task: str
    name: str
    parts: Template
    fixed: Mapping[str, Any]

    @property
    def space(self) -> Space:
        return self.parts.space

    def at(self, point: Mapping[str, Any]) -> Trial:
        """The trial at a point of the space."""
        trial = Trial(self.task, self.name, **self.parts.at(point), **self.fixed, point=point)
        if not trial.stages:
            return trial
        return replace(trial, stages={name: own for name, own in trial.stages.items() if name in trial.stage_names})

    @cached_property
    def corner(self) -> Trial:
        """The trial where every open value is its first or lowest."""
        return self.at({name: choice.ends[0] for name, choice in self.space.items()})


@dataclass(frozen=True, kw_only=True)
class Study:
    """What a study file says, validated; built by `fairray.config.load`.

    tasks: data sets by the name the study gives them. methods, network, training: templates; their values may be open.
    families: of each task the one of the study file that stands for it and for others, by its lists of targets.
    networks: of methods, or of tasks, that have another network than the others. trainings, searches: of methods
    likewise. replays: searches that are played again on the grids that are stored, which computes nothing.
    splits: how many times the data are drawn, of which seeds have one each in turn. confirm: fresh seeds that are
    reported, where those above only choose points; 0 where the same do both. spread: of measures, in the unit of print,
    how far differences between methods deviate over seeds, for `plan`.
    objectives: measures that points are chosen by on validation data, as means over seeds; to each task apply those
        that suit it. selection: by which rule.
    margins: of measures, in the unit of print, the largest difference that does not matter.
    left_out: tasks not run, and why. printed: the file of the paper's numbers, if any; printed_tasks: which of
        its tasks one of ours stands for, where it has another name there.
    where: says where a value such as methods.bade.strength came from.
    """

    name: str
    question: str
    scale: str
    tasks: dict[str, Any]
    families: dict[str, str] = field(default_factory=dict)
    methods: dict[str, Template]
    network: Template
    networks: dict[str, Template] = field(default_factory=dict)
    training: Template
    trainings: dict[str, Template] = field(default_factory=dict)
    numerics: Numerics
    seeds: int
    splits: int = 1
    confirm: int = 0
    objectives: tuple[str, ...]
    search: Search
    searches: dict[str, Search] = field(default_factory=dict)
    replays: dict[str, Search] = field(default_factory=dict)
    selection: Selection = field(default_factory=Selection)
    launch: Launch
    baseline: str | None = None
    margins: dict[str, float] = field(default_factory=dict)
    spread: dict[str, float] = field(default_factory=dict)
    printed: Path | None = None
    printed_tasks: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    where: Callable[[str], str] = field(default=str, compare=False, repr=False)

    def arms(self) -> Iterator[Arm]:
        """Every method on every task."""
        for (task, data), (name, method) in product(self.tasks.items(), self.methods.items()):
            training = self.trainings.get(name, self.training)
            parts = {"method": method, "network": self._network(task, name)[1], "training": training}
            space = {f"{part}.{key}": choice for part, t in parts.items() for key, choice in t.space.items()}
            corner = {part: template.corner for part, template in parts.items()}
            seeds = self.choosing if space or not self.confirm else self.reported
            fixed = {"dataset": data, "numerics": self.numerics, "seeds": seeds, "splits": self.splits}
            yield Arm(task, name, Template(corner, space), fixed)

    @property
    def choosing(self) -> tuple[int, ...]:
        """The seeds that points of a search are chosen by."""
        return tuple(range(self.seeds))

    @property
    def folder(self) -> Path:
        """Where its report is written."""
        return self.launch.folder / "reports" / self.name / self.scale

    @property
    def journal(self) -> Path:
        """Where what its samplers were told is written, if any of it is searched by one."""
        return self.folder / "optuna.journal"

    @property
    def reported(self) -> tuple[int, ...]:
        """The seeds that are reported."""
        return tuple(range(self.seeds, self.seeds + self.confirm)) if self.confirm else self.choosing

    def _network(self, task: str, method: str) -> tuple[str, Template]:
        """The one given for the method, else for the task, else for what stands for the task, else for all; its key."""
        labels = (method, task, self.families.get(task, task))
        own = ((f"networks.{label}", self.networks[label]) for label in labels if label in self.networks)
        return next(own, ("network", self.network))

    def objectives_of(self, task: str) -> list[Measure]:
        """The objectives that suit a task."""
        data = dataset(self.tasks[task])
        evaluation.metrics()  # so that they are known by their names
        return [m for name in self.objectives if (m := find(name)).suits(data.problem, bool(data.covariate))]

    def datasets(self) -> dict[str, Dataset]:
        """The data of every task; raises BadInput where one cannot be loaded."""
        return {task: dataset(member) for task, member in self.tasks.items()}

    def notes(self) -> Iterator[tuple[str, str]]:
        """What one should know of a task's data, and of how long networks are trained on them."""
        for task, arm in {arm.task: arm for arm in self.arms()}.items():
            data, training = arm.corner.data, arm.corner.training
            yield from ((task, note) for note in data.notes)
            rows = len(data.train["y"])
            if rows and (visits := training.visits(math.ceil(rows / training.batch))) > 1:
                yield task, f"an epoch goes {visits} times through its {rows} rows (training.steps={training.steps})"

    def check(self) -> None:
        """Raise BadInput where a method cannot serve a data set or a device is not there, before anything runs."""
        self._check_name()
        self._check_device()
        self._check_splits()
        arms = [*self.arms()]
        for arm in arms:
            if (error := self.refusal(arm)) is not None:
                raise BadInput(error.where, error.problem, error.cure + self._without_refused(arms)) from error
            if arm.space and not len(arm.corner.data.val["y"]):
                problem = f"{arm.task} has no validation data, on which points are chosen"
                raise BadInput(f"search of {arm.name}", problem, "give the data set some, or every key one value")
        self._check_objectives(arms)
        self._check_stages(arms)
        if self.launch.workers not in ("auto", 0, 1) and self.numerics.device != "cuda":
            self._check_batch_norm(arms)

    def _check_name(self) -> None:
        if Path(self.name).name != self.name or self.name in ("", "..") or not self.name.isprintable():
            problem = f"the study is called {self.name!r}, and its report's folder is called after it"
            raise BadInput(self.where("name"), problem, "give it a name without /")

    def refusal(self, arm: Arm) -> BadInput | None:
        """Why an arm cannot run, if it cannot."""
        try:
            arm.corner.check(partial(self._where, arm))
        except BadInput as error:
            return error
        return None

    def _without_refused(self, arms: Sequence[Arm]) -> str:
        """How to run the methods that can serve every task, where others cannot."""
        refused = {arm.name for arm in arms if self.refusal(arm) is not None}
        served = [name for name in self.methods if name not in refused]
        if not served:
            return ""
        baseline = " baseline=null" if self.baseline in refused else ""
        return f"; or leave out what cannot run: 'methods=[{', '.join(served)}]'{baseline}"

    def _where(self, arm: Arm, name: str) -> str:
        """Where a value of a trial came from."""
        part, dot, rest = name.partition(".")
        keys = {"method": f"methods.{arm.name}", "network": self._network(arm.task, arm.name)[0]}
        keys |= {"training": f"trainings.{arm.name}"} if arm.name in self.trainings else {}
        return self.where(f"{keys.get(part, part)}{dot}{rest}")

    def _check_splits(self) -> None:
        for key, seeds in (("seeds", self.seeds), ("confirm", self.confirm)):
            if seeds % self.splits:
                problem = f"{seeds} seeds cannot be shared evenly among {self.splits} splits"
                raise BadInput(self.where("splits"), problem, f"set {key} to a multiple, such as {key}={self.splits}")
        whole = [task for task, member in self.tasks.items() if self.splits > 1 and not hasattr(member, "seed")]
        if whole:
            problem = f"the data of {whole[0]} are split as published, and have no seed to draw them by"
            raise BadInput(self.where("splits"), problem, "set splits=1, or leave the task out")

    def _check_device(self) -> None:
        launch, place = self.launch, self.where("numerics.device")
        if self.numerics.device != "cuda":
            if launch.budget is not None and Budget.read(str(launch.budget)).unit == "gpu-h":
                problem = "no job is given a GPU"
                raise BadInput(self.where("launch.budget"), problem, "give it in trials or in hours")
            return
        if launch.executor == "ray" and launch.gpus == 0:
            raise BadInput(
                place, "cuda is asked for, and jobs are given no GPU", "set launch.gpus=auto, or to a number"
            )
        elsewhere = launch.executor == "ray" and (launch.address or os.environ.get("RAY_ADDRESS"))
        if not elsewhere and not torch.cuda.is_available():
            cure = "set numerics.device=cpu, or run where there is a GPU"
            raise BadInput(place, "cuda is asked for, and torch sees none here", cure)

    def _check_objectives(self, arms: Sequence[Arm]) -> None:
        own = {measure.name for arm in arms for measure in getattr(arm.corner.last_stage, "measures", ())}
        known = {*evaluation.metrics(), *own}
        for key, names in (("objectives", self.objectives), ("margins", self.margins), ("spread", self.spread)):
            if wrong := [name for name in names if name not in known]:
                raise unknown(self.where(key), "measure of these methods", wrong[0], known)
        for task, data in self.datasets().items():
            if not self.objectives_of(task):
                cure = f"name one of {', '.join(evaluation.metrics(data.problem, bool(data.covariate)))}"
                problem = f"none of them suits {task}, which is {data.problem}"
                raise BadInput(self.where("objectives"), problem, cure)

    def _check_stages(self, arms: Sequence[Arm]) -> None:
        known = {name for arm in arms for name in arm.corner.stage_names}
        for name, value in self.training.corner.items():
            if isinstance(value, Mapping) and name not in known:
                raise unknown(self.where(f"training.{name}"), "stage of these methods", name, known)

    def _check_batch_norm(self, arms: Sequence[Arm]) -> None:
        for trial in (arm.corner for arm in arms):
            with torch.device("meta"):
                modules = trial.network.build(trial.data.shape, trial.data.outputs).modules()
            if any(isinstance(module, torch.nn.modules.batchnorm._BatchNorm) for module in modules):
                problem = f"{label(trial.network)} normalises by batch, which several CPU processes cannot share"
                raise BadInput(
                    "launch.workers", problem, "set launch.workers=1, numerics.device=cuda or another network"
                )

    @cached_property
    def uid(self) -> str:
        """Of the question, the data and the code, not of where it runs."""
        arms = [(arm.task, arm.name, arm.space, arm.corner.uid) for arm in self.arms()]
        return digest([self.name, self.scale, arms, self.search, self.searches, self.objectives, self.selection])
