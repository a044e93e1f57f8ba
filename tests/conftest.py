import os
from pathlib import Path

import pytest
import torch

from fairray import members
from fairray.store import Store
from fairray.trial import Trial

os.environ["RAY_AUTH_MODE"] = "disabled"
torch.set_num_threads(1)

SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture
def meps_folder():
    folder = SHARED / "meps"
    if not folder.is_dir():
        pytest.skip(f"MEPS is not shipped with the project, and is not in {folder}")
    return folder


@pytest.fixture
def store(tmp_path):
    return Store(str(tmp_path / "store"))


@pytest.fixture
def trial():
    """Makes a small trial on generated data; keywords replace its parts."""

    def make(method="standard", seeds=(0, 1), point=None, arm=None, numerics=None, dataset=None, **training):
        spec = {"name": method} if isinstance(method, str) else method
        if "cav" in members.arguments(members.load("methods", spec["name"])):  # corrects a model that has to be one
            training = {"standard": {"epochs": 20, "selection": "accuracy"}, **training}
            dataset = {**({} if "name" in (dataset or {}) else {"bias": 0.7}), **(dataset or {})}
        images = {"name": "small_cnn", "channels": 2}
        return Trial(
            task="toy",
            arm=arm or spec["name"],
            dataset={"name": "toy", "size": 256, **(dataset or {})},
            method=spec,
            network=images if (dataset or {}).get("side") else {"name": "mlp", "units": 16, "depth": 2},
            training={"epochs": 2, "batch": 100, "lr": 1e-2, **training},
            numerics=numerics or {},
            seeds=tuple(seeds),
            point=point or {},
        )

    return make
