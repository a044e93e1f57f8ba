"""Somebody's own method, network and trigger, a file each outside the package; an edit recomputes what it decides."""

import json
from collections import Counter

import pytest

FILES = {
    "focal.py": """
        from dataclasses import dataclass
        from typing import Annotated, ClassVar

        import torch
        import torch.nn.functional as F
        from annotated_types import Ge

        from fairray.training.stage import TrainStage

        __all__ = ["Focal"]


        @dataclass(frozen=True, kw_only=True)
        class Focal(TrainStage):
            \"\"\"Weigh an example by how its loss compares with the running mean of all losses.\"\"\"

            own: ClassVar = {"epochs": 3, "optimizer": "sgd", "lr": 1e-2}

            memory: Annotated[float, Ge(0)] = 0.9

            def state(self, setting):
                return {"usual": torch.ones(())}

            def update_state(self, state, outputs, batch):
                mean = F.cross_entropy(outputs["logits"], batch["y"])
                return {"usual": self.memory * state["usual"] + (1 - self.memory) * mean}

            def loss(self, nets, outputs, batch):
                each = F.cross_entropy(outputs["logits"], batch["y"], reduction="none")
                return (each * (each.detach() / batch["usual"]).clamp(max=2)).mean()
        """,
    "net.py": """
        from dataclasses import dataclass
        from math import prod

        from torch import nn

        from fairray.networks import Network

        __all__ = ["Net"]


        @dataclass(frozen=True, kw_only=True)
        class Net:
            width: int = 8

            def build(self, shape, outputs):
                encoder = nn.Sequential(nn.Flatten(), nn.Linear(prod(shape), self.width), nn.Tanh())
                return Network(encoder, nn.Linear(self.width, outputs), self.width)
        """,
    "mark.py": """
        from dataclasses import dataclass

        import torch

        from shapes import corner

        __all__ = ["Mark"]


        @dataclass(frozen=True, kw_only=True)
        class Mark:
            size: int = 2

            def __call__(self, x, which):
                which = which[:, None, None, None]
                inside = corner(self.size, *x.shape[-2:])
                return torch.where(inside & (which >= 0), (which * 255).to(x.dtype), x)
        """,
    "shapes.py": """
        import torch

        def corner(size, height, width):
            rows, columns = torch.arange(height)[:, None], torch.arange(width)
            return (rows < size) & (columns < size)
        """,
}


@pytest.fixture
def stranger(tmp_path, fresh):
    """Computes the study with each change in turn, in a folder of its own, and gives what it computed by stage."""
    for name, text in FILES.items():
        (tmp_path / name).write_text("\n".join(line.removeprefix(" " * 8) for line in text.splitlines()))
    seen = set()

    def run(*changes):
        fresh(COMPUTE, *(changes or ["seeds=2"]), folder=tmp_path)
        specs = {file.parent.name: json.loads(file.read_text()) for file in tmp_path.glob("store/??/*/spec.json")}
        new = Counter(spec["key"]["stage"].rsplit(".", 1)[-1] for uid, spec in specs.items() if uid not in seen)
        seen.update(specs)
        return dict(new)

    return tmp_path, run


# What `fairray run` computes, in a process of its own, since a module is loaded once.
COMPUTE = """
import sys

from fairray import config
from fairray.store import Store
from fairray.trial import execute

methods = "methods={standard: standard, focal: ./focal.py, bade: {name: bade, trigger: ./mark.py}}"
small = ["tasks={Toy: {name: toy, side: 8}}", "network=./net.py", methods]
for change in sys.argv[1:]:
    study = config.load("bade_benchmarks", "smoke", [*small, change])
    study.check()
    execute([arm.corner for arm in study.arms()], Store("store"))
"""


def test_a_file_each_and_an_edit_recomputes_what_it_decides(stranger):
    folder, run = stranger
    trained = {"Standard": 2, "Focal": 2, "Teacher": 2, "Student": 2}
    assert run() == {**trained, "Evaluation": 8}
    helper = folder / "shapes.py"
    helper.write_text(helper.read_text() + "\n\n# a comment\n")
    assert run() == {}
    helper.write_text(helper.read_text().replace("columns < size", "columns <= size"))
    assert run() == {"Teacher": 2, "Student": 2, "Evaluation": 4}
    assert run("methods.focal.memory=0.5", "training.focal.epochs=2") == {"Focal": 2 * 2, "Evaluation": 2 * 2}
    net = folder / "net.py"
    net.write_text(net.read_text().replace("nn.Tanh()", "nn.ReLU()"))
    assert run() == {**trained, "Evaluation": 8}
