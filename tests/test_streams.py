"""Data for which there is no room: read ahead from where they lie, with the same digits."""

from pathlib import Path
from threading import Event
from unittest import mock

import numpy as np
import pytest
import torch
from conformance import DATA, STAMPED, artifacts, quick

from fairray import memory
from fairray.datasets import _maps
from fairray.errors import BadInput
from fairray.stages import Numerics
from fairray.training import streams
from fairray.training.streams import settle, take

READS = mock.patch.object(streams, "_copy", side_effect=streams._copy)


@pytest.fixture
def nothing(monkeypatch):
    """No room at all."""
    monkeypatch.setenv(memory.VARIABLE, "0")


def columns():
    x = torch.randint(256, (40, 3, 2, 2), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return {"y": torch.arange(40), "x": x, "mask": x[:, 0] > 128, "weight": torch.linspace(0, 1, 40)}


@pytest.mark.parametrize(
    "parts",
    [
        [slice(0, 16), slice(16, 32), slice(32, 48)],
        [*torch.arange(39, -1, -1).view(2, 20).split(7, 1)],
        [torch.tensor([3, 3, 0])],
        [],
    ],
    ids=["in order", "of a stack", "again", "none"],
)
def test_parts_are_the_same_wherever_the_columns_lie(parts, monkeypatch):
    numerics, found = Numerics(dtype="float64"), []
    for gib in ("1", "0"):
        monkeypatch.setenv(memory.VARIABLE, gib)
        with READS as reads:
            settled = settle({"train": columns()}, numerics)["train"]
            found.append([*take(settled, parts, numerics)])
        assert reads.call_count == (len(parts) if gib == "0" else 0)
        assert settled["weight"].dtype == torch.float64
    for here, far, part in zip(*found, parts, strict=True):
        assert [*here] == [*far] == ["y", "x", "mask", "weight"]
        for name, column in columns().items():
            assert torch.equal(here[name], far[name])
            assert here[name].dtype == far[name].dtype
            assert torch.equal(here[name], column[part].to(here[name].dtype))


def test_it_is_the_inputs_of_all_splits_together_that_need_room(monkeypatch):
    """On a card, what is settled is on it; here only the dtype tells."""
    split = {"x": torch.zeros(128, 1024), "y": torch.zeros(2**20)}  # half a MiB of x
    for gib, fits in ((1.5 / 1024, True), (1.4 / 1024, False)):
        monkeypatch.setenv(memory.VARIABLE, str(gib))
        settled = settle({"train": split, "val": split, "test": split}, Numerics(dtype="float64"))
        assert [of["x"].dtype == torch.float64 for of in settled.values()] == [fits] * 3
        assert {of["y"].dtype for of in settled.values()} == {torch.float64}


def test_later_parts_are_read_while_one_is_used(nothing):
    """The third is read before anybody asks for the second."""
    read = [Event() for _ in range(4)]

    def copy(far, part, *rest, real=streams._copy):
        read[part.start].set()
        return real(far, part, *rest)

    with mock.patch.object(streams, "_copy", copy):
        found = take(columns(), [slice(i, i + 1) for i in range(4)], Numerics())
        next(found)
        assert read[2].wait(20)
        assert not read[3].is_set()
        assert len([*found]) == 3


def test_what_goes_wrong_in_the_thread_is_told(nothing):
    with pytest.raises(IndexError, match="out of range"):
        [*take(columns(), [torch.tensor([40])], Numerics())]


@pytest.mark.parametrize("given", ["much", "-1", "nan"])
def test_a_room_that_is_no_number_is_refused(given, trial, monkeypatch):
    """Before anything is computed."""
    one = trial()
    one.check()
    monkeypatch.setenv(memory.VARIABLE, given)
    with pytest.raises(BadInput, match=f"'{given}'.*a number from 0 on") as error:
        one.check()
    assert memory.VARIABLE in error.value.where


def test_room_is_what_is_said_or_half_of_the_memory(monkeypatch):
    monkeypatch.setenv(memory.VARIABLE, "1.5")
    assert memory.room("cuda") == memory.room("cpu") == 1.5 * 2**30
    monkeypatch.setenv(memory.VARIABLE, "")
    total = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    assert memory.room("cpu") == pytest.approx(1024 * int(total.split()[1]) / 2, rel=0.05)


IMAGES = {"dataset": DATA["image"]}


@pytest.mark.parametrize(
    ("method", "given", "engine"),
    [
        ("standard", {}, "stacked"),
        ("standard", IMAGES, "alone"),
        ("bade", IMAGES, "stacked"),  # a teacher, and triggers at evaluation
        ({"name": "suppress", "labels": "random", "classes": [2, 6], "probe_epochs": 1}, {}, "alone"),  # fresh columns
        ({**quick("dro"), "T1": 1}, IMAGES, "stacked"),  # made examples
        ({**quick("attack"), "shards": 1}, IMAGES, "alone"),
        pytest.param(quick("rrr"), {"dataset": {"name": STAMPED, "side": 8}}, "alone", marks=pytest.mark.slow),  # masks
    ],
    ids=lambda value: value["name"] if isinstance(value, dict) and "name" in value else None,
)
def test_without_room_every_stage_leaves_the_same_digits(method, given, engine, trial, tmp_path, monkeypatch):
    one = trial(method, **given)
    here = artifacts([one], tmp_path / "here", engine)
    monkeypatch.setenv(memory.VARIABLE, "0")
    with READS as reads:
        far = artifacts([one], tmp_path / "far", engine)
    assert reads.call_count
    assert here.keys() == far.keys()
    for key, tensor in here.items():
        assert torch.equal(tensor, far[key]), key


def test_a_file_larger_than_the_memory_is_mapped(tmp_path):
    """A sparse one, of a terabyte; what is written to the map stays here."""
    path, shape = tmp_path / "large.npy", (10**12 // (3 * 224 * 224), 3, 224, 224)
    np.lib.format.open_memmap(path, "w+", np.uint8, shape)[-1] = 7
    x, held = _maps.mapped(path), np.load(path, mmap_mode="r")
    path.unlink()
    assert x.shape == shape
    assert (x[-1] == 7).all()
    x[0] = 1
    assert not held[0].any()
