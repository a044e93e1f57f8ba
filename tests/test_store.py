import os
import shutil
import threading
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
import workers

from fairray import claims
from fairray.errors import BadInput
from fairray.records import join, rows
from fairray.stages import Artifact
from fairray.store import Store
from fairray.trial import execute, stages

ARTIFACT = Artifact({"w": torch.arange(3.0)}, pd.DataFrame({"metric": ["odds"], "value": [0.5]}))
UID = "ab" + "0" * 18


@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_what_is_written_is_read(kind, tmp_path, monkeypatch):
    monkeypatch.setenv("FAIRRAY_CACHE", str(tmp_path / "cache"))
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


def test_records_of_several_are_those_of_each_one_after_the_other(store):
    odds, loss = rows({"odds": [0.5, 0.25]}, split=["val", "test"]), rows({"loss": 2.0}, split="train", epoch=3)
    store.write("cd", Artifact({}, odds), {})
    store.write("ab", Artifact({}, loss), {})
    found = store.join_records(["cd", "ab"])
    assert found.pop("uid").tolist() == ["cd", "cd", "ab"]
    pd.testing.assert_frame_equal(found, join([odds, loss]))


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
    old = time.time() - claims.STALE_S - 1
    os.utime(path, (old, old))
    with store.claim(["a"]) as ours:
        assert ours == {"a"}


@pytest.mark.parametrize("minutes", [-10, 10])
def test_the_disk_s_clock_counts_where_ours_differs(minutes, store, monkeypatch):
    """A disk that machines share is another machine's."""
    with store.claim(["a"]):
        ours = time.time() + 60 * minutes
        monkeypatch.setattr(claims, "time", SimpleNamespace(time=lambda: ours))
        assert store.claimed() == ["a"]
        with store.claim(["a"]) as taken:
            assert not taken


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


@pytest.mark.parametrize("kind", ["folder", pytest.param("bucket", marks=pytest.mark.slow)])
def test_two_workers_compute_a_stage_once(kind, server, bucket, tmp_path):
    root = bucket if kind == "bucket" else str(tmp_path / "store")
    pair = workers.start(2, root, tmp_path, server.environment)
    for worker in pair:
        worker.join(timeout=120)
    assert [worker.exitcode for worker in pair] == [0, 0]
    assert Counter(workers.written(tmp_path)) == workers.needed()
    assert Store(root).claimed() == []


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
