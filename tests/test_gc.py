"""`fairray gc` takes away what no named study needs, its reports are as before, and what went is computed again."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import torch
from silent import Silent

from fairray import config
from fairray.audit import audit
from fairray.cli import main
from fairray.errors import BadInput
from fairray.launch import sparing
from fairray.launch.planning import list_asked, open_results
from fairray.launch.sparing import Spare, find_spare, limit
from fairray.launch.study import run
from fairray.report import Text
from fairray.stages import Artifact
from fairray.store import Damaged, Store
from fairray.trial import stages

ARTIFACT = Artifact({"w": torch.arange(300.0)}, pd.DataFrame({"metric": ["odds"], "value": [0.5]}))
METHODS = "methods={standard: standard, bade_tuned: {name: bade, strength: {grid: [0.0, 0.5, 1.0]}}}"
GIVEN = ["tasks={Adult: {name: toy, size: 256}}", METHODS, "network.depth=1", "launch=local", "launch.threads=1"]
GIVEN += ["launch.tracking=none"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A store with a search of two seeds, of which one point is chosen, and a third seed that nobody asks for."""
    folder = tmp_path_factory.mktemp("made")
    assert not run(load(folder, "seeds=3"), Silent()).failures
    return folder / "store"


@pytest.fixture
def place(made, tmp_path):
    """A copy of it."""
    shutil.copytree(made, tmp_path / "store")
    return tmp_path


def load(folder, *arguments):
    return config.load("bade_benchmarks", "smoke", [*GIVEN, *arguments, f"launch.output={folder}"])


def numbers(folder):
    return open_results(load(folder, "seeds=2")).records.to_csv()


def tensors(store):
    return {uid: not store.lacks_tensors(uid) for uid in store.entries()}


def test_an_entry_without_tensors_is_whole_but_for_them(store):
    store.write("ab", ARTIFACT, {"made": 1})
    before, own = store.measure("ab")
    store.let_go("ab")
    assert store.has("ab")
    assert store.lacks_tensors("ab")
    assert store.spec("ab") == {"made": 1}
    assert store.records("ab").equals(ARTIFACT.records)
    assert before - store.measure("ab")[0] > own - 100  # but for a checksum
    assert [*store.find_damaged(["ab"])] == []
    with pytest.raises(Damaged, match="its tensors were let go"):
        store.read("ab")
    Path(store.root, "ab", "ab", "records.parquet").write_bytes(b"x")
    assert len([*store.find_damaged(["ab"])]) == 1


@dataclass(frozen=True)
class Reads:
    """A section that reads the tensors of a result."""

    uid: str
    title: str = "Reads"

    def __call__(self, results):
        yield Text(str(results.read(self.uid).tensors))


def test_what_no_named_study_needs_goes_and_its_numbers_stay(place, capsys, monkeypatch):
    """The tensors of chosen points stay, and those that a section reads."""
    store, before, named = Store(str(place / "store")), numbers(place), load(place, "seeds=2")
    chains = [stages(trial.ends) for trial in list_asked(named, store)]
    asked = {uid for chain in chains for uid in chain}
    needed = {*stages(r for trial in open_results(named).chosen.values() for r in trial.ends)}
    read = next(uid for uid in chains[-1] if uid not in needed)
    monkeypatch.setattr(sparing, "load_sections", lambda study: [Reads(read)])
    every, needed = store.entries(), needed | {read}
    study = f"bade_benchmarks --scale smoke seeds=2 '{GIVEN[0]}' '{METHODS}' network.depth=1"
    assert main(["gc", store.url, "--keep", study]) == 0
    said = capsys.readouterr().out
    assert f"results of no study that is named: {len(every) - len(asked)}," in said
    assert f"tensors of points that were not chosen: {len(asked) - len(needed)}," in said
    assert said.endswith("can go (--remove)\n")
    assert tensors(store) == dict.fromkeys(every, True)  # it was only said
    assert main(["gc", store.url, "--keep", study, "--remove"]) == 0
    assert tensors(store) == {uid: uid in needed for uid in sorted(asked, key=every.index)}
    assert [*find_spare(store, [named])] == []
    assert [*store.find_damaged(store.entries())] == []
    assert numbers(place) == before
    assert run(named, Silent()).computed == 0


def test_what_went_is_computed_again_where_it_is_needed(place):
    """A student is lost, whose teacher has no tensors: both are computed, and nothing else."""
    store, before = Store(str(place / "store")), numbers(place)
    written = {uid: Path(store.root, uid[:2], uid).stat().st_mtime_ns for uid in store.entries()}
    last = [trial for trial in list_asked(load(place, "seeds=2"), store) if trial.point][-1]
    student = last.replicas[0].parents["model"]
    (teacher,) = student.parents.values()
    store.let_go(teacher.uid)
    store.remove(student.uid)
    assert run(load(place, "seeds=2"), Silent()).computed > 0
    again = {uid for uid in written if Path(store.root, uid[:2], uid).stat().st_mtime_ns != written[uid]}
    assert again == {teacher.uid, student.uid}
    assert all(tensors(store).values())
    assert numbers(place) == before


def test_an_audit_passes_over_what_was_let_go(place):
    store = Store(str(place / "store"))
    asked = list_asked(load(place, "seeds=2"), store)
    student = next(trial for trial in asked if trial.point).replicas[0].parents["model"]
    (teacher,) = student.parents.values()
    store.let_go(teacher.uid)
    found = [*audit(asked, store, 1000)]
    assert not {teacher.uid, student.uid} & {finding.uid for finding in found}
    assert len(found) > 10
    assert [finding for finding in found if finding.differs] == []


def test_a_checkpoint_that_nobody_goes_on_from_goes(store, tmp_path, monkeypatch):
    """Of a stage that is stored, and of one that no study has, with what was being written when somebody died."""
    monkeypatch.setattr(sparing, "_list_needs", lambda study, store: ({"ab", "cd"}, {"ab"}))
    store.write("ab", ARTIFACT, {})
    for uid in ("ab", "cd", "ef"):
        store.write_checkpoint(uid, b"so far")
    Path(store.root, "checkpoints", ".ef.safetensors.0f").write_bytes(b"so")
    spare = [*find_spare(store, [load(tmp_path)])]
    assert sorted(spare) == [Spare("ab", "checkpoints", 6), Spare("ef", "checkpoints", 8)]
    sparing.let_go(spare, store)
    assert [path.name for path in Path(store.root, "checkpoints").iterdir()] == ["cd.safetensors"]
    assert store.entries() == ["ab"]


def test_checkpoints_go_first_then_results_then_tensors_and_the_largest_first_until_it_is_small_enough():
    made = (("a", "tensors", 9), ("b", "results", 1), ("c", "results", 5), ("d", "checkpoints", 1))
    spare = [Spare(uid, what, size) for uid, what, size in made]
    assert [each.uid for each in limit(spare, 100, 0)] == ["d", "c", "b", "a"]
    assert [each.uid for each in limit(spare, 100, 95)] == ["d", "c"]
    assert limit(spare, 100, 100) == []


def test_what_is_refused(place, monkeypatch):
    store = Store(str(place / "store"))
    with pytest.raises(BadInput, match="nothing of it is stored here"):  # else all would go
        [*find_spare(store, [load(place, "network.units=7")])]
    with store.claim(["ab"]), pytest.raises(BadInput, match="something is being computed"):
        [*find_spare(store, [])]
