"""Stages that are ended on their way go on from their last checkpoint, and are as if nothing had happened."""

import errno
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest
import torch
from conformance import ALL_SETTINGS

from fairray import checkpoints
from fairray.attacks.pgd_l2 import PgdL2
from fairray.files import write_whole
from fairray.store import Store
from fairray.training.alone import Alone
from fairray.training.selection import read_curves
from fairray.training.stacked import Stacked
from fairray.trial import execute, stages

ALWAYS = 1e-9  # minutes
NOISY = str(Path(__file__).with_name("members") / "noisy.py")
RANDOM_LABELS = {"name": "suppress", "labels": "random", "classes": [2, 6], "probe_epochs": 1}
FEW = {"name": "pgd_l2", "N": 2}
IMAGES = {"dataset": {"side": 8}, "seeds": [0]}
STEPS = ((Alone, "step"), (Stacked, "step"), (PgdL2, "__call__"))


class Died(Exception):
    """Stands for a process that is killed."""


class Steps:
    """Counts the steps of all engines and the batches that are attacked, and dies at the one after so many."""

    def __init__(self, places=STEPS):
        self.places, self.taken, self.last = places, 0, None

    def until(self, last):
        self.last = last
        patches = ExitStack()
        for place, name in self.places:
            patches.enter_context(mock.patch.object(place, name, self._counting(getattr(place, name))))
        return patches

    def _counting(self, step):
        def counted(*given, **named):
            if self.taken == self.last:
                raise Died
            self.taken += 1
            return step(*given, **named)

        return counted


def found(trials, store):
    """Every tensor and record of what the trials' training and what comes after it left."""
    return {uid: store.read(uid) for uid in stages(end for one in trials for end in one.ends)}


def assert_alike(one, other):
    assert one.keys() == other.keys()
    for uid, artifact in one.items():
        assert artifact.records.equals(other[uid].records)
        assert artifact.tensors.keys() == other[uid].tensors.keys()
        for name, tensor in artifact.tensors.items():
            assert torch.equal(tensor, other[uid].tensors[name]), name


def undisturbed(trials, folder, engine="auto"):
    torch.manual_seed(0)
    store, steps = Store(str(folder / "undisturbed")), Steps()
    with steps.until(None):
        execute(trials, store, engine)
    return found(trials, store), steps.taken


def disturbed(trials, store, engine="auto", places=STEPS):
    """Dies after every step until all is stored; how many steps it took, and in how many attempts."""
    steps, attempts, died = Steps(places), 0, True
    while died:
        torch.manual_seed(attempts)
        attempts += 1
        with steps.until(steps.taken + 1):
            try:
                execute(trials, store, engine, checkpoint=ALWAYS)
                died = False
            except Died:
                pass
    return steps.taken, attempts


@pytest.mark.parametrize(
    ("given", "engine"),
    [
        ({"epochs": 3}, "alone"),
        ({"epochs": 3, "seeds": range(4)}, "stacked"),
        ({**ALL_SETTINGS, "epochs": 3, "seeds": [0]}, "alone"),
        ({**ALL_SETTINGS, "epochs": 3}, "stacked"),
        ({"method": "group_dro"}, "stacked"),
        ({"method": {"name": "adversarial", "update": "projection"}}, "alone"),
        ({"method": RANDOM_LABELS, "seeds": [0]}, "alone"),
        ({"method": RANDOM_LABELS}, "stacked"),
        ({"patience": 1, "epochs": 9, "lr": 0.9}, "stacked"),
        ({"selection": "z"}, "stacked"),
        ({"network": NOISY, "seeds": [0]}, "alone"),
        ({"method": "bade", "dataset": {"side": 8}, "seeds": [0]}, "alone"),
        ({"method": {"name": "attack", "attack": FEW, "shards": 2}, **IMAGES}, "alone"),
        ({"method": {"name": "dro", "attack": FEW, "T1": 2}, **IMAGES}, "alone"),
        ({"method": {"name": "online_adversarial", "attack": FEW}, "online": {"momentum": 0.9}, **IMAGES}, "alone"),
    ],
)
def test_what_dies_after_every_step_is_as_if_it_had_not(given, engine, trial, store, tmp_path):
    """Wherever it is in an epoch, and at its border; and no step is taken twice."""
    given = {"epochs": 2, **given, "dataset": {"size": 130, **given.get("dataset", {})}}  # two steps an epoch
    network = given.pop("network", None)
    made = trial(**given) if network is None else replace(trial(**given), network={"name": network})
    expected, steps = undisturbed([made], tmp_path, engine)
    assert disturbed([made], store, engine) == (steps, steps)
    assert_alike(found([made], store), expected)
    assert store.checkpoints() == {}


@pytest.mark.parametrize(
    ("given", "engine"),
    [
        ({"seeds": [0]}, "alone"),
        ({"seeds": range(3)}, "stacked"),
        ({**ALL_SETTINGS}, "stacked"),
        ({"selection": "z"}, "stacked"),
        ({"patience": 1, "epochs": 9, "lr": 0.9}, "stacked"),
        ({"method": "bade", "dataset": {"side": 8}, "seeds": [0]}, "alone"),
    ],
)
def test_what_pauses_on_its_way_is_as_if_it_had_not(given, engine, trial, store, tmp_path):
    """After one epoch, after two, and to the end; no step is taken twice, and what comes after waits."""
    made = trial(**{"epochs": 4, **given})
    expected, steps = undisturbed([made], tmp_path, engine)
    taken = Steps()
    with taken.until(None):
        for until in (1, 2, None):
            asked = replace(made, until=until)
            assert asked.uid == made.uid
            execute([asked], store, engine, only=[*asked.due], pauses=asked.pausing)
            assert asked.reached(store)
            assert {*asked.due} <= {*asked.pausing} | {uid for uid in asked.due if store.has(uid)}
            assert not replace(made, until=(until or 9) + 1).reached(store) or made.stored(store)
    assert taken.taken == steps
    assert_alike(found([made], store), expected)
    assert store.checkpoints() == {}


def test_a_pause_tells_of_the_curves_so_far(trial, store, tmp_path):
    """They begin the curves of a training that does not pause, and one that has gone far enough is not gone on with."""
    made = trial(seeds=[0], epochs=4)
    undisturbed([made], tmp_path)
    whole = Store(str(tmp_path / "undisturbed"))
    (uid,) = made.trainings
    curves = read_curves(whole.records(uid))
    assert {*curves} == {"accuracy", "auc", "eacc", "odds"}
    for until, epochs in ((2, 2), (1, 2), (3, 3)):
        execute([made], store, only=[uid], pauses={uid: until})
        assert store.read_pause(uid)["curves"] == {name: curve[:epochs] for name, curve in curves.items()}
        assert store.paused_after(uid) == epochs
        assert not store.has(uid)


def test_of_a_stack_only_those_pause_that_are_to(trial, store, tmp_path):
    """And those that are done before their pause are done."""
    made = trial(seeds=range(4), epochs=3)
    expected, _ = undisturbed([made], tmp_path, "stacked")
    one, two, three, four = made.trainings
    pauses = {one: 1, two: 2, three: 3}
    execute([made], store, "stacked", only=[one, two, three, four], pauses=pauses)
    assert [store.paused_after(uid) for uid in made.trainings] == [1, 2, 0, 0]
    assert [store.has(uid) for uid in made.trainings] == [False, False, True, True]
    execute([made], store, "stacked")
    assert_alike(found([made], store), expected)


def run_until(last, trials, store, engine="auto", minutes=1 / 60):
    """Dies at the step after so many, and says how many it took."""
    steps = Steps()
    with steps.until(last):
        try:
            execute(trials, store, engine, checkpoint=minutes)
        except Died:
            assert steps.taken == last
    return steps.taken


class Clock:
    """Every step of an engine takes a second, and nothing else takes any time."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr(checkpoints, "monotonic", lambda: self.now)
        for engine in (Alone, Stacked):
            monkeypatch.setattr(engine, "step", self._ticking(engine.step))

    def _ticking(self, step):
        def tick(engine, batch):
            self.now += 1
            return step(engine, batch)

        return tick


def test_replicas_of_a_stack_go_on_in_another(trial, store, tmp_path, monkeypatch):
    """One of four dies once more by itself, and one ends: they are further than the others when all go on."""
    Clock(monkeypatch)
    four = trial(seeds=range(4), epochs=4)
    expected, steps = undisturbed([four], tmp_path)
    assert steps == 12  # in one stack
    assert run_until(4, [four], store) == 4
    assert run_until(2, [trial(seeds=[1], epochs=4)], store) == 2
    assert run_until(99, [trial(seeds=[3], epochs=4)], store) == 8
    assert run_until(99, [four], store, "stacked") == 8 + 6  # the pair, and the one that is ahead
    assert_alike(found([four], store), expected)


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty", "other torch", "no header"])
def test_a_damaged_checkpoint_is_dropped_and_said(damage, trial, store, tmp_path, caplog, monkeypatch):
    Clock(monkeypatch)
    one = trial(seeds=[0])
    expected, steps = undisturbed([one], tmp_path)
    assert run_until(steps - 1, [one], store) == steps - 1
    (path,) = Path(store.root, "checkpoints").iterdir()
    whole = path.read_bytes()
    if damage == "other torch":
        monkeypatch.setattr(torch, "__version__", "2.0.0")
    held = {"flipped": whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:], "cut": whole[:-9], "empty": b""}
    path.write_bytes({**held, "other torch": whole, "no header": whole[8:]}[damage])
    assert run_until(99, [one], store) == steps  # anew
    (line,) = caplog.messages
    assert line.startswith(f"the checkpoint of {path.stem} is dropped, the stage begins anew: ")
    assert_alike(found([one], store), expected)
    assert store.checkpoints() == {}


def test_a_checkpoint_that_cannot_be_written_costs_nothing_else(trial, store, tmp_path, caplog, monkeypatch):
    one = trial(seeds=[0])
    expected, _ = undisturbed([one], tmp_path)

    def write(path, content):
        if path.parent.name == "checkpoints":
            raise OSError(errno.ENOSPC, "No space left on device")
        write_whole(path, content)

    monkeypatch.setattr("fairray.store.write_whole", write)
    execute([one], store, checkpoint=ALWAYS)
    assert "No space left on device" in caplog.messages[0]
    assert_alike(found([one], store), expected)


def test_what_is_computed_twice_is_what_lies_between_checkpoints(trial, store, tmp_path, monkeypatch):
    """A checkpoint every three seconds, a death every five: each costs two. The seconds of all attempts are counted."""
    Clock(monkeypatch)
    one = trial(seeds=[0], epochs=5)
    expected, steps = undisturbed([one], tmp_path)
    assert steps == 15
    assert [run_until(5, [one], store, minutes=3 / 60) for _ in range(5)] == [5, 5, 5, 5, 3]
    assert_alike(found([one], store), expected)
    made = store.spec(one.replicas[0].parents["model"].uid)["made"]
    assert made["seconds"] == steps
    assert made["resumed"] == 4


def test_no_checkpoint_is_written_before_its_time(trial, store, monkeypatch):
    """Each stage has its own time, and of that writing takes a twentieth at most."""
    clock, write, written = Clock(monkeypatch), store.write_checkpoint, []
    one = trial("bade", seeds=[0], epochs=10)

    def write_slowly(uid, content):
        written.append(clock.now)
        clock.now += 0.5
        write(uid, content)

    monkeypatch.setattr(store, "write_checkpoint", write_slowly)
    execute([one], store, checkpoint=40 / 60)
    assert clock.now == 60
    assert written == []
    store.remove(one.replicas[0].parents["model"].uid)
    clock.now = 0
    execute([one], store, checkpoint=4 / 60)
    assert written == [4, 14.5, 25]  # after half a second, ten


def test_none_is_never(trial, store):
    assert run_until(3, [trial(seeds=[0])], store, minutes=None) == 3
    assert store.checkpoints() == {}
