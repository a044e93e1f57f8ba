"""`fairray audit` computes finished stages again, and finds what was altered, whatever it was."""

import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch

from fairray import audit as auditing
from fairray import config, identity, trial
from fairray.audit import audit
from fairray.cli import main
from fairray.errors import BadInput
from fairray.launch.study import run
from fairray.store import Store
from fairray.trial import execute, stages

MINE = """
from dataclasses import dataclass

from fairray.training.stage import TrainStage, error, weighted_mean

__all__ = ["Mine"]


@dataclass(frozen=True, kw_only=True)
class Mine(TrainStage):
    def loss(self, nets, outputs, batch):
        return 2 * weighted_mean(error(outputs["logits"], batch["y"]), batch)
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a table, a method and what a study of them has stored, and the arguments of the study."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "mine.py").write_text(MINE)
    cells = [(i % 2, "ab"[i % 3 == 0], i * 37 % 101) for i in range(300)]
    pd.DataFrame(cells, columns=["y", "g", "x"]).to_csv(folder / "table.csv", index=False)
    table = f"tasks={{Mine: {{name: table, path: {folder / 'table.csv'}, target: y, protected: g}}}}"
    methods = f"methods={{standard: standard, mine: {folder / 'mine.py'}}}"
    own = [table, methods, "seeds=4", "launch=local", "launch.threads=1", "launch.tracking=none"]
    arguments = ["bade_benchmarks", "--scale", "smoke", *own, f"launch.output={folder}"]
    assert not run(config.load(arguments[0], "smoke", arguments[3:])).failures
    return folder, arguments


@pytest.fixture
def altered(made):
    """The folder and the arguments; what is altered there is as it was afterwards."""
    folder, arguments = made
    kept = {file: file.read_text() for file in (folder / "mine.py", folder / "table.csv")}
    yield folder, arguments
    for file, text in kept.items():
        file.write_text(text)
    forget()


def forget():
    """What a process knows of files that it has read."""
    trial._loaded.clear()
    for known in (identity.source, identity._meaning, identity._meanings, identity._fingerprint, identity._imports):
        known.cache_clear()


def audited(arguments, capsys, code):
    forget()
    capsys.readouterr()
    assert main(["audit", *arguments, "--n", "100"]) == code
    *lines, summary = capsys.readouterr().out.splitlines()
    return lines, summary


def test_all_of_a_study_is_equal(altered, capsys):
    folder, arguments = altered
    lines, summary = audited(arguments, capsys, 0)
    assert len(lines) == len(Store(str(folder / "store")).entries()) == 16
    assert {line.split()[0] for line in lines} == {"equal"}
    assert summary == "16 of 16 stages equal"


def test_an_edited_method_is_found(altered, capsys):
    folder, arguments = altered
    (folder / "mine.py").write_text(MINE.replace("2 *", "3 *"))
    lines, summary = audited(arguments, capsys, 1)
    other = [line for line in lines if line.startswith("DIFFERS")]
    assert len(other) == 8
    assert all(" mine " in line and "not as when it was made" in line for line in other)
    assert sum("mine of seed" in line and "; the code is not as when it was made" in line for line in other) == 4
    assert summary == "8 of 16 stages equal"


def test_an_edited_table_is_found(altered, capsys):
    folder, arguments = altered
    file = folder / "table.csv"
    file.write_text(file.read_text().replace("0,b,0\n", "0,a,99\n").replace("0,a,0\n", "0,a,99\n"))
    lines, summary = audited(arguments, capsys, 1)
    assert all(line.startswith("DIFFERS") and "the data are not as when it was made" in line for line in lines)
    assert summary == "0 of 16 stages equal"


@pytest.fixture
def stored(trial, store):
    one = trial("bade", seeds=range(4))
    execute([one], store)
    return one


def rewrite(store, uid, change):
    """Alter a stored artifact."""
    artifact, spec = store.read(uid), store.spec(uid)
    shutil.rmtree(store._folder(uid))
    store.write(uid, change(artifact), spec)


def nudged(artifact):
    name = min(artifact.tensors)
    return replace(artifact, tensors={**artifact.tensors, name: artifact.tensors[name].nextafter(torch.tensor(9.0))})


def improved(artifact):
    return replace(artifact, records=artifact.records.assign(value=artifact.records["value"] * (1 + 2**-52)))


def dropped(artifact):
    return replace(artifact, records=artifact.records.iloc[1:].reset_index(drop=True))


@pytest.mark.parametrize(
    ("change", "said"),
    [(nudged, "artifact.safetensors: 1 of "), (improved, "records.parquet: "), (dropped, "records.parquet: ")],
)
def test_an_altered_result_is_found(change, said, stored, store):
    """The last bit of a number is enough; other seeds are as they were."""
    student = stored.replicas[2].parents["model"].uid
    rewrite(store, student, change)
    found = {finding.uid: finding.differs for finding in audit([stored], store, 100)}
    (problem,) = found.pop(student)
    assert problem.startswith(said)
    assert {uid for uid, differs in found.items() if differs} <= {stored.replicas[2].uid}


def test_what_made_a_stage_is_used_and_what_is_other_here_is_said(stored, store, monkeypatch, set_threads):
    """The engine and the threads are those of the spec; another version is named, and is no difference by itself."""
    students = {replica.parents["model"].uid for replica in stored.replicas}
    for uid in students:
        artifact, spec = store.read(uid), store.spec(uid)
        shutil.rmtree(store._folder(uid))
        store.write(uid, artifact, {**spec, "made": {**spec["made"], "torch": "1.0", "threads": 2}})
    used = []

    def compute(replicas, before, into, engine):
        used.append((replicas[0].stage.name, len(replicas), torch.get_num_threads(), engine))
        trial.compute(replicas, before, into, engine)

    monkeypatch.setattr(auditing, "compute", compute)
    monkeypatch.setattr(torch, "set_num_threads", set_threads)
    found = {finding.uid: finding for finding in audit([stored], store, 100)}
    assert not any(finding.differs for finding in found.values())
    other = f"made by torch 1.0, here {torch.__version__}"
    assert {uid for uid, finding in found.items() if finding.elsewhere == [other]} == students
    trained = ("teacher", "student")
    assert {one for one in used if one[0] in trained} == {("teacher", 4, 1, "stacked"), ("student", 4, 2, "stacked")}


def test_the_draw_is_of_the_seed(stored, store):
    draws = [[finding.uid for finding in audit([stored], store, 3, seed)] for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]
    assert len({*draws[0]}) == 3


def test_what_cannot_be_read_is_said(stored, store):
    teacher = next(replica for replica in stages(stored.ends).values() if replica.stage.name == "teacher")
    Path(store._folder(teacher.uid), "artifact.safetensors").unlink()
    (finding,) = (one for one in audit([stored], store, 100) if one.uid == teacher.uid)
    assert "artifact.safetensors" in str(finding)
    assert "there is no" in str(finding)


def test_nothing_stored_is_said(trial, store):
    with pytest.raises(BadInput, match="one stage is the least"):
        [*audit([trial()], store, 0)]
    with pytest.raises(BadInput, match="nothing of the study is stored"):
        [*audit([trial()], store)]
