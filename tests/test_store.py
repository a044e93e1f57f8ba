import multiprocessing
import os
import shutil
import threading
import time
from pathlib import Path

import pandas as pd
import pytest
import torch
from conftest import trial as make_trial

from fairray import store as store_module
from fairray.errors import BadInput
from fairray.stages import Artifact
from fairray.store import Store
from fairray.trial import execute, stages

ARTIFACT = Artifact({"w": torch.arange(3.0)}, pd.DataFrame({"metric": ["odds"], "value": [0.5]}))
UID = "ab" + "0" * 18


@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_what_is_written_is_read(kind, tmp_path):
    store = Store(str(tmp_path) if kind == "folder" else f"memory://{tmp_path.name}")
    assert not store.has(UID)
    store.write(UID, ARTIFACT, {"uid": UID})
    store.write(UID, ARTIFACT, {"uid": UID})
    assert store.has(UID)
    assert torch.equal(store.read(UID).tensors["w"], ARTIFACT.tensors["w"])
    pd.testing.assert_frame_equal(store.records(UID), ARTIFACT.records)
    assert store.spec(UID) == {"uid": UID}
    with store.claim([UID]) as ours:
        assert ours == {UID}


def test_a_relative_root_is_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = Store("here")
    monkeypatch.chdir("/")
    store.write(UID, ARTIFACT, {})
    assert (tmp_path / "here" / "ab" / UID / "spec.json").is_file()


def test_a_killed_write_leaves_no_result(store, monkeypatch):
    monkeypatch.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        store.write(UID, ARTIFACT, {})
    assert not store.has(UID)


def test_a_damaged_entry_says_what_to_do(store):
    store.write(UID, ARTIFACT, {})
    Path(store.root, "ab", UID, "records.parquet").unlink()
    with pytest.raises(BadInput, match="fairray verify"):
        store.records(UID)


def test_claims_exclude_each_other(store):
    with store.claim(["a", "b"]) as first, store.claim(["b", "c"]) as second:
        assert (first, second) == ({"a", "b"}, {"c"})
        assert store.claimed() == ["a", "b", "c"]
    assert store.claimed() == []


def test_a_dead_holders_claim_is_taken_over(store):
    path = Path(store.root, "claims", "a")
    path.parent.mkdir(parents=True)
    path.touch()
    with store.claim(["a"]) as ours:  # nothing says who holds it
        assert not ours
    old = time.time() - store_module.STALE_S - 1
    os.utime(path, (old, old))
    with store.claim(["a"]) as ours:
        assert ours == {"a"}


def test_what_is_lost_is_computed_again_and_nothing_else(trial, store):
    """The last stage, and one in the middle, whose records are results as well."""
    made = trial("bade", seeds=[0])
    execute([made], store)
    evaluation, student, teacher = (replica.uid for replica in reversed(stages(made.replicas).values()))
    kept = store.spec(student)
    for uid in (evaluation, teacher):
        shutil.rmtree(Path(store.root, uid[:2], uid))
        assert not made.stored(store)
    execute([made], store)
    assert made.stored(store)
    assert store.spec(student) == kept


def _work(root, name, barrier):
    torch.set_num_threads(1)
    store = Store(root)
    write = store.write

    def traced(uid, artifact, spec):
        with open(f"{root}/{name}.log", "a") as file:
            file.write(f"{uid}\n")
        write(uid, artifact, spec)

    store.write = traced
    barrier.wait()
    execute([make_trial.__wrapped__()("bade", epochs=20)], store)


def test_two_workers_compute_a_stage_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    workers = [context.Process(target=_work, args=(str(tmp_path), name, barrier)) for name in "ab"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=120)
    assert [worker.exitcode for worker in workers] == [0, 0]
    written = [uid for log in tmp_path.glob("*.log") for uid in log.read_text().split()]
    needed = stages(make_trial.__wrapped__()("bade", epochs=20).ends)
    assert sorted(written) == sorted(needed)


def test_waiting_for_another_worker(trial, store):
    """What somebody else is computing is waited for, not computed again."""
    mine = trial("standard", seeds=[0])
    uids = [mine.replicas[0].uid, mine.replicas[0].parents["model"].uid]
    other = Store(store.root)
    source = Store(store.root + "-finished")
    execute([mine], source)
    marked = {uid: {**source.spec(uid), "by": "the other"} for uid in uids}
    held, release = threading.Event(), threading.Event()

    def hold():
        with other.claim(uids):
            held.set()
            release.wait(10)
            for uid in uids:
                other.write(uid, source.read(uid), marked[uid])

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(10)
    waiter = threading.Thread(target=execute, args=([mine], store))
    waiter.start()
    time.sleep(0.5)
    assert waiter.is_alive()
    release.set()
    waiter.join(20)
    holder.join(20)
    assert not waiter.is_alive()
    assert [store.spec(uid).get("by") for uid in uids] == ["the other"] * 2
