"""Is fairray as fast as it was? The same studies by two commits, in turn, in one run.

    python benchmarks/before.py OLD [NEW] [--rounds 3]

A study of 200 no-op trials (Ray, store, MLflow), and the small TAR grid at 25 rates x 5 seeds, each on a fresh store.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
NO_OP = """
from dataclasses import dataclass
import pandas as pd
from fairray.stages import Artifact, Step

try:
    from fairray.records import rows
except ImportError:  # before records had a schema
    rows = None

__all__ = ["NoOp"]


@dataclass(frozen=True, kw_only=True)
class NoOp(Step):
    x: int = 0

    def chain(self, *data):
        return self

    def check(self, dataset):
        pass

    def compute(self, setting, seed, before):
        values = {"odds": 0.0, "eacc": self.x / 200}
        if rows:
            return Artifact({}, pd.concat([rows(values, split=split) for split in ("val", "test")]))
        old = [(split, metric, value, "all") for split in ("val", "test") for metric, value in values.items()]
        return Artifact({}, pd.DataFrame(old, columns=["split", "metric", "value", "group"]))
"""
WITHOUT = {"tar_grid": ["replays=[nsga2]"]}  # the old commit plays nothing again; this takes least
RATES = "{grid: [0.0, 0.25, 0.5, 0.75, 1.0]}"


def seconds(tree: Path, arguments: list[str]) -> float:
    """Of a study by a tree's code, from nothing."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "fairray.cli", "run", *arguments, f"launch.output={folder}"]
        environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONWARNINGS": "ignore"}
        start = time.perf_counter()
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
        return time.perf_counter() - start


@contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """The tree of a commit."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        subprocess.run(["git", "worktree", "add", "-q", "--detach", str(tree), commit], cwd=ROOT, check=True)
        try:
            yield tree
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(tree)], cwd=ROOT, check=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("old")
    parser.add_argument("new", nargs="?", default="HEAD")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, checked_out(options.old) as old, checked_out(options.new) as new:
        method = Path(folder) / "no_op.py"
        method.write_text(NO_OP)
        points = f"methods={{no_op: {{name: {method}, x: {{grid: {list(range(200))}}}}}}}"
        stack = ["bade_benchmarks", "--scale", "smoke", "tasks={Toy: toy}", "seeds=1", "baseline=null", points]
        rates = [f"methods.bade.tar_{label}={RATES}" for label in ("negative", "positive")]
        grid = ["bade_tar_grid", "methods=[bade]", *rates]
        for name, arguments in (("stack", stack), ("tar_grid", grid)):
            fresh = [*arguments, *WITHOUT.get(name, [])]
            pairs = [(seconds(old, arguments), seconds(new, fresh)) for _ in range(options.rounds)]
            before, now = (statistics.median(times) for times in zip(*pairs, strict=True))
            print(f"{name}: before {before:.1f} s, now {now:.1f} s", *(f"({o:.1f}, {n:.1f})" for o, n in pairs))
            print(f"ratio {name}_vs_before {before / now:.2f}", flush=True)


if __name__ == "__main__":
    main()
