"""From image files to tensors: decoded and resized once, into a cache on disk."""

import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

import numpy as np
import torch
from annotated_types import Ge, Gt, Lt
from PIL import Image

from fairray.data import Tensors
from fairray.errors import BadInput

Corrupt = Literal["error", "skip"]
Pixels = Annotated[int, Ge(1)]
Share = Annotated[float, Gt(0), Lt(1)]
EVERY_S = 2.0
BLOCK = 128


def images(
    folder: Path, names: Sequence[str], size: tuple[int, int], corrupt: Corrupt
) -> tuple[torch.Tensor, np.ndarray]:
    """The files as bytes with axes (file, RGB, height, width), and which files could be read, in rising order.

    Resized with an antialiased bicubic filter to `size` (height, width). The bytes are a map of a file in the cache
    (FAIRRAY_CACHE, else ~/.cache/fairray), which is found by the names, sizes and times of the files.
    Raises BadInput for a file that is missing or no image; with corrupt "skip" its row is left blank instead.
    """
    cache = _cache(len(names) * 3 * size[0] * size[1])
    key = _key(folder, names, size, corrupt)
    pixels, notes = cache / f"{key}.npy", cache / f"{key}.json"
    if pixels.exists():
        bad = json.loads(notes.read_text())
        leave_out(folder, bad, len(names), corrupt)
    else:
        with TemporaryDirectory(dir=cache) as aside:
            bad = _decode(folder, names, size, Path(aside) / pixels.name)
            leave_out(folder, bad, len(names), corrupt)
            notes.write_text(json.dumps(bad))
            os.replace(Path(aside) / pixels.name, pixels)
    kept = np.array([i for i, name in enumerate(names) if name not in bad])
    return torch.from_numpy(np.load(pixels, mmap_mode="c")), kept


def leave_out(folder: Path, bad: dict[str, str], total: int, corrupt: Corrupt) -> None:
    """One line about files that cannot be used, as a BadInput or, with corrupt "skip", on stderr.

    bad: what is wrong with each such file; total: how many files there are. To skip all is refused.
    """
    if not bad:
        return
    name, problem = next(iter(bad.items()))
    text = f"{problem}; {len(bad)} of {total} files cannot be used"
    if corrupt == "error" or len(bad) == total:
        raise BadInput(str(folder / name), text, "repair or replace them, or leave some out with corrupt: skip")
    print(f"left out: {folder / name}: {text}", file=sys.stderr)


def check_folder(folder: Path | None, name: str, what: str) -> Path:
    """The folder of a data set; BadInput where it is none. what: the files that it holds."""
    if folder is None:
        raise BadInput(f"data set {name} (folder)", "no folder is given", f"set folder: DIR to where {what} lie")
    if not Path(folder).is_dir():
        raise BadInput(str(folder), "there is no such folder", f"set folder: DIR to where {what} lie")
    return Path(folder)


def split_by_stratum(strata: np.ndarray, shares: tuple[float, ...], seed: int, where: str) -> list[np.ndarray]:
    """Rows in random parts, each with its share of every stratum; the last part takes what is left."""
    if sum(shares) >= 1:
        raise BadInput(where, "no example is left to train on", "let the shares held out sum to less than 1")
    order = np.random.default_rng(seed).permutation(len(strata))
    members = [order[strata[order] == stratum] for stratum in np.unique(strata)]
    pieces = [np.split(rows, np.rint(np.cumsum(shares) * len(rows)).astype(int)) for rows in members]
    return [np.sort(np.concatenate(part)) for part in zip(*pieces)]


def pick(columns: Tensors, rows: np.ndarray) -> Tensors:
    """The rows of every column; rising rows without a gap are views, so that a map of a file stays one."""
    if len(rows) and rows[-1] - rows[0] + 1 == len(rows):
        return {key: column[rows[0] : rows[-1] + 1] for key, column in columns.items()}
    return {key: column[torch.from_numpy(rows)] for key, column in columns.items()}


def _cache(size: int) -> Path:
    cache = Path(os.environ.get("FAIRRAY_CACHE") or Path.home() / ".cache" / "fairray")
    cure = "set the environment variable FAIRRAY_CACHE to a folder with room"
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(str(cache), f"images cannot be kept there: {error}", cure) from error
    if (free := shutil.disk_usage(cache).free) < size:
        raise BadInput(str(cache), f"{free / 1e9:.1f} GB are free, {size / 1e9:.1f} GB are needed", cure)
    return cache


def _key(folder: Path, names: Sequence[str], size: tuple[int, int], corrupt: Corrupt) -> str:
    digest = hashlib.sha256(repr((str(folder.resolve()), tuple(size), corrupt)).encode())
    for name in names:
        path = folder / name
        stat = path.stat() if path.is_file() else None
        digest.update(repr((name, stat and (stat.st_size, stat.st_mtime_ns))).encode())
    return digest.hexdigest()[:32]


def _decode(folder: Path, names: Sequence[str], size: tuple[int, int], path: Path) -> dict[str, str]:
    out = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(len(names), 3, *size))

    def block(start: int) -> dict[str, str]:
        bad = {}
        for i in range(start, min(start + BLOCK, len(names))):
            try:
                out[i] = _read(folder / names[i], size)
            except FileNotFoundError:
                bad[names[i]] = "there is no such file"
            except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:  # what Pillow raises
                bad[names[i]] = f"it is no whole image: {error}"
        return bad

    bad, told = {}, time.monotonic()
    with ThreadPoolExecutor() as pool:
        for i, found in enumerate(pool.map(block, range(0, len(names), BLOCK))):
            bad.update(found)
            if time.monotonic() - told > EVERY_S:
                print(f"{folder}: {i * BLOCK} of {len(names)} images decoded", file=sys.stderr)
                told = time.monotonic()
    out.flush()
    return bad


def _read(path: Path, size: tuple[int, int]) -> np.ndarray:
    height, width = size
    with Image.open(path) as image:
        small = image.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(small).transpose(2, 0, 1)
