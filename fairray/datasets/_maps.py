"""Images as bytes in files of a cache: made once, by one process, which goes on where another one was killed; and
mapped into memory, so that only what is looked at is read."""

import hashlib
import json
import mmap
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock, Timeout
from torch import Tensor

from fairray.errors import BadInput
from fairray.files import cache_folder, write_whole
from fairray.memory import room

BLOCK = 256  # images that are lost at most where a process is killed
EVERY_S = 2.0
NORESERVE = 0x4000 if sys.platform == "linux" else 0  # Linux refuses to map more than its memory without it
CURE = "set the environment variable FAIRRAY_CACHE to a folder with room"

Facts = dict[str, Any]
Write = Callable[[np.ndarray, range, Facts], None]


def cached(name: str, shape: tuple[int, ...], what: str, facts: Facts, write: Write) -> tuple[Tensor, Facts]:
    """Images of that shape, a map of NAME.npy in the cache (FAIRRAY_CACHE, else ~/.cache/fairray), and its facts.

    write: fills rows of an array with axes (image, ...), and adds to the facts, which are JSON; called where the file
        is not whole yet. what: is told on the screen, with how many are done.
    """
    path = _cache() / f"{name}.npy"
    if not path.exists():
        with _alone(path.with_suffix(".lock"), what):
            if not path.exists():  # or else who was at it has finished
                _fill(path, shape, what, facts, write)
    return mapped(path), json.loads(path.with_suffix(".json").read_text())


def gathered(x: Tensor, rows: np.ndarray) -> Tensor:
    """The rows of images, in memory if there is room, and else, if they come from a file of the cache, in another."""
    source = getattr(x, "map_of", None)
    if source is None or len(rows) * prod(x.shape[1:]) <= room("cpu"):
        return x[torch.from_numpy(rows)]

    def write(out: np.ndarray, part: range, facts: Facts) -> None:
        out[part.start : part.stop] = x[torch.from_numpy(rows[part.start : part.stop])].numpy()

    name = hashlib.sha256(source.encode() + rows.tobytes()).hexdigest()[:32]
    return cached(name, (len(rows), *x.shape[1:]), f"{source}: images of a split", {}, write)[0]


def mapped(path: Path) -> Tensor:
    """The file's bytes; what is written to them is seen by this process alone."""
    with path.open("rb") as file:
        np.lib.format.read_magic(file)
        shape, _, _ = np.lib.format.read_array_header_1_0(file)
        flags = mmap.MAP_PRIVATE | NORESERVE
        content = mmap.mmap(file.fileno(), 0, flags, mmap.PROT_READ | mmap.PROT_WRITE)
        x = torch.frombuffer(content, dtype=torch.uint8, offset=file.tell()).view(shape)
    x.map_of = path.stem  # type: ignore[attr-defined]
    return x


def _cache() -> Path:
    cache = cache_folder()
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(str(cache), f"images cannot be kept there: {error}", CURE) from error
    return cache


@contextmanager
def _alone(lock: Path, what: str) -> Iterator[None]:
    """Of all processes only this one, until it ends, however it does."""
    held = FileLock(lock)
    try:
        held.acquire(timeout=0)
    except Timeout:
        print(f"{what}: another process is at it", file=sys.stderr)
        held.acquire()
    try:
        yield
    finally:
        held.release()


def _fill(path: Path, shape: tuple[int, ...], what: str, facts: Facts, write: Write) -> None:
    """Make the file block by block, from the first that is not there; beside it lies what is known of those before."""
    part, known = path.with_suffix(".part"), path.with_suffix(".json")
    if part.exists() and known.exists():
        facts = json.loads(known.read_text())
    else:
        known.unlink(missing_ok=True)  # it would be of a file that somebody removed
    done = facts.pop("done", 0)
    _check_room(path.parent, prod(shape) - (part.stat().st_blocks * 512 if done else 0))
    out = np.lib.format.open_memmap(part, "r+" if done else "w+", np.uint8, None if done else shape)
    told = time.monotonic()
    for first in range(done, max(1, len(out)), BLOCK):
        rows = range(first, min(first + BLOCK, len(out)))
        write(out, rows, facts)
        out.flush()  # before it is said that they are there
        write_whole(known, json.dumps(facts | {"done": rows.stop}).encode())
        if time.monotonic() - told > EVERY_S:
            print(f"{what}: {rows.stop:,} of {len(out):,}", file=sys.stderr)
            told = time.monotonic()
    os.replace(part, path)


def _check_room(cache: Path, size: int) -> None:
    if (free := shutil.disk_usage(cache).free) < size:
        raise BadInput(str(cache), f"{free / 1e9:.1f} GB are free, {size / 1e9:.1f} GB are needed", CURE)
