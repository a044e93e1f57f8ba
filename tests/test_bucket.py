"""Stores in a bucket: who computes what is agreed on by conditional writes, tried against moto's S3 on loopback, and
a stand-in for Google's client."""

import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import count
from types import SimpleNamespace

import pandas as pd
import pytest
import s3fs
import torch
import workers

from fairray import claims as claims_module
from fairray.claims import find_claims, hold
from fairray.copies import Copies
from fairray.errors import BadInput, Fatal
from fairray.stages import Artifact
from fairray.store import Damaged, Store
from fairray.trial import execute, results

ARTIFACT = Artifact({"w": torch.arange(3.0)}, pd.DataFrame({"metric": ["odds"], "value": [0.5]}))
UID = "ab" + "0" * 18


def test_what_is_written_is_read(bucket):
    store = Store(bucket)
    store.check_writable()
    assert not store.has(UID)
    assert store.entries() == []
    assert store.failures() == {}
    store.write(UID, ARTIFACT, {"uid": UID})
    store.note_failure(UID, "bug", "no")
    assert store.has(UID)
    assert store.entries() == [UID]
    assert store.failures() == {UID: {"kind": "bug", "text": "no"}}
    assert torch.equal(store.read(UID).tensors["w"], ARTIFACT.tensors["w"])
    store.remove(UID)
    assert not store.has(UID)
    for content in (b"begun", b"so far"):
        store.write_checkpoint(UID, content)
        assert store.read_checkpoint(UID) == content
    assert store.checkpoints() == {UID: 6}
    store.drop_checkpoint(UID)
    assert store.read_checkpoint(UID) is None
    assert store.checkpoints() == {}


@pytest.mark.parametrize(
    ("keys", "url", "said"),
    [
        (
            {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true"},
            None,
            "it cannot be read: .*credentials",
        ),
        ({}, "s4://somewhere", "Protocol not known: s4"),
    ],
)
def test_a_store_that_cannot_be_opened_is_one_error(keys, url, said, bucket, monkeypatch):
    s3fs.S3FileSystem.clear_instance_cache()
    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BadInput, match=said):
        Store(url or bucket)
    s3fs.S3FileSystem.clear_instance_cache()


def test_claims_exclude_each_other(bucket):
    mine, other = Store(bucket), Store(bucket)
    with mine.claim(["a", "b"]) as first, other.claim(["b", "c"]) as second:
        assert (first, second) == ({"a", "b"}, {"c"})
        assert mine.claimed() == ["a", "b", "c"]
    assert mine.claimed() == []


@pytest.mark.parametrize(("seconds", "taken"), [(30, False), (90, True), (-90, True)])
def test_what_is_not_renewed_for_a_minute_is_taken_over(seconds, taken, bucket, server, monkeypatch):
    store = Store(bucket)
    with store.claim(["a"]):
        server.age(f"{bucket}/claims/a", seconds)
        monkeypatch.setattr(claims_module, "time", SimpleNamespace(time=lambda: 0.0))  # our clock is not asked
        assert store.claimed() == ([] if taken else ["a"])
        with store.claim(["a"]) as ours:
            assert ours == ({"a"} if taken else set())


@pytest.mark.parametrize(
    ("header", "said"),
    [("If-None-Match", "writes over an object that it was asked to make"), ("If-Match", "replaces another version")],
)
def test_a_server_that_ignores_conditions_is_refused(header, said, bucket, server):
    with server.ignoring(header), pytest.raises(Fatal, match=said) as error:
        Store(bucket).check_writable()
    assert str(error.value).startswith(f"{bucket}: two drivers could compute the same stage there")
    Store(bucket).check_writable()


@pytest.mark.slow
def test_the_claims_of_a_killed_worker_are_taken_over(bucket, server, tmp_path):
    """It was killed on another machine: a minute after, the rest is computed once, and the table is a folder's."""
    [worker] = workers.start(1, bucket, tmp_path, server.environment, workers.stall)
    deadline = time.monotonic() + 60
    while not workers.written(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.01)
    worker.kill()
    worker.join()
    store, trial = Store(bucket), workers.trial()
    left = store.claimed()
    assert len(left) == 2
    with store.claim(left) as ours:
        assert ours == set()
    for uid in left:
        server.age(f"{bucket}/claims/{uid}", 90)
    execute([trial], store)
    assert server.written(bucket, "spec.json") == workers.needed()
    assert store.claimed() == []
    beside = Store(str(tmp_path / "store"))
    execute([trial], beside)
    pd.testing.assert_frame_equal(results(trial, store), results(trial, beside))


def test_one_of_many_takes_a_claim_over(bucket, server):
    store = Store(bucket)
    with store.claim(["a"]), ThreadPoolExecutor(8) as pool, ExitStack() as held:
        server.age(f"{bucket}/claims/a", 90)
        assert sum(map(bool, pool.map(lambda _: held.enter_context(store.claim(["a"])), range(8)))) == 1


def test_who_lost_a_lease_neither_renews_nor_releases_it(bucket, server):
    """As one who was stopped for more than a minute."""
    mine, other = find_claims(Store(bucket).fs, bucket), find_claims(Store(bucket).fs, bucket)
    first = mine.take("a")
    second = mine.renew("a", first)
    assert mine.renew("a", first) is None
    server.age(f"{bucket}/claims/a", 90)
    theirs = other.take("a")
    assert mine.renew("a", second) is None
    assert other.renew("a", theirs) is not None

    class Lost:
        beat_s, released, renewed = 0.001, [], threading.Event()
        take, release = str.upper, released.append

        @classmethod
        def renew(cls, uid, proof):
            assert (uid, proof) == ("a", "A")
            cls.renewed.set()

    with hold(Lost, ["a"]) as ours:
        assert ours == {"a"}
        assert Lost.renewed.wait(10)
    assert Lost.released == []


def test_an_answer_that_is_lost_takes_no_claim_away(bucket, server):
    claims = find_claims(Store(bucket).fs, bucket)
    server.lose_answer()
    proof = claims.take("a")
    server.lose_answer()
    assert claims.renew("a", proof) is not None


def test_what_was_read_is_read_from_here(bucket, server, tmp_path):
    """But for spec.json; what is removed or damaged there is so for who reads here."""
    store = Store(bucket)
    store.write(UID, ARTIFACT, {})
    store.read(UID)
    asked = len(server.asked)
    assert torch.equal(Store(bucket).read(UID).tensors["w"], ARTIFACT.tensors["w"])
    assert {path.rsplit("/", 1)[-1] for _, path in server.asked[asked:] if UID in path} == {"spec.json"}
    for copy in (tmp_path / "cache" / "stored").iterdir():
        copy.write_bytes(b"damaged")
    assert torch.equal(store.read(UID).tensors["w"], ARTIFACT.tensors["w"])
    store.fs.pipe_file(f"{store.root}/ab/{UID}/records.parquet", b"damaged")
    assert [error.uid for error in store.find_damaged([UID])] == [UID]
    store.remove(UID)
    with pytest.raises(Damaged, match="there is no such file"):
        store.read(UID)


def test_a_look_is_one_request(bucket, server):
    store, asked = Store(bucket), len(server.asked)
    assert not store.has(UID)
    assert len(server.asked) == asked + 1
    store.write(UID, ARTIFACT, {})
    asked = len(server.asked)
    assert store.has(UID)
    store.records(UID)
    assert len(server.asked) == asked + 3  # with spec.json, and the records


def test_what_is_being_written_is_not_damaged(bucket):
    store = Store(bucket)
    store.fs.pipe_file(f"{store.root}/ab/{UID}/artifact.safetensors", b"the rest comes")
    with store.claim([UID]):
        assert [*store.find_damaged(store.entries())] == []
    assert [error.uid for error in store.find_damaged(store.entries())] == [UID]


def test_of_many_copies_those_that_were_used_last_stay(tmp_path):
    copies = Copies(tmp_path, room=32)
    for number, name in enumerate("abcd"):
        copies.keep(name, b"x" * 10)
        os.utime(tmp_path / name, (number, number))
    assert copies.find("b")
    copies.keep("e", b"x" * 10)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "d", "e"]
    Copies(tmp_path / "a" / "b").keep("c", b"x")
    Copies(tmp_path / "b" / "b").keep("c", b"x")  # where no folder can be
    assert Copies(tmp_path / "b" / "b").find("c") is None


class Google:
    """What gcsfs's client says of Google's objects, each a generation, its content and when it was written."""

    protocol, _location, now = ("gs", "gcs"), "https://there", datetime(2026, 1, 1, tzinfo=UTC)

    def __init__(self):
        self.objects, self.generations = {}, count(1)

    def split_path(self, path):
        return *path.split("/", 1), None

    def call(self, method, path, *parts, data=b"", headers=None, **told):
        if method == "POST":
            assert path == "https://there/upload/storage/v1/b/buck/o"
            assert told["uploadType"] == "multipart"
            meta, content = (part.split(b"\r\n\r\n")[1].removesuffix(b"\r\n") for part in data.split(b"--0")[1:3])
            name = json.loads(meta)["name"]
            if self.objects.get(name, ("0",))[0] != told["ifGenerationMatch"]:
                raise FileExistsError(path)
            self.objects[name] = str(next(self.generations)), content, self.now
            return {}, json.dumps({"generation": self.objects[name][0]})
        assert path.format(*parts).startswith("b/buck/o")
        if method == "DELETE":
            return self.objects.pop(parts[1])
        said = {}
        if len(parts) > 1:
            generation, _, written = self.find(parts[1])
            said = {"generation": generation, "updated": written.isoformat().replace("+00:00", "Z")}
        return {"Date": format_datetime(self.now, usegmt=True)}, json.dumps(said)

    def find(self, name):
        if name not in self.objects:
            raise FileNotFoundError(name)
        return self.objects[name]

    def cat_file(self, path):
        return self.find(path.partition("/")[2])[1]

    def ls(self, path, detail):
        return [{"name": f"buck/{name}", "mtime": written} for name, (_, _, written) in self.objects.items()]


def test_google_s_generations_are_leases():
    fs = Google()
    claims = find_claims(fs, "buck/store")
    claims.check("gs://buck/store")
    assert not fs.objects
    proof = claims.take("a")
    assert claims.take("a") is None
    renewed = claims.renew("a", proof)
    assert claims.renew("a", proof) is None
    assert claims.list() == ["a"]
    fs.now += timedelta(seconds=90)
    assert claims.list() == []
    assert claims.take("a") is not None
    assert claims.renew("a", renewed) is None
    claims.release("a")
    assert not fs.objects
