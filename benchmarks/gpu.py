"""What a GPU makes of training: stacks, shares of a card, data that are read ahead, and products in bfloat16.

    python benchmarks/gpu.py                  # the card that torch finds; a table with its name
    python benchmarks/gpu.py --device cpu     # at tiny sizes: whether it runs, not how fast

It needs torch, and what fairray's training imports: NumPy, pandas, pyarrow, pydantic, annotated_types and filelock; no
Ray, Optuna or MLflow. `steps/s` is of the first way that a row names, of all replicas or processes together; `ratio` is
that over the other way's: one replica alone, one process with the whole card, float32, data that lie on the card. Both
are medians of turns in which the two follow on each other. Not run on a GPU yet; who has one, writes it down.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

import torch
from packs import label, make_pack, time_steps, write_images

from fairray.data import Dataset
from fairray.datasets._maps import mapped
from fairray.memory import VARIABLE
from fairray.networks.mlp import Mlp
from fairray.networks.small_cnn import SmallCnn
from fairray.stages import Numerics
from fairray.training.fit import Pack


class Sizes(NamedTuple):
    """turns: of both ways. steps: that are timed. side: of images; many: how many these are. channels: of a large
    network. stacks: replicas of one. shares: processes on one card."""

    turns: int
    steps: int
    batch: int
    side: int
    many: int
    channels: int
    stacks: tuple[int, ...]
    shares: tuple[int, ...]


SIZES = {
    "cuda": Sizes(3, 200, 256, 64, 80_000, 64, (4, 16, 64), (2, 4)),
    "cpu": Sizes(1, 3, 8, 8, 200, 2, (4,), (2,)),
}


def rate(pack: Pack, engine: str, steps: int) -> float:
    """Steps of replicas a second."""
    return len(pack.replicas) * steps / time_steps(pack, engine, steps).seconds


def compare(turns: int, way: Callable[[], float], other: Callable[[], float]) -> tuple[float, float]:
    """The median rate of a way, and that of its ratios to the other."""
    rates = [(other(), way()) for _ in range(turns)]
    return median(found for _, found in rates), median(found / base for base, found in rates)


def stacks(device: str, sizes: Sizes, images: Dataset) -> Iterator[tuple[str, float, float]]:
    table = label(torch.randn(sizes.batch * (sizes.steps + 3) + 64, 100))
    for name, data, network in (("mlp", table, Mlp(units=64, depth=2)), ("small_cnn", images, SmallCnn())):
        for replicas in sizes.stacks:
            one, several = (make_pack(data, network, sizes.batch, Numerics(device=device), n) for n in (1, replicas))
            found = compare(
                sizes.turns, partial(rate, several, "stacked", sizes.steps), partial(rate, one, "alone", sizes.steps)
            )
            yield f"{name}, {replicas} stacked / alone", *found


def shares(device: str, sizes: Sizes, path: Path) -> Iterator[tuple[str, float, float]]:
    for count in sizes.shares:
        found = compare(sizes.turns, partial(rate_apart, device, path, count), partial(rate_apart, device, path, 1))
        yield f"small_cnn, {count} processes / 1", *found


def rate_apart(device: str, path: Path, count: int) -> float:
    """Steps a second of so many processes together, which begin when all are ready."""
    command = [sys.executable, __file__, "--device", device, "--share", str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(count)]
    for process in processes:
        process.stdout.readline()
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    return sum(float(process.communicate()[0]) for process in processes)


def share(device: str, sizes: Sizes, path: Path) -> None:
    """One of the processes: takes its steps when it is told to."""
    pack = make_pack(label(mapped(path)), SmallCnn(), sizes.batch, Numerics(device=device))
    rate(pack, "alone", 1)
    print("ready", flush=True)
    sys.stdin.readline()
    print(rate(pack, "alone", sizes.steps))


def streams(device: str, sizes: Sizes, images: Dataset) -> Iterator[tuple[str, float, float]]:
    def rate_with(gib: str, pack: Pack) -> float:
        os.environ[VARIABLE] = gib
        return rate(pack, "alone", sizes.steps)

    for channels in (16, sizes.channels):
        network = SmallCnn(channels=channels)
        packs = [(gib, make_pack(images, network, sizes.batch, Numerics(device=device))) for gib in ("0", "1000000")]
        found = compare(sizes.turns, *(partial(rate_with, *one) for one in packs))
        yield f"small_cnn of {channels}, streamed / resident", *found


def dtypes(device: str, sizes: Sizes, images: Dataset) -> Iterator[tuple[str, float, float]]:
    for channels in (16, sizes.channels):
        modes = (Numerics(device=device, dtype=dtype) for dtype in ("bfloat16", "float32"))
        packs = [make_pack(images, SmallCnn(channels=channels), sizes.batch, numerics) for numerics in modes]
        found = compare(sizes.turns, *(partial(rate, pack, "alone", sizes.steps) for pack in packs))
        yield f"small_cnn of {channels}, bfloat16 / float32", *found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", choices=[*SIZES], default="cuda")
    parser.add_argument("--share", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.device == "cuda" and not torch.cuda.is_available():
        print("there is no GPU here that torch can use; --device cpu shows whether the benchmark runs")
        return
    torch.backends.cudnn.allow_tf32 = False  # as where stages are computed
    sizes = SIZES[given.device]
    if given.share:
        share(given.device, sizes, given.share)
        return
    card = torch.cuda.get_device_name() if given.device == "cuda" else "a CPU, at sizes that say nothing of speed"
    print(f"{card}; torch {torch.__version__}; steps of {sizes.batch}, images of {sizes.side} x {sizes.side}")
    print(f"{'':40}{'steps/s':>10}{'ratio':>8}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.npy"
        write_images(path, sizes.many, (3, sizes.side, sizes.side))
        images = label(mapped(path))
        for found in (
            stacks(given.device, sizes, images),
            shares(given.device, sizes, path),
            dtypes(given.device, sizes, images),
            streams(given.device, sizes, images),
        ):
            for what, steps, ratio in found:
                print(f"{what:40}{steps:>10.1f}{ratio:>8.2f}", flush=True)


if __name__ == "__main__":
    main()
