"""A trial is one hyperparameter point and its seeds; running it computes the stages that the store lacks."""

import os
import platform
import socket
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cache, cached_property, partial
from importlib.metadata import version
from itertools import groupby
from typing import Any

import pandas as pd
import torch
import torch.distributed as dist

from fairray import members
from fairray.checkpoints import Checkpoints, keeping
from fairray.data import Dataset
from fairray.errors import BadInput, Fatal, placed, said_of, unknown
from fairray.evaluation import Evaluation
from fairray.identity import digest
from fairray.provenance import processor
from fairray.stages import Artifact, Numerics, Progress, Replica, Setting, Stage, Training
from fairray.staleness import hash_code
from fairray.store import Store
from fairray.training.distributed import active
from fairray.training.fit import EngineName, check_training
from fairray.training.selection import read_curves
from fairray.training.stage import TrainStage

__all__ = [
    "Trial", "checked_training", "circumstances", "compute", "dataset", "execute", "is_there", "results", "stages",
]  # fmt: skip

Spec = dict[str, Any]
WAIT_S = 0.2


@dataclass(frozen=True)
class Trial:
    """Everything a result depends on; its members are checked however they are given, and may be given by their names.

    task, arm: what the study calls the data set and the method. dataset, method, network: members.
    training: `Training`, or its fields; those of a stage that is trained otherwise stand under the stage's name, and
    then in `stages`. point: the values that the search chose. splits: how many times the data are drawn: seed s sees
    the data set of its own seed plus s modulo splits. until: after how many epochs of what the method trains last it is
    to pause; None: not at all. No result depends on that, so no uid does.
    """

    task: str
    arm: str
    dataset: Any
    method: Any
    network: Any
    training: Any = field(default_factory=Training)
    numerics: Any = field(default_factory=Numerics)
    seeds: tuple[int, ...] = (0,)
    point: Mapping[str, Any] = field(default_factory=dict)
    stages: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    splits: int = 1
    until: int | None = None

    def __post_init__(self) -> None:
        self._build("dataset", partial(members.build, "datasets"))
        self._build("method", partial(members.build, "methods"))
        self._build("network", partial(members.build, "networks"))
        self._build("numerics", partial(members.checked, Numerics))
        self._build("training", checked_training)
        given = self.training
        own = {name: value for name, value in given.items() if isinstance(value, Mapping)}
        object.__setattr__(self, "stages", {**self.stages, **own})
        object.__setattr__(self, "training", Training(**{k: v for k, v in given.items() if k not in own}))

    def _build(self, part: str, build: Callable[[Any], Any]) -> None:
        with said_of(part):
            object.__setattr__(self, part, build(getattr(self, part)))

    @cached_property
    def data(self) -> Dataset:
        """The loaded data set, as the first seed sees it."""
        return dataset(self.dataset)

    def data_of(self, seed: int) -> Dataset:
        """The data set as a seed sees it."""
        place = seed % self.splits
        return dataset(replace(self.dataset, seed=self.dataset.seed + place)) if place else self.data

    @property
    def last_stage(self) -> Stage:
        """What the method ends in, on this data."""
        return self._end(self.data)

    def _end(self, data: Dataset) -> Stage:
        stage = self.method.chain(data)
        return Evaluation.of(stage, self.data) if isinstance(stage, TrainStage) else stage

    @cached_property
    def replicas(self) -> list[Replica]:
        """The last stage of the method, once per seed."""
        draws, source = [self.data_of(place) for place in range(self.splits)], _source(self.dataset)
        settings = [Setting(data, self.network, self.training, self.numerics, self.stages, source) for data in draws]
        ends = [self._end(data) for data in draws]
        return [settings[seed % self.splits].replica(ends[seed % self.splits], seed) for seed in self.seeds]

    @cached_property
    def ends(self) -> list[Replica]:
        """All that is to be computed: the last stage of each seed, and where there are groups the metrics of every
        model that was trained before it."""
        if len(self.data.groups) < 2:
            return self.replicas
        models = [replica for replica in stages(self.replicas).values() if isinstance(replica.stage, TrainStage)]
        measured = {
            key: Evaluation.of(stage, self.data) for key, stage in {id(m.stage): m.stage for m in models}.items()
        }
        found = [model.setting.replica(measured[id(model.stage)], model.seed) for model in models]
        return [*{replica.uid: replica for replica in [*self.replicas, *found]}.values()]

    @cached_property
    def needed(self) -> dict[str, Replica]:
        """All that leads to its ends, and these, by uid, earliest first."""
        return stages(self.ends)

    @cached_property
    def trainings(self) -> dict[str, Replica]:
        """What trains the model that its method ends in, by uid; none where that is not trained by the one loop."""
        found = [replica.parents["model"] for replica in self.replicas if isinstance(replica.stage, Evaluation)]
        return {one.uid: one for one in found if type(one.stage).run is TrainStage.run}

    @property
    def epochs(self) -> int:
        """Of those trainings."""
        return max((one.training.epochs for one in self.trainings.values()), default=0)

    @cached_property
    def pausing(self) -> dict[str, int]:
        """By uid, after how many epochs which trainings are to pause."""
        return {} if self.until is None or self.until >= self.epochs else dict.fromkeys(self.trainings, self.until)

    @cached_property
    def due(self) -> dict[str, Replica]:
        """Of all that is needed what can be computed before it goes on from where it pauses."""
        if not self.pausing:
            return self.needed
        waiting = {*self.pausing}
        for uid, replica in self.needed.items():
            if any(parent.uid in waiting for parent in replica.parents.values()):
                waiting.add(uid)
        return {uid: replica for uid, replica in self.needed.items() if uid not in waiting - self.pausing.keys()}

    @cached_property
    def stage_names(self) -> set[str]:
        """Of all stages that it runs through."""
        return {replica.stage.name for replica in stages(self.replicas[:1]).values()}

    def check(self, where: Callable[[str], str] = str) -> None:
        """Raise BadInput where its parts do not go together, before anything is computed.

        where: says where the value under a dotted name, such as method.trigger, came from.
        """
        with placed(lambda name: f"{where(name)} on {self.data.name} ({self.data.task})"):
            self._check()

    def _check(self) -> None:
        data = self.data
        for draw in map(self.data_of, range(self.splits)):
            if fits := getattr(self.network, "check", None):
                with said_of("network"):
                    fits(draw.shape, draw.outputs)
            with said_of("method"):
                self.method.check(draw)
        if getattr(self.method, "pretrained", False) and not getattr(self.network, "pretrained", False):
            cure = "give the network weights: FILE where it has such a key, or set pretrained: false"
            raise BadInput("method.pretrained", f"{members.label(self.network)} comes without weights", cure)
        for name in self.stages:
            if name not in self.stage_names:
                raise unknown(f"training.{name}", "stage", name, self.stage_names)
        for replica in stages(self.replicas[: self.splits]).values():
            with said_of("method"):
                replica.stage.fits(replica.setting)
            if "weight" in data.train and not replica.stage.heeds_weights:
                problem = f"{replica.stage.name} does not heed what the data's examples weigh"
                raise BadInput("method", problem, "choose other methods, or data without weights")
            if isinstance(replica.stage, TrainStage):
                check_training(replica)

    @cached_property
    def uid(self) -> str:
        return digest([replica.uid for replica in self.replicas])

    @property
    def key(self) -> tuple[str, str, str]:
        """Which it is in a study's records: by task, arm and uid."""
        return self.task, self.arm, self.uid

    @property
    def plain(self) -> Spec:
        """Its arguments as values that travel."""
        built = {part: members.plain(getattr(self, part)) for part in ("dataset", "method", "network")}
        training = {**asdict(self.training), **self.stages}
        own = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "stages"}
        return {**own, **built, "training": training, "numerics": asdict(self.numerics)}

    def stored(self, store: Store) -> bool:
        """Whether all of its stages are there, the earlier ones too: `results` has records of each."""
        return all(store.has(replica.uid) for replica in self.needed.values())

    def reached(self, store: Store) -> bool:
        """Whether all is there that is due."""
        return all(is_there(uid, store, self.pausing) for uid in self.due)


def is_there(uid: str, store: Store, pauses: Mapping[str, int]) -> bool:
    """Whether a stage is stored, or has paused as it is to. pauses: by uid, after how many epochs."""
    return store.has(uid) or (uid in pauses and store.paused_after(uid) >= pauses[uid])


def dataset(member: Any) -> Dataset:
    """The loaded data set of a member, or of its name and values; read once per process."""
    member = members.build("datasets", member)
    key = _source(member)
    if key not in _loaded:
        _loaded[key] = member.load()
    return _loaded[key]


_loaded: dict[str, Dataset] = {}


def _source(member: Any) -> str:
    return f"{type(member).__module__} {member!r}"


def checked_training(values: Mapping[str, Any] | Training) -> dict[str, Any]:
    """Every field of `Training`, and under the names of single stages those that are given for them."""
    values = vars(values) if isinstance(values, Training) else values
    own = {name: part for name, part in values.items() if isinstance(part, Mapping) and name not in vars(Training())}
    whole = dict(vars(members.checked(Training, {k: v for k, v in values.items() if k not in own})))
    for name, part in own.items():
        with said_of(name):
            whole[name] = {key: getattr(members.checked(Training, part), key) for key in part}
    return whole


def stages(replicas: Iterable[Replica]) -> dict[str, Replica]:
    """These replicas and all that come before them, by uid, earliest first."""
    found: dict[str, Replica] = {}
    ahead = list(replicas)
    while ahead:
        replica = ahead.pop()
        if replica.uid not in found:
            found[replica.uid] = replica
            ahead += replica.parents.values()
    return dict(sorted(found.items(), key=lambda item: item[1].depth))


def results(trial: Trial, store: Store) -> pd.DataFrame:
    """The tidy records of a stored trial: of every seed, and of every stage of its chain."""
    table = store.join_records(trial.needed)
    uids, last = table.pop("uid"), {replica.uid for replica in trial.replicas}
    before = {uid: one for uid, one in trial.needed.items() if isinstance(one.stage, Evaluation) and uid not in last}
    models = {uid: one.parents["model"].stage.name for uid, one in before.items()}
    of = [trial.needed[uid] for uid in uids]
    table["model"] = pd.array([models.get(uid, model) for uid, model in zip(uids, table["model"])], dtype="str")
    table = table.assign(stage=[one.stage.name for one in of], seed=[one.seed for one in of], uid=uids)
    return table.assign(task=trial.task, arm=trial.arm, trial=trial.uid, **trial.point)


def execute(
    trials: Sequence[Trial],
    store: Store,
    engine: EngineName = "auto",
    progress: Progress = lambda message, share: None,
    only: Collection[str] | None = None,
    checkpoint: float | None = None,
    pauses: Mapping[str, int] | None = None,
) -> None:
    """Compute and store every stage that the trials need and the store lacks, early stages first.

    only: these stages, by uid, whose earlier ones are stored or among them; those that somebody else is computing are
        left out. Without it, it waits for them.
    checkpoint: minutes after which a stage that takes longer writes how far it is, to go on from there; None: never.
    pauses: by uid, after how many epochs trainings write how far they are and end.
    Inside a torch.distributed group all processes call this alike. Raises BadInput where a trial does not fit its data,
    and Fatal where it has no such stage: the code or the data are no longer what they were where the uids come from.
    """
    for trial in trials:
        trial.check()
    pauses = pauses or {}
    needed = _needed([replica for trial in trials for replica in trial.ends], store, only)
    levels = [list(level) for _, level in groupby(needed.values(), key=lambda replica: replica.depth)]
    done = 0
    for level in levels:
        todo = {replica.uid: replica for replica in level if only is None or _can_begin(replica, store)}
        while todo := {uid: replica for uid, replica in todo.items() if not _agreed(is_there(uid, store, pauses))}:
            with store.claim(todo if _first() else ()) as ours:
                free = {uid for uid in todo if uid in ours and not is_there(uid, store, pauses)}
                mine = [replica for uid, replica in todo.items() if _agreed(uid in free)]
                compute(mine, store, store, engine, _scaled(progress, done, mine, needed), checkpoint, pauses)
            if not mine and only is not None:
                break
            if not mine:
                time.sleep(WAIT_S)  # another worker is computing the rest
        done += len(level)


def _needed(ends: Sequence[Replica], store: Store, only: Collection[str] | None) -> dict[str, Replica]:
    """What is not stored of all that leads to these, or only those that are named."""
    found = stages(ends)
    if only is None:
        return {uid: replica for uid, replica in found.items() if not _agreed(store.has(uid))}
    if strange := [uid for uid in only if uid not in found]:
        problem = f"{len(strange)} of {len(only)} stages are not what they were when the study began ({strange[0]})"
        raise Fatal("the code or the data", problem, "run again; what is stored is not computed again")
    return {uid: replica for uid, replica in found.items() if uid in {*only}}


def _can_begin(replica: Replica, store: Store) -> bool:
    return all(_agreed(store.has(parent.uid)) for parent in replica.parents.values())


def compute(
    replicas: Sequence[Replica],
    before: Store,
    store: Store,
    engine: EngineName = "auto",
    progress: Progress = lambda message, share: None,
    checkpoint: float | None = None,
    pauses: Mapping[str, int] | None = None,
) -> None:
    """Compute replicas of one depth, those of one class together, and store them.

    before: where the stages before them are. checkpoint, pauses: see `execute`.
    Processes that train together do that in step, and the first one stores what they made; stages that train nothing
    are shared out among them, and each stores its own.
    """
    torch.backends.cudnn.allow_tf32 = False  # ten bits are no float32: finite differences drown in them
    # a stage before several replicas is read once, so that they hold the same tensors and not copies
    read = {uid: before.read(uid) for uid in {p.uid for replica in replicas for p in replica.parents.values()}}
    found = {r.uid: {name: read[parent.uid] for name, parent in r.parents.items()} for r in replicas}
    for _, group in groupby(sorted(replicas, key=_class), key=_class):
        alike = list(group)
        together = active() and isinstance(alike[0].stage, TrainStage)
        kept = Checkpoints(store, checkpoint, together, pauses)
        if active() and not together:
            own = alike[dist.get_rank() :: dist.get_world_size()]
            if own:
                _keep_all(own[0].stage.run(own, found, engine, lambda message, share: None), kept)
            dist.barrier()  # what the others have stored is there now
            progress(f"{alike[0].stage.name} x{len(alike)}", 1.0)  # Ray Train waits until every worker has said as much
        else:
            _keep_all(alike[0].stage.run(alike, found, engine, progress), kept)


def _keep_all(made: Iterable[tuple[Replica, Artifact]], kept: Checkpoints) -> None:
    """Store what is made, as it comes, unless another process does; until then how far it is."""
    with keeping(kept):
        for replica, artifact in made:
            if kept.writes:
                _keep(replica, artifact, kept)
            kept.begin()


def _keep(replica: Replica, artifact: Artifact, kept: Checkpoints) -> None:
    spec = _spec(replica, artifact, kept)
    if artifact.whole:
        kept.store.write(replica.uid, artifact, spec)
        kept.drop(replica.uid)
    else:
        kept.store.note_pause(replica.uid, {"curves": read_curves(artifact.records), "made": spec["made"]})


def _class(replica: Replica) -> str:
    return f"{type(replica.stage).__module__}.{type(replica.stage).__name__}"


def _scaled(progress: Progress, done: int, mine: list[Replica], needed: dict[str, Replica]) -> Progress:
    return lambda message, share: progress(message, (done + share * len(mine)) / len(needed))


def _first() -> bool:
    return not active() or dist.get_rank() == 0


def _agreed(answer: bool) -> bool:
    """The first process's answer, in all of them, so that they take the same way."""
    if not active():
        return answer
    said = [answer]
    dist.broadcast_object_list(said)
    return said[0]


def _spec(replica: Replica, artifact: Artifact, kept: Checkpoints) -> Spec:
    """What the entry is, and how it came to be; only the key is in the uid."""
    resumed = kept.attempts.get(replica.uid)
    return {
        "uid": replica.uid,
        "key": replica.key,
        "source": replica.setting.source,
        "files": hash_code(replica),
        "made": {
            "seconds": round(kept.measure(replica.uid), 4),
            **({"resumed": resumed} if resumed else {}),
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "host": socket.gethostname(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            **circumstances(replica.setting.numerics),
            **artifact.made,
        },
    }


@cache
def circumstances(numerics: Numerics) -> dict[str, Any]:
    """Of what the last digits depend on besides the uid: the machine and the packages that compute."""
    packages = {name: version(name) for name in ("fairray", "torch", "numpy", "pandas", "scikit-learn")}
    gpu = torch.cuda.get_device_name() if numerics.device == "cuda" else None
    return {"python": platform.python_version(), **packages, "cpu": processor(), "gpu": gpu}
