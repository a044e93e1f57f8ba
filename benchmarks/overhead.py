"""What does the stack cost a trial that does nothing? Trials a second, beside plain Ray Tune.

Plain Tune is used as its documentation shows it: a function trainable, a grid, `tune.report`. Ours is the
whole of `fairray run`: search, packing, warm Ray workers, a stage in the store, a run in MLflow.
Both run the same number of trials in one process on one cluster; the start of Ray is not counted.

    python benchmarks/overhead.py [TRIALS]
"""

import sys
import tempfile
import time
from pathlib import Path

import ray
from ray import tune

from fairray import config
from fairray.launch.connect import connect
from fairray.launch.study import run
from fairray.launch.tracking import Mirror

STEP = """
from dataclasses import dataclass
from fairray.records import rows
from fairray.stages import Artifact, Step
{above}

__all__ = ["Trial"]


@dataclass(frozen=True, kw_only=True)
class Trial(Step):
    x: int = 0

    def chain(self, dataset):
        return self

    def check(self, dataset):
        pass

    def compute(self, setting, seed, before):
        {does}
        return Artifact({}, rows({"odds": 0.0, "eacc": self.x}, split="val"))
"""


def write_step(file: Path, does: str = "pass", above: str = "") -> None:
    """A method of one stage. does: what it does before it tells x. above: what the module has besides."""
    file.write_text(STEP.replace("{above}", above).replace("{does}", does))


def plain_tune(trials: int) -> float:
    """Seconds for `trials` no-op trials of Tune."""

    def no_op(point):
        tune.report({"score": point["x"]})

    start = time.perf_counter()
    results = tune.Tuner(no_op, param_space={"x": tune.grid_search(list(range(trials)))}).fit()
    assert len(results) == trials
    return time.perf_counter() - start


def whole_stack(trials: int) -> float:
    """Seconds for as many trials of a study."""
    folder = Path(tempfile.mkdtemp())
    method = folder / "no_op.py"
    write_step(method)
    space = f"{{name: {method}, x: {{grid: {list(range(trials))}}}}}"
    study = config.load(
        "bade_benchmarks",
        "smoke",
        ["tasks.Adult=toy", "seeds=1", f"methods.standard={space}", f"launch.output={folder}", "baseline=null"],
    )
    for name in set(study.methods) - {"standard"}:
        del study.methods[name]
    start = time.perf_counter()
    outcome = run(study, Mirror(study, study.launch.tracking_uri))
    assert outcome.computed == trials, outcome
    return time.perf_counter() - start


def main() -> None:
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    connect(config.load("bade_benchmarks", "smoke").launch)  # starts Ray
    ours, plain = whole_stack(trials), plain_tune(trials)
    print(f"{'':<24}{'seconds':>10}{'trials/s':>10}")
    print(f"{'plain Tune':<24}{plain:>10.1f}{trials / plain:>10.1f}")
    print(f"{'store + Tune + MLflow':<24}{ours:>10.1f}{trials / ours:>10.1f}")
    print(f"ratio stack_vs_tune {plain / ours:.1f}")
    ray.shutdown()


if __name__ == "__main__":
    main()
