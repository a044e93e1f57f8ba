"""Do slots stay busy, and does the driver keep up? Sleeping trials on 1, 2 and 4 workers, and many trials beside few.

Sleeping takes no core, so four workers can be had anywhere. Efficiency is the share of the slots' time that is slept,
from the moment when every worker has begun (they start one after the other, and import torch) to the last trial's end.
What the driver takes by itself, to plan a study and to see that one is finished, is in CPU seconds, beyond imports.

    python benchmarks/scale.py [--trials 240] [--many 5000] [--planned 100000] [--finished 10000]
"""

import argparse
import random
import resource
import tempfile
import time
from pathlib import Path

import ray
from overhead import whole_stack, write_step

from fairray import config
from fairray.launch.planning import plan
from fairray.launch.study import run

HERE = ["launch=local", "launch.threads=1", "launch.tracking=none", "baseline=null"]
ABOVE = "import os\nimport time\nfrom pathlib import Path\nSECONDS = "
SLEEPS = """start = time.time()
        time.sleep(SECONDS[self.x])
        line = " ".join(map(str, (os.getpid(), start, time.time()))) + "\\n"
        with Path(__file__).with_name("times").open("a") as times:
            times.write(line)"""


def efficiency(workers: int, seconds: list[float]) -> float:
    """Of a study with a trial for each number of seconds."""
    ray.init(address="local", num_cpus=workers, include_dashboard=False, log_to_driver=False)
    folder = Path(tempfile.mkdtemp())
    method = folder / f"sleeps_{folder.name}.py"  # a process knows one file of a name
    write_step(method, SLEEPS, f"{ABOVE}{seconds}")
    space = f"{{name: {method}, x: {{grid: {[*range(len(seconds))]}}}}}"
    own = ["tasks.Adult=toy", "seeds=1", "methods=[standard]", f"methods.standard={space}", "baseline=null"]
    outcome = run(config.load("bade_benchmarks", "smoke", [*own, f"launch.output={folder}"]))
    ray.shutdown()
    assert outcome.computed == len(seconds), outcome
    return share_slept((folder / "times").read_text(), workers)


def share_slept(times: str, workers: int) -> float:
    """times: a line for each trial: process, start, end."""
    trials = [(pid, float(start), float(end)) for pid, start, end in map(str.split, times.splitlines())]
    first = {pid: min(start for own, start, _ in trials if own == pid) for pid, _, _ in trials}
    begin, end = max(first.values()), max(end for _, _, end in trials)
    assert len(first) == workers, first
    return sum(max(0.0, end - max(start, begin)) for _, start, end in trials) / (workers * (end - begin))


def driver_seconds(trials: int) -> float:
    """The driver's own CPU seconds for a trial that does nothing."""
    ray.init(address="local", include_dashboard=False, log_to_driver=False)
    start = time.process_time()
    whole_stack(trials)
    spent = time.process_time() - start
    ray.shutdown()
    return spent / trials


def plan_seconds(stages: int) -> tuple[float, float]:
    """CPU seconds of planning so many stages: a teacher, a student and what both are worth, of two seeds at each point;
    and MiB for 10,000 of them."""
    points = stages // 8
    space = f"{{name: bade, strength: {{grid: {[round(i / points, 9) for i in range(points)]}}}}}"
    own = ["tasks={Adult: {name: toy, size: 256}}", "seeds=2", f"methods={{bade: {space}}}"]
    study = config.load("bade_benchmarks", "smoke", [*own, *HERE, f"launch.output={tempfile.mkdtemp()}"])
    study.check()
    start, memory = time.process_time(), measure_memory()
    planned = plan(study)
    spent, used = time.process_time() - start, measure_memory() - memory
    return spent, used * 10_000 / planned.stages


def measure_memory() -> float:
    """The most MiB that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def again_seconds(trials: int) -> float:
    """CPU seconds of a run that finds everything stored, of so many trials of one stage."""
    folder = Path(tempfile.mkdtemp())
    method = folder / f"no_op_{folder.name}.py"
    write_step(method)
    space = f"{{name: {method}, x: {{grid: {[*range(trials)]}}}}}"
    own = ["tasks={Adult: {name: toy, size: 256}}", "seeds=1", f"methods={{standard: {space}}}"]
    study = config.load("bade_benchmarks", "smoke", [*own, *HERE, f"launch.output={folder}"])
    assert run(study, say=lambda line: None).computed == trials
    start = time.process_time()
    assert run(study).computed == 0
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=240)
    parser.add_argument("--many", type=int, default=5000)
    parser.add_argument("--planned", type=int, default=100_000)
    parser.add_argument("--finished", type=int, default=10_000)
    given = parser.parse_args()
    spent, used = plan_seconds(given.planned)
    print(f"plan of {given.planned} stages: {spent:.1f} CPU s, {used:.0f} MiB of the driver for 10,000", flush=True)
    print(f"finished study of {given.finished} stages again: {again_seconds(given.finished):.1f} CPU s", flush=True)
    even = [1.0] * given.trials
    uneven = [0.5] * (given.trials * 9 // 10) + [5.0] * (given.trials // 10)
    random.Random(0).shuffle(uneven)
    print(f"{'workers':>8}{'efficiency':>12}")
    for workers in (1, 2, 4):
        print(f"{workers:>8}{(found := efficiency(workers, even)):>12.3f}", flush=True)
    print(f"ratio efficiency_4_workers {found:.3f}")
    print(f"ratio efficiency_uneven {efficiency(4, uneven):.3f}", flush=True)
    few, many = driver_seconds(100), driver_seconds(given.many)
    print(f"driver: {1000 * few:.1f} ms a trial of 100, {1000 * many:.1f} ms of {given.many}")
    print(f"ratio driver_100_vs_{given.many} {few / many:.2f}")


if __name__ == "__main__":
    main()
