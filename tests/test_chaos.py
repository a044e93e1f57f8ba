"""Studies that are killed with -9 at random moments, and run again: all end, and as if nothing had happened."""

import os
import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
import ray  # noqa: F401 (psutil is found once it is imported)
from smoke import ARGUMENTS

from fairray import config
from fairray.launch.planning import open_results
from fairray.report import Table
from fairray.store import Store

STUDY, _, SCALE, *GIVEN = ARGUMENTS
GIVEN = [*GIVEN, "methods=[standard, reweighing, bade]", "tasks.Adult.size=256", "network.depth=1", "launch.pack=2"]
GIVEN += ["launch.threads=1", "launch.tracking=none", "training.epochs=40", "training.steps=0"]
GIVEN += [f"launch.checkpoint={10 / 60}"]
# a process that has imported all it needs, and is copied for each run: drivers begin at once, as many as are asked for
NURSERY = """
import gc, os, sys
from fairray import checkpoints, config
from fairray.launch.study import run
from fairray.training.alone import Alone
from fairray.training.stacked import Stacked

seconds = 0.0

def counting(step):
    def counted(engine, batch):
        global seconds
        losses = step(engine, batch)
        seconds += 1
        with open(f"{folder}/steps", "ab", 0) as file:
            file.write(b"." * len(losses))
        return losses
    return counted

for engine in (Alone, Stacked):
    engine.step = counting(engine.step)
checkpoints.monotonic = lambda: seconds  # a step takes a second, whatever else the machine does
config.load(*sys.argv[1:3], sys.argv[3:]).check()  # and all that loading a study imports
gc.freeze()

for line in sys.stdin:
    count, *given = line.split()
    folder = given[0].removeprefix("launch.output=")
    pids = []
    for _ in range(int(count)):
        if not (pid := os.fork()):
            study = config.load(sys.argv[1], sys.argv[2], [*sys.argv[3:], *given])
            os._exit(len(run(study, say=lambda line: None).failures))
        pids.append(pid)
    print(*pids, flush=True)
    sys.stdin.readline()  # until then they can be killed by their numbers, ended or not
    ended = dict(os.wait() for _ in pids)
    print(*(ended[pid] for pid in pids), flush=True)
"""


def stored(folder):
    """When each result that is there was written."""
    return {path.parent.name: path.stat().st_mtime_ns for path in Path(folder, "store").glob("??/*/spec.json")}


def steps(folder):
    """A point for each step of each replica that was trained."""
    return Path(folder, "steps").read_bytes() if Path(folder, "steps").exists() else b""


class Nursery:
    """Starts drivers of the study, and kills the first of them."""

    def __init__(self):
        command = [sys.executable, "-c", NURSERY, STUDY, SCALE, *GIVEN, "launch=local"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, folder, drivers=1, after=None, seconds=0.0, given=(), measure=stored):
        """How the drivers ended: by a signal, or with 0. The first is killed after so many results and seconds.

        measure: what of a folder there are to be so many of, if not results.
        """
        folder.mkdir(parents=True, exist_ok=True)
        print(drivers, f"launch.output={folder}", *given, file=self.process.stdin, flush=True)
        first, *_ = map(int, self._read())
        if after is not None:
            deadline = time.monotonic() + 120
            while len(measure(folder)) < after and time.monotonic() < deadline:
                time.sleep(0.001)
            time.sleep(seconds)
            os.kill(first, signal.SIGKILL)
        print(file=self.process.stdin, flush=True)
        return [*map(os.waitstatus_to_exitcode, map(int, self._read()))]

    def _read(self):
        return self.process.stdout.readline().split()

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture(scope="module")
def nursery():
    made = Nursery()
    yield made
    made.close()


@pytest.fixture(scope="module")
def undisturbed(nursery, tmp_path_factory):
    """Where the study ran in peace."""
    folder = tmp_path_factory.mktemp("undisturbed")
    assert nursery.run(folder) == [0]
    return folder


def digits(folder):
    """Every byte that is not a time or a place: tensors and records of each stage, all records, and the table."""
    store = Store(str(Path(folder, "store")))
    assert [*store.find_damaged(store.entries())] == []
    assert store.claimed() == []
    parts = {path.relative_to(store.root): path.read_bytes() for path in Path(store.root).glob("??/*/*.[sp]a*")}
    assert len(parts) == 2 * len(store.entries())
    found = open_results(config.load(STUDY, SCALE, [*GIVEN, f"launch.output={folder}"]))
    tables = [block.files for block in Table(("odds", "eacc"))(found)]
    assert any("table.csv" in files for files in tables)
    return parts, found.records.to_csv(), tables


def disturb(nursery, undisturbed, kills, folder, seed=0):
    """Kills drivers until so many have died: one that is alone, which is everything, or one of two; in the first
    moments, or somewhat after a result was stored."""
    draw, died, runs = random.Random(seed), [], 0
    expected, every = digits(undisturbed), len(stored(undisturbed))
    while len(died) < kills:
        place, kept, ended, runs = folder / str(runs), {}, [1], runs + 1
        while 0 not in ended:
            drivers = draw.choice([1, 1, 2])
            after = draw.randrange(len(kept), every) if len(died) < kills and len(kept) < every else None
            ended = nursery.run(place, drivers, after, draw.uniform(0, 0.1))
            assert {*ended} <= {0, -signal.SIGKILL}
            died += [drivers] * ended.count(-signal.SIGKILL)
            now = stored(place)
            assert kept.items() <= now.items()  # nothing that was finished is lost, or written again
            kept = now
        assert digits(place) == expected
    return f"{len(died)} killed, {died.count(2)} of them one of two; {runs} studies, all as undisturbed"


def interrupt(nursery, undisturbed, kills, folder, seed=0):
    """Kills drivers at random steps of their trainings until so many have died. Of each of the two replicas in its pack
    a death costs ten steps at most, which lie between two checkpoints, and the one under way."""
    draw, died, twice, runs = random.Random(seed), 0, [], 0
    expected, every = digits(undisturbed), len(steps(undisturbed))
    while died < kills:
        place, here, ended, runs = folder / str(runs), 0, [1], runs + 1
        while ended != [0]:
            taken = len(steps(place))
            after = draw.randint(taken + 1, every) if died + here < kills and taken < every else None
            ended = nursery.run(place, after=after, measure=steps)
            here += ended.count(-signal.SIGKILL)
        died += here
        twice.append(len(steps(place)) - every)
        assert 0 <= twice[-1] <= 2 * 11 * here
        assert digits(place) == expected
        assert Store(str(place / "store")).checkpoints() == {}
    return f"{died} killed in {runs} studies of {every} steps: {sum(twice)} were taken twice"


def test_a_few_kills(nursery, undisturbed, tmp_path):
    print(disturb(nursery, undisturbed, 3, tmp_path))


def test_what_is_trained_twice_lies_between_checkpoints(nursery, undisturbed, tmp_path):
    print(interrupt(nursery, undisturbed, 3, tmp_path))


@pytest.mark.slow
def test_fifty_kills(nursery, undisturbed, tmp_path):
    kills = int(os.environ.get("FAIRRAY_KILLS", "50"))
    print(disturb(nursery, undisturbed, kills, tmp_path / "results", seed=1))
    print(interrupt(nursery, undisturbed, kills, tmp_path / "steps", seed=1))


@pytest.mark.slow
def test_drivers_share_a_bucket(server, bucket, tmp_path, request):
    """Two at once store each stage once; where one is killed the other goes on; all tell what one on a disk tells."""
    nursery = Nursery()  # which knows the server
    request.addfinalizer(nursery.close)
    assert nursery.run(tmp_path / "disk") == [0]
    every = stored(tmp_path / "disk")

    def read(*given):
        return open_results(config.load(STUDY, SCALE, [*GIVEN, *given])).records.to_csv()

    expected = read(f"launch.output={tmp_path / 'disk'}")
    for after, ended in ((None, [0, 0]), (len(every) // 3, [-signal.SIGKILL, 0])):
        url, folder = server.make_bucket(), tmp_path / str(after)
        given, written = [f"launch.store={url}"], partial(server.written, url)
        assert nursery.run(folder, 2, after, 0.0, given, lambda _, count=written: count("spec.json")) == ended
        assert written("spec.json") == dict.fromkeys(every, 1)
        assert after or written("artifact.safetensors") == written("spec.json")  # it may have been killed in between
        assert read(*given, f"launch.output={folder}") == expected


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["everything", "driver", "worker"])
def test_somebody_is_killed_on_ray(victim, undisturbed, tmp_path):
    """Once a third is stored: the driver, Ray's own processes and the workers; or one of them alone."""
    import psutil  # of Ray's

    expected, folder = digits(undisturbed), tmp_path / "disturbed"
    command = [sys.executable, "-m", "fairray", "run", STUDY, "--scale", SCALE, *GIVEN, f"launch.output={folder}"]
    driver = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while driver.poll() is None and 3 * len(stored(folder)) < len(stored(undisturbed)):
        time.sleep(0.05)
    others = psutil.Process(driver.pid).children(recursive=True)
    workers = [process for process in others if "ImplicitFunc" in "".join(process.cmdline())]
    assert workers
    for process in {"everything": [driver, *others], "driver": [driver], "worker": workers[:1]}[victim]:
        process.kill()
    assert driver.wait(timeout=300) == (0 if victim == "worker" else -signal.SIGKILL)
    # Ray's agents ask for a minute after a head that is gone, the others end in seconds
    assert psutil.wait_procs(others, timeout=90)[1] == []
    kept = stored(folder)
    assert (len(kept) < len(stored(undisturbed))) == (victim != "worker")
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert kept.items() <= stored(folder).items()
    assert digits(folder) == expected
