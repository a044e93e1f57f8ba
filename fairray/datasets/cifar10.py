"""CIFAR-10: 60,000 photographs of 32 x 32 pixels in ten classes; no attribute is protected.

Krizhevsky, A. (2009), Learning Multiple Layers of Features from Tiny Images, University of Toronto; the binary or the
Python version as published.
"""

import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from fairray.arrays import load_arrays
from fairray.data import Dataset, Tensors
from fairray.datasets._images import Share, check_folder, pick, split_by_stratum
from fairray.errors import BadInput

__all__ = ["Cifar10"]

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
PIXELS = 3 * 32 * 32
BATCHES = tuple(f"data_batch_{i}" for i in range(1, 6))


@dataclass(frozen=True, kw_only=True)
class Cifar10:
    """Ten classes; test is the published test set.

    folder: where data_batch_1.bin to data_batch_5.bin and test_batch.bin lie, or the Python version without .bin.
    validation: the share of each class of the training set that is held out, drawn with `seed`.
    """

    folder: Path | None = None
    validation: Share = 0.1
    seed: int = 0

    def load(self) -> Dataset:
        """The tensors of the three splits."""
        folder = check_folder(
            self.folder, "cifar10", "data_batch_1 to data_batch_5 and test_batch, with .bin or without,"
        )
        rest = _join([_batch(folder / name) for name in BATCHES], 0)
        test = _join([_batch(folder / "test_batch")], len(rest["y"]))
        val, train = split_by_stratum(rest["y"].numpy(), (self.validation,), self.seed, "data set cifar10 (validation)")
        return Dataset(
            name="cifar10",
            task="object",
            train=pick(rest, train),
            val=pick(rest, val),
            test=test,
            classes=CLASSES,
            groups=("all",),
            kind="image",
        ).checked(f"data set cifar10 in {folder}")


def _join(batches: list[tuple[np.ndarray, np.ndarray]], first: int) -> Tensors:
    x, y = (np.concatenate(arrays) for arrays in zip(*batches))
    return {
        "x": torch.from_numpy(x).view(-1, 3, 32, 32),
        "y": torch.from_numpy(y.astype(np.int64)),
        "group": torch.zeros(len(y), dtype=torch.int64),
        "id": torch.arange(first, first + len(y)),
    }


def _batch(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Pixels with axes (example, byte) and labels of one file, the binary one where there are both."""
    binary = path.with_name(f"{path.name}.bin")
    if not (path.is_file() or binary.is_file()):
        raise BadInput(str(binary), "there is no such file, nor one without .bin", "set folder: DIR to the data set")
    where, (x, y) = (binary, _records(binary)) if binary.is_file() else (path, _read_pickle(path))
    if not np.isin(y, range(10)).all():
        raise BadInput(str(where), "it has labels other than 0 to 9", "give the file as published")
    return x, y


def _records(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Each record is a label and then its pixels."""
    content = np.fromfile(path, np.uint8)
    if len(content) == 0 or len(content) % (1 + PIXELS):
        problem = f"it has {len(content)} bytes, expected was a multiple of {1 + PIXELS}"
        raise BadInput(str(path), problem, "fetch the whole file again")
    records = content.reshape(-1, 1 + PIXELS)
    return records[:, 1:], records[:, 0]


def _read_pickle(path: Path) -> tuple[np.ndarray, np.ndarray]:
    try:
        batch = load_arrays(path, encoding="bytes")
        x, y = np.asarray(batch[b"data"], np.uint8), np.asarray(batch[b"labels"], np.int64)
    except (pickle.UnpicklingError, EOFError, KeyError, TypeError, ValueError) as error:
        raise BadInput(str(path), f"it is no batch of CIFAR-10: {error!r}", "fetch the whole file again") from error
    if x.shape != (len(y), PIXELS):
        problem = f"its data have the shape {x.shape}, expected was {(len(y), PIXELS)}"
        raise BadInput(str(path), problem, "fetch the whole file again")
    return x, y
