"""What benchmarks of training share: random images, packs of replicas that train on them, and how long they take."""

import time
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from fairray.data import Dataset
from fairray.methods.standard import Standard
from fairray.stages import Numerics, Replica, Setting, Training
from fairray.training.alone import Alone
from fairray.training.fit import Pack
from fairray.training.objective import generator
from fairray.training.stacked import Stacked

ENGINES = {"alone": Alone, "stacked": Stacked}


def write_images(path: Path, count: int, shape: tuple[int, ...]) -> None:
    """A file of random bytes."""
    random, out = np.random.default_rng(0), np.lib.format.open_memmap(path, "w+", np.uint8, (count, *shape))
    for start in range(0, count, 1024):
        out[start : start + 1024] = random.integers(256, size=out[start : start + 1024].shape, dtype=np.uint8)
    out.flush()


def label(x: Tensor) -> Dataset:
    """These inputs with random labels; the last 64 are for validation and test."""
    y, group = (torch.randint(2, (len(x),), generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    columns = {"x": x, "y": y, "group": group, "id": torch.arange(len(x))}
    ends = (slice(0, -64), slice(-64, -32), slice(-32, None))
    splits = ({name: column[rows] for name, column in columns.items()} for rows in ends)
    kind: Any = "image" if x.ndim == 4 else "table"
    return Dataset("random", "label ~ group", *splits, classes=("0", "1"), groups=("0", "1"), kind=kind)


def make_pack(data: Dataset, network: Any, batch: int, numerics: Numerics, replicas: int = 1) -> Pack:
    """Replicas of plain training, which differ in their seeds."""
    setting = Setting(data, network, Training(batch=batch), numerics)
    made = [Replica(Standard(), setting, seed) for seed in range(replicas)]
    return Pack(made, [replica.stage.view(setting, generator(replica, "view"), {}) for replica in made])


class Took(NamedTuple):
    """seconds: on the clock. worked: of all of the process's threads."""

    seconds: float
    worked: float


def time_steps(pack: Pack, engine: str, steps: int) -> Took:
    """What steps of an epoch take; two that come before are not counted."""
    trained = pack.engine(ENGINES[engine])
    batches = pack.batches([generator(replica, "order") for replica in pack.replicas])
    for batch in islice(batches, 2):
        trained.step(batch)
    _wait(pack)
    start, worked = time.perf_counter(), time.process_time()
    for batch in islice(batches, steps):
        trained.step(batch)
    _wait(pack)
    return Took(time.perf_counter() - start, time.process_time() - worked)


def _wait(pack: Pack) -> None:
    """Until the card has done what it was told."""
    if pack.setting.numerics.device == "cuda":
        torch.cuda.synchronize()
