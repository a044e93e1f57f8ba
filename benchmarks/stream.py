"""Does it cost anything to train on images that stay on disk, and how much memory does it take?

    python benchmarks/stream.py [--gb 2] [--pairs 3] [--side 64] [--steps 40] [--threads 1]

small_cnn on random images, of the size that studies have CelebA in: held in memory as a tensor, or read ahead by a
thread from a map of a file (FAIRRAY_MEMORY=0). Each run is a process of its own, the two by turns, so that a ratio is
of neighbours in time. It is of steps of 256 images drawn from all, in seconds on the clock, and in those that
processors worked (all threads), which other work on a machine changes less. Peak memory is the most RssAnon, looked at
every 20 ms: what a process has for itself and cannot give back. Pages of the map are not in it, as the system takes
them away when it needs memory; `with pages` (the most VmRSS) has them.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from statistics import median

import numpy as np
import torch
from packs import label, make_pack, time_steps, write_images

from fairray.datasets._maps import mapped
from fairray.networks.small_cnn import SmallCnn
from fairray.stages import Numerics

BATCH = 256
MODES = ("resident", "streamed")


class Peak(threading.Thread):
    """The most MiB of some lines of /proc/self/status."""

    def __init__(self, *names: str):
        super().__init__(daemon=True)
        self.most = dict.fromkeys(names, 0.0)
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.02):
            lines = (line.split() for line in Path("/proc/self/status").read_text().splitlines())
            now = {words[0].rstrip(":"): int(words[1]) / 1024 for words in lines if words[0].rstrip(":") in self.most}
            self.most = {name: max(now[name], most) for name, most in self.most.items()}


def run_here(mode: str, path: Path, steps: int, threads: int) -> None:
    """Train in this process, and print seconds and MiB."""
    torch.set_num_threads(threads)
    peak = Peak("RssAnon", "VmRSS")
    peak.start()
    x = mapped(path) if mode == "streamed" else torch.from_numpy(np.load(path))
    pack = make_pack(label(x), SmallCnn(), BATCH, Numerics())
    took = time_steps(pack, "alone", steps)
    peak.over.set()
    print(took.seconds, took.worked, *peak.most.values())


def run_apart(mode: str, path: Path, steps: int, threads: int) -> list[float]:
    """The same in a process of its own."""
    numbers = ["--steps", str(steps), "--threads", str(threads)]
    command = [sys.executable, __file__, "--mode", mode, "--path", str(path), *numbers]
    memory = {"resident": "1000000", "streamed": "0"}[mode]
    environment = {**os.environ, "FAIRRAY_MEMORY": memory, "OMP_NUM_THREADS": str(threads)}
    said = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    return [float(word) for word in said.split()]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--gb", type=float, default=2.0)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--mode", choices=MODES, help=argparse.SUPPRESS)
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.mode:
        run_here(given.mode, given.path, given.steps, given.threads)
        return
    count = int(given.gb * 1e9) // (3 * given.side**2)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.npy"
        write_images(path, count, (3, given.side, given.side))
        found = {mode: [] for mode in MODES}
        print(f"{count:,} images of {given.side} x {given.side}: {given.gb:g} GB, {given.threads} threads")
        print(f"{'':>10}{'s':>8}{'worked s':>10}{'peak MiB':>10}{'with pages':>12}", flush=True)
        for _ in range(given.pairs):
            for mode in MODES:
                found[mode].append(run_apart(mode, path, given.steps, given.threads))
                seconds, worked, own, pages = found[mode][-1]
                print(f"{mode:>10}{seconds:>8.1f}{worked:>10.1f}{own:>10.0f}{pages:>12.0f}", flush=True)
    for place, what in enumerate(("streamed_vs_resident", "streamed_vs_resident_worked")):
        ratios = [here[place] / far[place] for here, far in zip(found["resident"], found["streamed"], strict=True)]
        print(f"ratio {what} {median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")
    print(f"peak of a streamed run {max(run[2] for run in found['streamed']):.0f} MiB, with room for 0 MiB of data")


if __name__ == "__main__":
    main()
