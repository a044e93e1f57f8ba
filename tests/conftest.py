import gc
import os
import shutil
from hashlib import sha256
from pathlib import Path

import pytest
from filelock import FileLock
from forks import Forks

os.environ |= {"RAY_AUTH_MODE": "disabled", "OMP_NUM_THREADS": "1"}  # also for the processes that tests start
gc.set_threshold(100_000, 50)  # frames and graphs die by themselves: looking for cycles took a seventh of the time

FORKS = pytest.StashKey[Forks]()
SHARED = Path(__file__).parents[2] / "shared" / "data"


def pytest_collection_finish():
    """What is imported stays: nobody has to look whether it could go."""
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session):
    """Before a test has started a thread, which no fork has."""
    session.config.stash[FORKS] = Forks()


def pytest_sessionfinish(session):
    if forks := session.config.stash.get(FORKS, None):
        forks.close()


@pytest.fixture(scope="session", autouse=True)
def set_threads():
    """Studies that run in a test's process keep its one thread. If they set how many there are, it would stay so, and
    threads of two workers would wait for each other on two cores: all takes twice as long. Gives what sets them all the
    same."""
    import torch

    setting = torch.set_num_threads
    setting(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "set_num_threads", lambda count: None)
        yield setting


@pytest.fixture
def meps_folder():
    folder = SHARED / "meps"
    if not folder.is_dir():
        pytest.skip(f"MEPS is not shipped with the project, and is not in {folder}")
    return folder


@pytest.fixture(scope="session")
def session_folder(tmp_path_factory):
    """One folder for all workers of this run of the tests."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session")
def run_once(session_folder):
    """Runs a study as the command line does, once for all tests that ask for it; gives its output folder and what tells
    it to the command line. Who asks only reads what is there."""

    from fairray.cli import main

    def run(*arguments):
        folder = session_folder / "ran" / sha256(repr(arguments).encode()).hexdigest()[:16]
        told = [*arguments, f"launch.output={folder}"]
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if not (folder / "is_whole").exists():
                assert main(["run", *told]) == 0
                (folder / "is_whole").touch()
        return folder, told

    return run


@pytest.fixture(scope="session")
def fresh(pytestconfig):
    """Runs a program in a process of its own; see forks.py."""
    return pytestconfig.stash[FORKS]


@pytest.fixture(scope="session", autouse=True)
def _databases_are_copied(session_folder):
    """MLflow takes seconds to make a database; all but the first are copies of one that it made."""
    from mlflow.store.db import utils

    made, make = session_folder / "mlflow.db", utils._initialize_tables

    def copy(engine):
        with FileLock(f"{made}.lock"):
            if not made.exists():
                make(engine)
                shutil.copy(engine.url.database, made)
        shutil.copy(made, engine.url.database)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utils, "_initialize_tables", copy)
        yield


@pytest.fixture(scope="session")
def server():
    """Serves buckets."""
    from buckets import Server

    server = Server()
    yield server
    server.close()


@pytest.fixture
def bucket(server, monkeypatch, tmp_path):
    """The address of a store in an empty bucket."""
    for name, value in {**server.environment, "FAIRRAY_CACHE": str(tmp_path / "cache")}.items():
        monkeypatch.setenv(name, value)
    return server.make_bucket()


@pytest.fixture
def store(tmp_path):
    from fairray.store import Store

    return Store(str(tmp_path / "store"))


@pytest.fixture
def trial():
    """Makes a small trial on generated data; keywords replace its parts."""
    from fairray import members
    from fairray.trial import Trial

    def make(method="standard", seeds=(0, 1), point=None, arm=None, numerics=None, dataset=None, **training):
        spec = {"name": method} if isinstance(method, str) else method
        if "cav" in members.arguments(members.load("methods", spec["name"])):  # corrects a model that has to be one
            few = {"epochs": 4 if (dataset or {}).get("side") else 2, "batch": 25, "lr": 0.02}
            training = {"standard": {**few, "selection": "accuracy"}, **training}
            dataset = {**({} if "name" in (dataset or {}) else {"bias": 0.7}), **(dataset or {})}
        images = {"name": "small_cnn", "channels": 2}
        return Trial(
            task="toy",
            arm=arm or spec["name"],
            dataset={"name": "toy", "size": 256, **(dataset or {})},
            method=spec,
            network=images if (dataset or {}).get("side") else {"name": "mlp", "units": 16, "depth": 2},
            training={"epochs": 2, "batch": 100, "lr": 1e-2, **training},
            numerics=numerics or {},
            seeds=tuple(seeds),
            point=point or {},
        )

    return make
