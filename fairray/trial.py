"""A trial is one hyperparameter point and its seeds; running it computes the stages that the store lacks."""

import json
import os
import platform
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from importlib.metadata import version
from itertools import groupby
from typing import Any

import pandas as pd
import torch
import torch.distributed as dist

from fairray import evaluation, registry
from fairray.data import Dataset
from fairray.stages import Artifact, Numerics, Replica, Setting, Step, Training, digest
from fairray.store import Store
from fairray.training.distributed import active
from fairray.training.fit import EngineName, fit, stack_key
from fairray.training.stage import TrainStage

__all__ = ["Trial", "dataset", "execute", "results", "stages"]

Progress = Callable[[str, float], None]
Spec = dict[str, Any]
WAIT_S = 0.2


@dataclass(frozen=True)
class Trial:
    """Everything a result depends on, as plain values that any worker can rebuild it from.

    task, arm: what the study calls the data set and the method. point: the values that the search chose.
    shard: only this one of the stages that the last stage can leave to other workers, where it can.
    """

    task: str
    arm: str
    dataset: Spec
    method: Spec
    network: Spec
    training: Spec = field(default_factory=dict)
    numerics: Spec = field(default_factory=dict)
    seeds: tuple[int, ...] = (0,)
    point: Spec = field(default_factory=dict)
    shard: int | None = None

    @cached_property
    def replicas(self) -> list[Replica]:
        """The last stage of the method, or the shard of it, once per seed."""
        stage, data = registry.build("methods", self.method).chain(), dataset(self.dataset)
        if isinstance(stage, TrainStage):
            stage = evaluation.Evaluation(model=stage, metrics=tuple(evaluation.metrics(data.problem)))
        if self.shard is not None:
            stage = stage.shards[self.shard]
        setting = Setting(
            data,
            registry.build("networks", self.network),
            Training(**self.training),
            Numerics(**self.numerics),
        )
        return [Replica(stage, setting, seed) for seed in self.seeds]

    @cached_property
    def shards(self) -> list["Trial"]:
        """The parts of it that are trials for other workers; this one is to run after them."""
        stage = self.replicas[0].stage
        assert isinstance(stage, Step)
        return [replace(self, shard=i) for i in range(len(stage.shards))]

    @cached_property
    def uid(self) -> str:
        return digest([replica.uid for replica in self.replicas])

    def stored(self, store: Store) -> bool:
        return all(store.has(replica.uid) for replica in self.replicas)


def dataset(spec: Spec) -> Dataset:
    """The loaded data set, read once per process."""
    return _dataset(json.dumps(spec, sort_keys=True))


@cache
def _dataset(spec: str) -> Dataset:
    return registry.build("datasets", json.loads(spec)).load()


def stages(replicas: Iterable[Replica], wanted: Callable[[Replica], bool] = lambda replica: True) -> dict[str, Replica]:
    """These replicas and all that come before them, by uid, earliest first.

    wanted: leaves a replica out, and with it what comes before it.
    """
    found: dict[str, Replica] = {}
    ahead = list(replicas)
    while ahead:
        replica = ahead.pop()
        if replica.uid not in found and wanted(replica):
            found[replica.uid] = replica
            ahead += replica.parents.values()
    return dict(sorted(found.items(), key=lambda item: item[1].depth))


def results(trial: Trial, store: Store) -> pd.DataFrame:
    """The tidy records of a stored trial: of every seed, and of every stage of its chain."""
    tables = [
        store.records(replica.uid).assign(stage=replica.stage.name, seed=replica.seed, uid=replica.uid)
        for replica in stages(trial.replicas).values()
    ]
    table = pd.concat([table for table in tables if len(table)], ignore_index=True)
    return table.assign(task=trial.task, arm=trial.arm, trial=trial.uid, **trial.point)


def execute(
    trials: Sequence[Trial],
    store: Store,
    engine: EngineName = "auto",
    progress: Progress = lambda message, share: None,
) -> None:
    """Compute and store every stage that the trials need and the store lacks, early stages first.

    Inside a torch.distributed group all processes call this alike, and the first one writes.
    """
    torch.backends.cudnn.allow_tf32 = False  # ten bits are no float32: finite differences drown in them
    last = [replica for trial in trials for replica in trial.replicas]
    needed = stages(last, wanted=lambda replica: not _agreed(store.has(replica.uid)))
    levels = [list(level) for _, level in groupby(needed.values(), key=lambda replica: replica.depth)]
    done = 0
    for level in levels:
        todo = {replica.uid: replica for replica in level}
        while todo := {uid: replica for uid, replica in todo.items() if not _agreed(store.has(uid))}:
            with store.claim(todo if _first() else ()) as ours:
                mine = [replica for uid, replica in todo.items() if _agreed(uid in ours and not store.has(uid))]
                for replica, artifact, seconds in _compute(mine, store, engine, _scaled(progress, done, mine, needed)):
                    if _first():
                        store.write(replica.uid, artifact, _spec(replica, seconds))
            if not mine:
                time.sleep(WAIT_S)  # another worker is computing the rest
        done += len(level)


def _compute(
    replicas: list[Replica], store: Store, engine: EngineName, progress: Progress
) -> Iterator[tuple[Replica, Artifact, float]]:
    # a stage before several replicas is read once, so that they hold the same tensors and not copies
    read = {uid: store.read(uid) for uid in {p.uid for replica in replicas for p in replica.parents.values()}}
    before = {r.uid: {name: read[parent.uid] for name, parent in r.parents.items()} for r in replicas}
    start = time.perf_counter()

    def timed(pair: tuple[Replica, Artifact]) -> tuple[Replica, Artifact, float]:
        nonlocal start
        start, since = time.perf_counter(), start
        return *pair, start - since

    trained = [replica for replica in replicas if isinstance(replica.stage, TrainStage)]
    for _, group in groupby(sorted(trained, key=_group), key=_group):
        yield from map(timed, fit(list(group), before, engine, progress))
    for replica in replicas:
        if isinstance(replica.stage, Step):
            yield timed((replica, replica.stage.compute(replica.setting, replica.seed, before[replica.uid])))


def _group(replica: Replica) -> str:
    return digest(repr(stack_key(replica)))


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


def _spec(replica: Replica, seconds: float) -> Spec:
    """What the entry is, and how it came to be; only the first is in the uid."""
    return {
        "uid": replica.uid,
        "key": replica.key,
        "made": {
            "seconds": round(seconds, 4),
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "host": socket.gethostname(),
            "cpu": platform.machine(),
            "cores": os.cpu_count(),
            "gpu": torch.cuda.get_device_name() if replica.setting.numerics.device == "cuda" else None,
            "torch": torch.__version__,
            "fairray": version("fairray"),
        },
    }
