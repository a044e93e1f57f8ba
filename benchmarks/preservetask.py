"""What does drawing PreserveTask cost? Images a second on one thread, beside Pillow.

The same descriptions, drawn by turns, the best of several rounds of each. Antialiased, Pillow draws at four times the
side and averages; otherwise it draws at the side itself. Pillow's images stay Pillow's: making arrays of them, which
training needs and which ours are, is measured beside it and is not in the ratios.

    python benchmarks/preservetask.py [--side 256] [--images 1024]
"""

import argparse
import time
from collections.abc import Callable
from math import cos, pi, sin

import numpy as np
import torch
from PIL import Image, ImageDraw

from fairray import members
from fairray.data import Dataset

CORNERS = (0, 4, 3, 5, 6)
BATCH = 64
ROUNDS = 7
# of bytes, on average: Pillow counts the pixels on an edge in, ours does not, and more of a small image is edge
ALIKE = {True: 32.0, False: 128.0}  # divided by the side


def pillow(described: torch.Tensor, side: int, finer: int) -> list[Image.Image]:
    """The images, drawn `finer` times as large and averaged."""
    return [_pillow(row, side * finer, finer) for row in described.tolist()]


def _pillow(row: list[int], side: int, finer: int) -> Image.Image:
    shape, *rest = row
    ink, ground = tuple(rest[:3]), tuple(rest[6:])
    scale = side / 256
    x, y, r = (rest[3] + 0.5) * scale - 0.5, (rest[4] + 0.5) * scale - 0.5, rest[5] * scale
    image = Image.new("RGB", (side, side), ground)
    draw, n = ImageDraw.Draw(image), CORNERS[shape]
    if n:
        draw.polygon([(x + r * sin(2 * pi * i / n), y + r * cos(2 * pi * i / n)) for i in range(n)], fill=ink)
    else:
        draw.ellipse((x - r, y - r, x + r, y + r), fill=ink)
    return image.reduce(finer) if finer > 1 else image


def arrays(images: list[Image.Image]) -> np.ndarray:
    """Bytes with axes (image, RGB, y, x)."""
    return np.stack([np.asarray(image).transpose(2, 0, 1) for image in images])


def data(side: int, antialias: bool, images: int) -> Dataset:
    """With at least so many images to train on."""
    spec = {"name": "preservetask", "side": side, "antialias": antialias, "train": 2 + images // 1000, "test": 1}
    return members.build("datasets", spec).load()


def compared(side: int, antialias: bool, images: int) -> tuple[float, float, float]:
    """Images a second: ours, Pillow's, and Pillow's as arrays."""
    made, finer = data(side, antialias, images), 4 if antialias else 1
    rows = made.train["x"][torch.randperm(len(made.train["x"]), generator=torch.Generator().manual_seed(0))]
    batches = rows[: max(BATCH, images // BATCH * BATCH)].split(BATCH)
    ours, theirs = made.shown({"x": batches[0]})["x"].numpy(), arrays(pillow(batches[0], side, finer))
    apart = np.abs(ours.astype(int) - theirs).mean()
    assert apart < ALIKE[antialias] / side, f"ours and Pillow's differ by {apart} on average"
    ways: list[Callable[[torch.Tensor], object]] = [
        lambda batch: made.shown({"x": batch}),
        lambda batch: pillow(batch, side, finer),
        lambda batch: arrays(pillow(batch, side, finer)),
    ]
    seconds = [[_seconds(way, batches) for way in ways] for _ in range(ROUNDS)]
    fastest = (len(batches) * BATCH / min(times) for times in zip(*seconds, strict=True))
    return next(fastest), next(fastest), next(fastest)


def _seconds(way: Callable[[torch.Tensor], object], batches: tuple[torch.Tensor, ...]) -> float:
    way(batches[0])  # memory that the way before has given back is not its cost
    start = time.perf_counter()
    for batch in batches:
        way(batch)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=256, help="pixels")
    parser.add_argument("--images", type=int, default=1024, help="images of a round")
    given = parser.parse_args()
    torch.set_num_threads(1)
    speeds = {name: compared(given.side, name == "antialiased", given.images) for name in ("antialiased", "aliased")}
    print(f"{given.side} px, images/s{'ours':>12}{'Pillow':>12}{'as arrays':>12}")
    for name, each in speeds.items():
        print(f"{name:<16}" + "".join(f"{speed:>12,.0f}" for speed in each))
    for name, (ours, theirs, _) in speeds.items():
        print(f"ratio renderer_vs_pillow_{name} {ours / theirs:.2f}")


if __name__ == "__main__":
    main()
