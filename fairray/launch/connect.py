"""Joining the Ray cluster that a study runs on, and asking its nodes what they see."""

import json
import logging
import os
import signal
import socket
import sys
import threading
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from fairray.errors import BadInput
from fairray.identity import field_values
from fairray.store import Store
from fairray.study import Launch, Study

__all__ = ["ANSWER_S", "SHARE", "check_reach", "connect", "list_data"]

ANSWER_S = 5.0  # until an address counts as nobody's

QUIET = {
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "PYTHONWARNINGS": "ignore",
    # Tune runs each trial in a new thread, and what glibc keeps for the threads that have ended would fill the memory
    "MALLOC_ARENA_MAX": "1",
}

SHARE = "set launch.output to the whole path of a folder that all nodes share, or launch.store to s3://... or gs://..."


def connect(launch: Launch) -> None:
    """Join the cluster of `launch.address`, else the one whose job this is; else start one here."""
    if ray.is_initialized():
        return
    if _job().get("working_dir") and "://" not in launch.store_root and launch.folder.is_relative_to(Path.cwd()):
        print(f"{launch.folder} goes when Ray deletes this job's files; launch.output=FOLDER keeps it", file=sys.stderr)
    address = launch.address or os.environ.get("RAY_ADDRESS") or "local"
    _check_answers(address)
    handler = signal.getsignal(signal.SIGTERM)
    given = _job().get("env_vars") or {}  # Ray refuses a variable that the job and its driver give
    ray.init(
        address=address,
        include_dashboard=False if address == "local" else None,
        log_to_driver=False,
        logging_level=logging.ERROR,
        runtime_env={"env_vars": {name: value for name, value in QUIET.items() if name not in given}},
    )
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)  # Ray's own ends in a dump of its stack, and leaves claims


def _check_answers(address: str) -> None:
    """Raise BadInput where an address has a port, and nobody is there: Ray would ask for minutes."""
    place = urlsplit(address if "://" in address else f"//{address}")
    try:
        if place.port is not None:
            socket.create_connection((place.hostname or "", place.port), timeout=ANSWER_S).close()
    except (OSError, ValueError) as error:
        cure = "start it (`ray start --head`), mend launch.address or RAY_ADDRESS, or leave both out to compute here"
        raise BadInput(f"Ray cluster at {address}", f"it does not answer: {error}", cure) from error


def check_reach(study: Study, store: Store) -> None:
    """Raise BadInput where a node lacks the store, or the data, that the driver sees; nodes may join later unasked."""
    nodes = [node for node in ray.nodes() if node["Alive"]]
    if len(nodes) < 2:
        return
    for key, path in list_data(study):
        for node in _lacking(path, nodes):
            cure = "put it there on every node, or on a disk that they share"
            raise BadInput(key, f"node {node} does not have {path}", cure)
    if not store.local:
        return
    probe = Path(store.root, f".probe-{uuid.uuid4().hex}")
    probe.parent.mkdir(parents=True, exist_ok=True)
    probe.touch()
    try:
        for node in _lacking(probe, nodes):
            raise BadInput("launch.store", f"node {node} does not see what is written to {store.root}", SHARE)
    finally:
        probe.unlink()


def list_data(study: Study) -> Iterator[tuple[str, Path]]:
    """The files and folders that the data sets name, by their keys."""
    for label, member in study.tasks.items():
        for name, value in field_values(member).items():
            if isinstance(value, Path):
                yield f"tasks.{study.families.get(label, label)}.{name}", value


def _lacking(path: Path, nodes: Iterable[dict[str, Any]]) -> list[str]:
    """The addresses of the nodes on which a path does not exist; those that have gone meanwhile are passed over."""
    ask: Any = ray.remote(num_cpus=0)(lambda place: os.path.exists(place))  # a lambda: workers need no fairray for it
    answers = []
    for node in nodes:
        there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        answers.append((node["NodeManagerAddress"], ask.options(scheduling_strategy=there).remote(str(path))))
    return [address for address, answer in answers if _answer(answer) is False]


def _answer(reference: Any) -> bool | None:
    try:
        return ray.get(reference)
    except ray.exceptions.RayError:
        return None


def _job() -> dict[str, Any]:
    """The runtime environment of the Ray job that this is."""
    return json.loads(os.environ.get("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}")).get("runtime_env") or {}
