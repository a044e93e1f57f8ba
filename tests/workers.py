"""Processes that compute one small trial into a store, copied from one that has imported what takes seconds."""

import multiprocessing
import os
import time
from functools import partial

import torch
from conftest import trial as make_trial

from fairray import claims
from fairray.store import Store
from fairray.trial import execute, stages

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["fairray.trial", "fairray.cli", "pytest", "s3fs"])


def trial():
    return make_trial.__wrapped__()("bade", epochs=20)


def needed():
    """How often each stage of it is computed by workers that agree."""
    return dict.fromkeys(stages(trial().ends), 1)


def start(count, root, log, environment=None, then=execute):
    """So many, at the same moment; each writes down in `log`, a folder, what it stores."""
    barrier = CONTEXT.Barrier(count)
    workers = [CONTEXT.Process(target=_work, args=(root, log, environment or {}, barrier, then)) for _ in range(count)]
    for worker in workers:
        worker.barrier = barrier  # goes with the last that knows of it
        worker.start()
    return workers


def written(log):
    return [uid for file in log.glob("*.log") for uid in file.read_text().split()]


def _work(root, log, environment, barrier, then):
    torch.set_num_threads(1)
    os.environ |= environment
    store = Store(root)
    store.write = partial(_trace, log / f"{os.getpid()}.log", store.write)
    barrier.wait()
    then([trial()], store)


def _trace(log, write, uid, artifact, spec):
    write(uid, artifact, spec)
    with log.open("a") as file:
        file.write(f"{uid}\n")


def stall(trials, store):
    """Stands still once a result is stored, with its claims, as a process of another machine."""
    claims.holder = lambda: "another 1"
    write = store.write

    def stop(*arguments):
        write(*arguments)
        time.sleep(60)

    store.write = stop
    execute(trials, store)
