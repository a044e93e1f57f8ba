"""What made a result: the code's version, the packages', the machine."""

import os
import platform
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path

import torch

__all__ = ["processor", "provenance"]

PACKAGES = ("fairray", "torch", "ray", "optuna", "mlflow", "numpy", "pandas")


@cache
def provenance() -> dict[str, str]:
    """Name to value: git commit, whether the tree has changes, versions, hardware."""
    commit = _git("rev-parse", "HEAD")
    return {
        "git_sha": commit or "not a git checkout",
        "git_dirty": str(bool(_git("status", "--porcelain"))) if commit else "unknown",
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
        "platform": platform.platform(terse=True),
        "cpu": processor(),
        "cores": str(os.cpu_count()),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
    }


def _git(*arguments: str) -> str:
    folder = Path(__file__).parent
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


@cache
def processor() -> str:
    """The model of this machine's CPU."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
