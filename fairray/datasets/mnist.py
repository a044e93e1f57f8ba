"""MNIST: 70,000 handwritten digits of 28 x 28 pixels; no attribute is protected.

LeCun, Y., Bottou, L., Bengio, Y. & Haffner, P. (1998), Gradient-Based Learning Applied to Document Recognition,
Proceedings of the IEEE 86; the four IDX files as published, compressed or not.
"""

import gzip
import zlib
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
import torch

from fairray.data import Dataset, Tensors
from fairray.datasets._images import Share, check_folder, pick, split_by_stratum
from fairray.errors import BadInput

__all__ = ["Mnist"]

FILES = {"images": "images-idx3-ubyte", "labels": "labels-idx1-ubyte"}


@dataclass(frozen=True, kw_only=True)
class Mnist:
    """Ten digits; test is the published test set.

    folder: where train-images-idx3-ubyte, t10k-images-idx3-ubyte and the two of labels lie, with .gz or without.
    validation: the share of each digit of the training set that is held out, drawn with `seed`.
    """

    folder: Path | None = None
    validation: Share = 0.1
    seed: int = 0

    def load(self) -> Dataset:
        """The tensors of the three splits."""
        folder = check_folder(self.folder, "mnist", "train-images-idx3-ubyte and the other three files")
        rest, test = _read(folder, "train", 0), _read(folder, "t10k", 60_000)
        val, train = split_by_stratum(rest["y"].numpy(), (self.validation,), self.seed, "data set mnist (validation)")
        return Dataset(
            name="mnist",
            task="digit",
            train=pick(rest, train),
            val=pick(rest, val),
            test=test,
            classes=tuple(map(str, range(10))),
            groups=("all",),
            kind="image",
        ).checked(f"data set mnist in {folder}")


def _read(folder: Path, part: str, first: int) -> Tensors:
    x = _idx(folder / f"{part}-{FILES['images']}", 3)
    y = _idx(folder / f"{part}-{FILES['labels']}", 1).astype(np.int64)
    if len(x) != len(y) or (y > 9).any():
        problem = f"{len(x)} images and {len(y)} labels, of which {(y > 9).sum()} are no digit"
        raise BadInput(f"{folder} ({part})", problem, "give the files as published")
    return {
        "x": torch.from_numpy(x)[:, None].expand(-1, 3, -1, -1).contiguous(),
        "y": torch.from_numpy(y),
        "group": torch.zeros(len(y), dtype=torch.int64),
        "id": torch.arange(first, first + len(y)),
    }


def _idx(path: Path, axes: int) -> np.ndarray:
    """The bytes of an IDX file: two zeros, type 8 (bytes), the number of axes, their lengths (big-endian), the data."""
    where, content = _content(path)
    if content[:4] != bytes([0, 0, 8, axes]):
        problem = f"it starts with {content[:4].hex()}, expected was 000008{axes:02}"
        raise BadInput(where, problem, "give the file as published")
    header = 4 + 4 * axes
    shape = np.frombuffer(content[4:header].ljust(4 * axes, b"\0"), ">u4").tolist()
    if len(content) != header + prod(shape):
        problem = f"it has {len(content)} bytes, expected were {header + prod(shape)}"
        raise BadInput(where, problem, "fetch the whole file again")
    return np.frombuffer(bytearray(content[header:]), np.uint8).reshape(shape)


def _content(path: Path) -> tuple[str, bytes]:
    packed = path.with_name(f"{path.name}.gz")
    try:
        if packed.is_file():
            return str(packed), gzip.decompress(packed.read_bytes())
        return str(path), path.read_bytes()
    except FileNotFoundError as error:
        raise BadInput(str(path), "there is no such file, nor one in .gz", "set folder: DIR to the data set") from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise BadInput(str(packed), f"it cannot be unpacked: {error}", "fetch the whole file again") from error
