"""A new method is one file, and joins without any other edit."""

import sys
from importlib.metadata import EntryPoint

import pytest
import torch
from conformance import assert_stacking_changes_nothing

from fairray import catalogue, config, members
from fairray.cli import main
from fairray.errors import BadInput

GROUP_DRO = '''
"""A user's own method: weigh the loss of each group by its size's inverse power."""

from dataclasses import dataclass

import torch.nn.functional as F

from fairray.data import membership
from fairray.training.stage import TrainStage

__all__ = ["Grouped"]


@dataclass(frozen=True, kw_only=True)
class Grouped(TrainStage):
    power: float = 1.0

    def loss(self, nets, outputs, batch):
        values = F.cross_entropy(outputs["logits"], batch["y"], reduction="none")
        member = membership(batch["group"], 2).to(values.dtype)
        size = member.sum(0).clamp_min(1)
        return ((values @ member / size) * size ** (1 - self.power)).sum() / (size ** (1 - self.power)).sum()
'''


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "grouped.py"
    path.write_text(GROUP_DRO)
    return path


def test_a_file_joins_by_its_path(file, trial, tmp_path):
    assert_stacking_changes_nothing(str(file), trial, tmp_path)


def test_a_file_is_run_by_a_study(file, tmp_path):
    output = tmp_path / "runs"
    methods = f"methods={{standard: standard, bade: {file}}}"
    arguments = ["tasks.Adult=toy", methods, "methods.bade.power=0.5", "launch=local"]
    assert main(["run", "bade_benchmarks", "--scale", "smoke", f"launch.output={output}", *arguments]) == 0
    table = (output / "reports" / "bade_benchmarks" / "smoke" / "table.csv").read_text()
    assert "Adult,bade,odds" in table


def test_a_package_joins_by_an_entry_point(file, trial, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    point = EntryPoint(name="grouped", value="grouped", group="fairray.methods")
    monkeypatch.setattr(catalogue, "installed", lambda family: [point] if family == "methods" else [])
    assert "grouped" in members.names("methods")
    assert_stacking_changes_nothing("grouped", trial, tmp_path)
    study = config.load("bade_benchmarks", "smoke", ["methods.bade=grouped"])
    assert members.plain(study.methods["bade"].corner) == {"name": "grouped", "power": 1.0}
    del sys.modules["grouped"]


def test_a_module_must_say_what_it_offers(tmp_path):
    path = tmp_path / "silent.py"
    path.write_text("x = 1\n")
    with pytest.raises(BadInput, match="__all__ has 0 names"):
        members.load("methods", str(path))
    with pytest.raises(BadInput, match="no such file"):
        members.load("methods", str(tmp_path / "absent.py"))


def test_two_files_of_one_name(file, tmp_path):
    """Copies are one method; different files are not taken for each other."""
    first = members.load("methods", str(file))
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    copy = folder / file.name
    copy.write_text(file.read_text())
    assert members.load("methods", str(copy)) is first
    copy.write_text(file.read_text() + "\n# edited\n")
    with pytest.raises(BadInput, match="same name"):
        members.load("methods", str(copy))


def test_a_network_of_ones_own(tmp_path, trial, store):
    """A network with running statistics and dropout is trained alone, whatever engine is asked for."""
    from dataclasses import replace

    from fairray.trial import execute

    path = tmp_path / "normed.py"
    path.write_text(
        "from dataclasses import dataclass\n"
        "from torch import nn\n"
        "from fairray.networks import Network\n"
        "__all__ = ['Normed']\n"
        "@dataclass(frozen=True, kw_only=True)\n"
        "class Normed:\n"
        "    def build(self, shape, outputs):\n"
        "        encoder = nn.Sequential(nn.Linear(shape[0], 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.1))\n"
        "        return Network(encoder, nn.Linear(8, outputs), 8)\n"
    )
    own = replace(trial("standard"), network={"name": str(path)})
    execute([own], store, "stacked")
    tensors = store.read(own.replicas[0].parents["model"].uid).tensors
    assert not torch.equal(tensors["model/main.encoder.1.running_mean"], torch.zeros(8))
