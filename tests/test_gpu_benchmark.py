"""benchmarks/gpu.py runs wherever torch does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

PROGRAM = Path(__file__).parents[1] / "benchmarks" / "gpu.py"
RUN = "import runpy, sys; sys.argv[:] = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
HEAVY = {"ray", "optuna", "mlflow", "matplotlib", "sklearn", "torchvision"}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU, on which it takes minutes")
def test_without_a_gpu_it_says_so_in_a_line(tmp_path):
    """And has imported nothing that a machine with torch alone may lack."""
    command = [sys.executable, "-c", f"{RUN}\nprint(sorted({HEAVY!r} & {{*sys.modules}}))", str(PROGRAM)]
    places = {**os.environ, "PYTHONPATH": f"{PROGRAM.parent}:{PROGRAM.parents[1]}"}
    told = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path, env=places)
    lines = told.stdout.splitlines()
    assert lines == ["there is no GPU here that torch can use; --device cpu shows whether the benchmark runs", "[]"]


@pytest.mark.slow
def test_each_comparison_runs_on_a_cpu(tmp_path):
    command = [sys.executable, str(PROGRAM), "--device", "cpu"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path).stdout.splitlines()
    assert "a CPU" in lines[0]
    found = {line[:40].strip(): [float(word) for word in line[40:].split()] for line in lines[2:]}
    assert len(found) == 7
    assert all(len(numbers) == 2 and min(numbers) > 0 for numbers in found.values())
