"""What goes wrong around a study is noticed, said once with its cure, and costs nothing that was finished."""

import errno
import os
import pickle
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from silent import Silent

from fairray import config
from fairray.cli import main
from fairray.errors import BadInput, Fatal
from fairray.files import holder, is_gone, write_whole
from fairray.identity import digest
from fairray.launch import local
from fairray.launch import study as launch_study
from fairray.launch.failures import Failure
from fairray.stages import Artifact
from fairray.store import Damaged, Store
from fairray.study import Launch
from fairray.trial import execute

ARTIFACT = Artifact({"w": torch.arange(3.0)}, pd.DataFrame({"metric": ["odds"], "value": [0.5]}))
SPEC = {"key": {"seed": 3}, "made": {"seconds": 1.25}}
UID = digest(SPEC["key"])
PARTS = ("artifact.safetensors", "records.parquet", "spec.json")
TOY = ["tasks={Adult: {name: toy, size: 256}}", "methods=[standard, reweighing]", "seeds=1", "network.depth=1"]


def flip(path):
    """Change one bit: of the number in a spec, so that it still can be parsed."""
    content = bytearray(path.read_bytes())
    content[content.find(b"1.25") if path.suffix == ".json" else len(content) // 2] ^= 2
    path.write_bytes(content)


DAMAGES = {
    "flipped": flip,
    "truncated": lambda path: os.truncate(path, path.stat().st_size // 2),
    "emptied": lambda path: os.truncate(path, 0),
    "lost": Path.unlink,
}


@pytest.fixture
def place(store):
    """The folder of an entry."""
    store.write(UID, ARTIFACT, SPEC)
    return Path(store.root, UID[:2], UID)


@pytest.fixture
def study(tmp_path):
    local = ["launch=local", "launch.threads=1", "launch.tracking=none", f"launch.output={tmp_path}"]
    return config.load("bade_benchmarks", "smoke", [*TOY, *local])


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_part_is_named_with_its_uid_and_cure_and_can_be_mended(damage, name, store, place, capsys):
    assert main(["verify", store.root]) == 0
    DAMAGES[damage](place / name)
    with pytest.raises(Damaged) as error:
        store.read(UID)
    assert (error.value.uid, error.value.where) == (UID, str(place / name))
    assert error.value.cure.startswith(f"fairray verify {store.root} --remove")
    assert main(["verify", store.root]) == 1
    assert f"damaged: {place / name}" in capsys.readouterr().out
    assert main(["verify", store.root, "--remove"]) == 0
    assert not place.exists()
    store.write(UID, ARTIFACT, SPEC)
    assert main(["verify", store.root]) == 0
    assert "1 result, 0 damaged" in capsys.readouterr().out


def test_an_entry_under_another_s_name_is_damaged(store, place):
    other = UID[:2] + "0" * 18
    place.rename(place.with_name(other))
    (damaged,) = store.find_damaged(store.entries())
    assert (damaged.uid, damaged.problem) == (other, "it is the spec of another entry")


def test_a_store_of_earlier_versions_is_read_and_verified_without_checksums(store, place):
    spec = place / "spec.json"
    spec.write_text(re.sub(r',\s*"checksums": {.*?}', "", spec.read_text(), flags=re.DOTALL))
    assert "checksums" not in spec.read_text()
    store.check(UID)
    DAMAGES["truncated"](place / "records.parquet")
    with pytest.raises(Damaged, match="cannot be read"):
        store.check(UID)


def test_there_is_nothing_to_verify(tmp_path, capsys):
    assert main(["verify", str(tmp_path)]) == 2
    assert "there is no result in it" in capsys.readouterr().err


def test_what_lost_its_spec_is_written_anew(store, place):
    """Else its stage would be computed again for ever."""
    (place / "spec.json").unlink()
    store.write(UID, ARTIFACT, SPEC)
    assert store.spec(UID) == SPEC
    assert not [*Path(store.root, "tmp").iterdir()]


def fill(monkeypatch, number, after=0):
    """From the write after so many on, a part of an entry meets this error."""
    write, left = Path.write_bytes, [after]

    def refuse(path, content):
        left[0] -= path.name in PARTS
        if left[0] < 0:
            raise OSError(number, os.strerror(number))
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", refuse)


def test_a_full_disk_leaves_no_half_entry(store, monkeypatch):
    with monkeypatch.context() as full:
        fill(full, errno.ENOSPC, after=1)
        with pytest.raises(Fatal, match="No space left"):
            store.write(UID, ARTIFACT, SPEC)
    assert not store.has(UID)
    assert not [*Path(store.root, "tmp").iterdir()]
    store.write(UID, ARTIFACT, SPEC)
    assert store.has(UID)


def test_a_study_stops_at_a_full_disk_and_goes_on_from_there(study, monkeypatch, capsys):
    """After two stages of four: no third one is computed for nothing, and no finished one again."""
    store = Store(study.launch.store_root)
    with monkeypatch.context() as full:
        fill(full, errno.ENOSPC, after=2 * len(PARTS))
        with pytest.raises(Fatal, match="cannot be written: No space left"):
            launch_study.run(study)
    kept = {uid: store.spec(uid) for uid in store.entries()}
    assert len(kept) == 2
    assert "FAILED" not in capsys.readouterr().err
    launch_study.run(study, Silent())
    assert {uid: store.spec(uid) for uid in kept} == kept
    assert len(store.entries()) == 4


def test_a_root_that_cannot_be_written_is_said_before_anything_is_computed(study, monkeypatch):
    def refuse(fs, path, content):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("fsspec.implementations.local.LocalFileSystem.pipe_file", refuse)
    monkeypatch.setattr(launch_study, "_execute", None)
    with pytest.raises(Fatal, match="Read-only file system"):
        launch_study.run(study)


def test_the_command_says_a_fatal_error_once(monkeypatch, capsys):
    def full(options):
        raise Fatal("/store", "it cannot be written", "make room")

    monkeypatch.setattr("fairray.cli._doctor", full)
    assert main(["doctor"]) == 1
    assert capsys.readouterr().err == "error: /store: it cannot be written\n  cure: make room\n"


def test_a_run_ends_at_a_fatal_error(study, monkeypatch):
    """No second job meets it, though the disk has room to write down that the first one failed."""
    begun = []

    def changed(trials, *rest):
        begun.append(trials)
        raise Fatal("trial", "its code is no longer what it was", "run it again")

    monkeypatch.setattr(local, "execute", changed)
    with pytest.raises(Fatal, match="no longer what it was"):
        launch_study.run(study, Silent())
    assert len(begun) == 1


def of_workers(*errors):
    """What Ray Train raises of its workers' errors: it has their tracebacks, and the errors themselves pickled."""
    from fairray.launch.cluster import WorkerGroupError

    told = "\n".join(f"Traceback\n{error}" for error in errors)
    return pickle.loads(pickle.dumps(WorkerGroupError(told, dict(enumerate(errors)))))


FULL_DISK = Fatal("/store", "it cannot be written", "make room")


@pytest.mark.parametrize("workers", [(), (FULL_DISK,), (RuntimeError("Connection closed by peer"), FULL_DISK)])
def test_jobs_end_at_a_fatal_error(workers):
    """Ray's workers tell the driver, which hands out nothing more; Ray Train's tell theirs."""
    from fairray.launch.cluster import Jobs, describe

    queue = SimpleNamespace(fatal=None, end=lambda job, error: None)
    jobs = Jobs(queue, {}, None, None)
    jobs.running["one"] = None
    jobs.on_trial_complete("one", describe(of_workers(*workers) if workers else FULL_DISK))
    assert str(queue.fatal) == str(FULL_DISK)


@pytest.mark.parametrize(
    ("workers", "kind"),
    [
        ((ValueError("what is this"),), "bug"),
        ((RuntimeError("Connection closed by peer"), MemoryError("Unable to allocate")), "memory"),
        (("has died",), "died"),
        ((RuntimeError("Connection closed by peer"), "has died"), "died"),
    ],
)
def test_jobs_tell_of_their_workers(workers, kind):
    """What others failed by, with its traceback where it has one."""
    from fairray.launch.cluster import RayTrainError, describe

    said = describe(of_workers(*(RayTrainError(one) if isinstance(one, str) else one for one in workers)))
    assert said["kind"] == kind
    assert ("Traceback" in said["error"]) == (kind != "died")


def test_a_claim_of_a_process_that_has_ended_is_taken_over_at_once(store):
    program = "import os, sys\nfrom fairray.store import Store\nwith Store(sys.argv[1]).claim('a'): os._exit(0)"
    subprocess.run([sys.executable, "-c", program, store.root], check=True)
    assert Path(store.root, "claims", "a").is_file()
    assert store.claimed() == []
    with store.claim(["a"]) as ours:
        assert ours == {"a"}
        assert store.claimed() == ["a"]


def test_only_what_is_known_to_have_ended_is_gone():
    machine = holder().rsplit(" ", 1)[0]
    assert not is_gone(holder())
    assert is_gone(f"{machine} {2**22 + 1}")  # more than Linux has
    assert not is_gone(f"another {2**22 + 1}")
    assert not is_gone("")


def test_a_scheme_that_cannot_be_read(store, place):
    Path(store.root, "scheme").write_text("")
    with pytest.raises(BadInput, match="scheme: got b'', expected a number"):
        Store(store.root)


def test_nobody_reads_a_part_of_a_file(tmp_path, monkeypatch):
    write_whole(tmp_path / "a", b"old")
    with monkeypatch.context() as full:
        full.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
        with pytest.raises(OSError, match="full"):
            write_whole(tmp_path / "a", b"new")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_code_or_data_that_changed_meanwhile_end_the_study(trial, store):
    """A worker finds no stage of the driver's uid: whatever it computed would be another's."""
    with pytest.raises(Fatal, match="1 of 1 stages are not what they were when the study began"):
        execute([trial(seeds=[0])], store, only=["a uid of other code"])
    assert not store.entries()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_a_run_in_order(number, code, tmp_path, monkeypatch, capsys, request):
    """Schedulers send SIGTERM; claims are given back, and the signal means again what it meant."""
    before = signal.getsignal(signal.SIGTERM)
    # whoever runs tests may ignore Ctrl-C in all processes but the first
    heeded = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, heeded))

    def send(trials, store, *rest):
        with store.claim(["a"]):
            os.kill(os.getpid(), number)
            time.sleep(10)
        pytest.fail("nothing ended it")  # else the run would ask for ever

    monkeypatch.setattr(local, "execute", send)
    arguments = [*TOY, "launch=local", "launch.tracking=none", f"launch.output={tmp_path}"]
    assert main(["run", "bade_benchmarks", "--scale", "smoke", *arguments]) == code
    assert "stopped; what was finished is stored" in capsys.readouterr().err
    assert not [*(tmp_path / "store" / "claims").iterdir()]
    assert signal.getsignal(signal.SIGTERM) == before


def test_what_tune_was_interrupted_in_is_no_finished_study(study, store, monkeypatch):
    """Tune takes Ctrl-C for itself, and returns as if all were well."""
    from fairray.launch import cluster

    monkeypatch.setattr(cluster, "check_reach", lambda *_: None)
    monkeypatch.setattr(cluster.tune, "Tuner", lambda *_, **__: SimpleNamespace(fit=lambda: None))
    queue = SimpleNamespace(over=False, slots=1)
    with pytest.raises(KeyboardInterrupt):
        cluster.run(study, store, queue, None)
    queue.over = True
    cluster.run(study, store, queue, None)


def test_an_address_that_no_cluster_answers_is_one_error_in_seconds(monkeypatch):
    from fairray.launch import connect

    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setattr(connect.ray, "init", None)
    monkeypatch.setattr(connect.ray, "is_initialized", lambda: False)
    for place in (address, f"ray://{address}"):
        with pytest.raises(BadInput, match=f"Ray cluster at {place}: it does not answer"):
            connect.connect(Launch(address=place))


def test_the_output_folder_is_expanded(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Launch(output="~/x").store_root == str(tmp_path / "x" / "store")
    assert Launch(store="~/y").store_root == str(tmp_path / "y")
    assert Launch(store="s3://bucket/~").store_root == "s3://bucket/~"


@pytest.mark.parametrize(
    ("error", "kind", "headline"),
    [
        (BadInput("method.strength", "got 7", "mend it"), "input", "method.strength: got 7; cure: mend it"),
        (MemoryError(), "memory", "MemoryError"),
        (RuntimeError("CUDA out of memory. Tried to"), "memory", "RuntimeError: CUDA out of memory. Tried to"),
        (ValueError("what is this"), "bug", "ValueError: what is this"),
    ],
)
def test_failures_have_kinds(error, kind, headline, study, tmp_path, monkeypatch, capsys):
    """Which are printed, and kept where `fairray status` finds them, until the stage is stored."""

    def fail(trials, *rest):
        if trials[0].arm == "reweighing":
            raise error
        execute(trials, *rest)

    arguments = [*TOY, "launch=local", "launch.tracking=none", f"launch.output={tmp_path}"]
    status = ["status", "bade_benchmarks", "--scale", "smoke", *arguments]
    with monkeypatch.context() as patch:
        patch.setattr(local, "execute", fail)
        assert len(launch_study.run(study, Silent()).failures) == 1
    said = capsys.readouterr().err
    assert (f"again ({kind}) Adult reweighing: {headline}" in said) == (kind != "input")
    assert f"FAILED ({kind}) Adult reweighing: {headline}" in said
    assert main(status) == 0
    whole, broken, hint = capsys.readouterr().out.splitlines()
    assert whole.endswith("100% of 2 stages stored")
    assert broken.endswith(f"0% of 2 stages stored, 1 failed ({kind})")
    assert "`fairray logs` says why" in hint
    launch_study.run(study, Silent())
    assert main(status) == 0
    assert "failed" not in capsys.readouterr().out


def test_what_memory_does_not_hold_together_is_tried_by_itself(study, monkeypatch):
    def fail(trials, store, engine, progress, only, *rest):
        if len(only) > 2:  # one model and what it is worth
            raise torch.OutOfMemoryError("CUDA out of memory")
        execute(trials, store, engine, progress, only, *rest)

    monkeypatch.setattr(local, "execute", fail)
    outcome = launch_study.run(replace(study, seeds=2), Silent())
    assert (outcome.computed, outcome.failures) == (2, [])


RAY_SAYS = {
    "The actor is dead because its worker process has died. Worker exit type: SYSTEM_ERROR": "died",
    "The actor died because its node has died. Node Id: 7": "node",
    "The actor 8fb1 is unavailable: The actor is temporarily unavailable: RpcError: Socket closed": "node",
    "Task was killed due to the node running low on memory.": "memory",
}


@pytest.fixture
def watched(tmp_path):
    """A job on Ray, as `Watch` sees it, and what it tells the queue of how the job ended."""
    from fairray.launch.cluster import Jobs, Watch

    told = []
    watch = Watch(Jobs(SimpleNamespace(end=lambda job, error: told.append(error)), {}, None, None), 5.0)
    watch.jobs.running["a"] = None
    state = SimpleNamespace(ray_actor="its actor")
    return watch, SimpleNamespace(trial_id="a", error_file=str(tmp_path / "error.txt"), temporary_state=state), told


@pytest.mark.parametrize(("text", "kind"), RAY_SAYS.items())
def test_jobs_say_how_they_died(text, kind, watched, tmp_path):
    watch, trial, told = watched
    (tmp_path / "error.txt").write_text(f"Failure # 1\n{text}")
    watch.jobs.on_trial_complete("a", error=True)
    assert not told
    watch.on_trial_error(0, [trial], trial)
    assert [failure.kind for failure in told] == [kind]
    assert text in told[0]


def test_a_job_on_ray_that_hangs_is_ended(watched, monkeypatch):
    """Five minutes after what it said last, and not before."""
    from fairray.launch import cluster

    watch, trial, told = watched
    now, killed = [100.0], []
    monkeypatch.setattr(cluster, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(cluster.ray, "kill", killed.append)
    watch.on_step_begin(0, [trial])  # it has not started
    watch.on_trial_start(0, [trial], trial)
    now[0] += 299
    watch.on_step_begin(1, [trial])
    watch.on_trial_result(1, [trial], trial, {})
    now[0] += 299
    watch.on_step_begin(2, [trial])
    assert not killed
    now[0] += 2
    watch.on_step_begin(3, [trial])
    watch.on_step_begin(4, [trial])
    assert killed == ["its actor"]
    watch.on_trial_error(4, [trial], trial)
    assert [(failure.kind, str(failure)) for failure in told] == [("hung", "no progress for 5 minutes (launch.hang)")]


def test_a_job_here_that_hangs_is_ended(study, monkeypatch):
    """With the traceback of where it was; what tells of progress goes on for as long as it likes."""

    def hang(trials, store, engine, progress, *rest):
        for _ in range(4):
            time.sleep(0.03)
            progress("moving", 0.5)
        time.sleep(10)  # where it hangs

    monkeypatch.setattr(local, "execute", hang)
    before = signal.getsignal(signal.SIGALRM)
    launch = replace(study.launch, hang=0.05 / 60)
    (_, error), *_ = launch_study.run(replace(study, launch=launch), Silent()).failures
    assert error.kind == "hung"
    assert "time.sleep(10)  # where it hangs" in error
    assert "launch.hang" in error.headline
    assert signal.getsignal(signal.SIGALRM) == before


COMMAND = ["bade_benchmarks", "--scale", "smoke", *TOY, "launch=local", "launch.threads=1", "launch.tracking=none"]


def test_failures_are_told_and_tried_again(tmp_path, monkeypatch, capsys):
    """After the driver has gone; of two methods that failed only the one that was asked for."""

    def fail(trials, *rest):
        if trials[0].arm in ("reweighing", "undersampling"):
            raise {"reweighing": MemoryError, "undersampling": ValueError}[trials[0].arm]("not today")
        execute(trials, *rest)

    arguments = [*COMMAND, "methods=[standard, undersampling, reweighing]", f"launch.output={tmp_path}"]
    with monkeypatch.context() as patch:
        patch.setattr(local, "execute", fail)
        launch_study.run(config.load(COMMAND[0], "smoke", arguments[3:]))
    capsys.readouterr()
    assert main(["logs", *arguments]) == 0
    said = capsys.readouterr().out
    assert "MemoryError: not today" in said
    (uid,) = re.findall(r"failed \(memory\) Adult reweighing, reweighing of seed 0: (\w+)", said)
    assert main(["logs", uid, "--store", str(tmp_path / "store")]) == 0
    assert "MemoryError: not today" in capsys.readouterr().out
    assert main(["retry", *arguments, "--kind", "memory"]) == 0
    assert "1 trial computed" in capsys.readouterr().err
    (page,) = tmp_path.glob("reports/*/*/report.html")
    assert "Incomplete: 2 of 3 trials are stored; there is nothing of Adult, undersampling." in page.read_text()
    assert main(["retry", *arguments, "--kind", "memory"]) == 2
    assert "nothing of it has failed as it is now (memory)" in capsys.readouterr().err


def test_of_a_stage_that_never_failed_there_is_nothing_to_tell(tmp_path, capsys):
    assert main(["logs", "0" * 20, "--store", str(tmp_path)]) == 2
    assert "knows of no failure of it" in capsys.readouterr().err


def test_a_loss_that_is_no_number_ends_as_a_record_and_on_the_page(study, tmp_path):
    """The study goes on, and every section is written; nothing of it is tried again."""
    (tmp_path / "nan.py").write_text(
        "from dataclasses import dataclass\n"
        "from fairray.training.stage import TrainStage\n"
        "__all__ = ['Nan']\n"
        "@dataclass(frozen=True, kw_only=True)\n"
        "class Nan(TrainStage):\n"
        "    def loss(self, nets, outputs, batch):\n"
        "        return outputs['logits'].sum() * float('nan')\n"
    )
    methods = f"methods={{standard: standard, diverged: {tmp_path / 'nan.py'}}}"
    local = ["launch=local", "launch.threads=1", "launch.tracking=none", f"launch.output={tmp_path}"]
    outcome = launch_study.run_study(config.load("bade_benchmarks", "smoke", [*TOY, *local, methods]))
    assert (outcome.computed, outcome.failures, outcome.broken) == (2, [], [])
    assert {trial.arm: doubt for trial, doubt in outcome.doubted}["diverged"].startswith("its outputs are no")


def test_what_is_tried_again_gets_a_whole_gpu(study):
    """Where it was fairray that chose a share."""
    from fairray.launch.resources import Chosen, Resources

    for gpus, whole in (("auto", 1), (0.25, 0.25)):
        chosen = Chosen(replace(study, launch=replace(study.launch, gpus=gpus)))
        (arm, *_) = study.arms()
        chosen.known[arm.task, arm.name] = Resources(0, 1, 0.25)
        assert [chosen.of(arm.corner, again).gpus for again in (False, True)] == [0.25, whole]


def test_what_a_failure_says_holds_no_secret(monkeypatch):
    monkeypatch.setenv("CLOUD_API_TOKEN", "a-long-one-3")
    monkeypatch.setenv("SHORT_KEY", "the")
    said = Failure("the bucket s3://me:pass@host/x refused a-long-one-3\x1b[2J", "bug")
    assert said == r"the bucket s3://***@host/x refused ***\x1b[2J"


@pytest.mark.parametrize("seconds", [-3600, 3600])
def test_a_claim_far_from_now_either_way_is_taken_over(seconds, store):
    """A clock that was set back left it in the future."""
    path = Path(store.root, "claims", "a")
    path.parent.mkdir(parents=True)
    path.touch()
    os.utime(path, (time.time() + seconds,) * 2)
    assert store.claimed() == []
    with store.claim(["a"]) as ours:
        assert ours == {"a"}
