"""How soon does the command line answer, and `import fairray`? Beside `import torch`, which both do without.

    python benchmarks/startup.py [--rounds 7]

Each command in a process of its own, in turn.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
FAIRRAY = ["-m", "fairray.cli"]
COMMANDS = {
    "list": [*FAIRRAY, "list"],
    "--help": [*FAIRRAY, "--help"],
    "completion": FAIRRAY,
    "import fairray": ["-c", "import fairray"],
    "import torch": ["-c", "import torch"],
}
LINE = "fairray run bade_b"


def seconds(name: str, folder: str) -> float:
    """Of one command, from its start to its end."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    if name == "completion":  # as argcomplete's shell function asks
        environment |= {"_ARGCOMPLETE": "1", "COMP_LINE": LINE, "COMP_POINT": str(len(LINE))}
        environment["_ARGCOMPLETE_STDOUT_FILENAME"] = f"{folder}/said"
    start = time.perf_counter()
    subprocess.run([sys.executable, *COMMANDS[name]], cwd=folder, env=environment, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        for name in COMMANDS:
            seconds(name, folder)  # what is compiled and read from the disk once
        took = [{name: seconds(name, folder) for name in COMMANDS} for _ in range(rounds)]
    columns = {name: [times[name] for times in took] for name in COMMANDS}
    print(f"{'':<14}{'min s':>8}{'median s':>10}")
    for name, times in columns.items():
        print(f"{name:<14}{min(times):>8.3f}{statistics.median(times):>10.3f}")
    for name in ("list", "import fairray"):
        ratio = statistics.median(columns[name]) / statistics.median(columns["import torch"])
        print(f"ratio {name.replace(' ', '_')}_vs_import_torch {ratio:.3f}")


if __name__ == "__main__":
    main()
