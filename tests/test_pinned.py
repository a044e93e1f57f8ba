"""Stages that many seeds share, and the examples that they make."""

from collections import Counter
from pathlib import Path
from unittest import mock

import pytest
import torch
from by_hand import assert_same, cross_entropy, differ, trained_by_hand
from conformance import KINDS, assert_engines_agree, counted

from fairray import members
from fairray.methods.standard import Standard
from fairray.stages import Pinned, Replica, Stage
from fairray.store import Store
from fairray.training import fit
from fairray.training.stacked import Stacked
from fairray.trial import execute, results, stages

MEMBERS = Path(__file__).with_name("members")
CONTINUED, INVERTED = str(MEMBERS / "continued.py"), str(MEMBERS / "inverted.py")
DOUBLE = {"dtype": "float64"}


def model(one, seed=0):
    return one.replicas[seed].parents["model"]


def test_fifty_seeds_share_one_parent_that_is_stored_and_read_once(trial, store):
    many, own = trial(CONTINUED, seeds=range(50), epochs=1), trial("standard", seeds=[7], epochs=1)
    with mock.patch.object(Store, "read", autospec=True, side_effect=Store.read) as read:
        execute([many], store)
    found = Counter(r.stage.name for r in stages(many.ends).values())
    assert found == {"standard": 1, "continued": 50, "evaluation": 51}
    uid = model(own).uid
    assert {parent.uid for i in range(50) for parent in model(many, i).parents.values()} == {uid}
    assert [call.args[1] for call in read.call_args_list].count(uid) == 1
    assert len(list(Path(store.root).glob("??/*/spec.json"))) == 102
    assert set(results(many, store).query("stage == 'standard'")["seed"]) == {7}
    alone = Store(f"{store.root}/alone")
    execute([own], alone)
    assert_equal(store.read(uid).tensors, alone.read(uid).tensors)


def assert_equal(tensors, others):
    assert tensors.keys() == others.keys()
    assert all(torch.equal(tensor, others[name]) for name, tensor in tensors.items())


def test_who_starts_from_one_stage_starts_from_its_numbers(trial, store):
    """One step by hand from the parent's weights."""
    one = trial(CONTINUED, seeds=[0], epochs=1, batch=256, optimizer="sgd", selection="last")
    execute([one], store)
    replica = model(one)
    parent = store.read(replica.parents["begun"].uid).tensors
    network, train = members.build("networks", one.network).build((8,), 2), replica.setting.dataset.train
    network.load_state_dict({n.removeprefix("model/main."): t for n, t in parent.items() if n.startswith("model/")})
    loss = cross_entropy(train["x"], train["y"])(network, torch.arange(256))
    gradients = torch.autograd.grad(loss, list(network.parameters()))
    moved = {f"model/main.{n}": p - 0.01 * g for (n, p), g in zip(network.named_parameters(), gradients)}
    for name, tensor in moved.items():
        torch.testing.assert_close(store.read(replica.uid).tensors[name], tensor)


def test_a_seed_may_be_pinned_anywhere_among_the_stages_before(trial):
    from dataclasses import dataclass

    @dataclass(frozen=True, kw_only=True)
    class Joined(Stage):
        one: Stage
        many: tuple[Stage | Pinned, ...]
        width: int

        def run(self, *arguments):
            raise NotImplementedError

    joined = Joined(one=Standard(), many=(Pinned(Standard(), 3), Standard()), width=2)
    assert joined.parents == {"one": Standard(), "many.0": Pinned(Standard(), 3), "many.1": Standard()}
    assert joined.hyperparameters == {"width": 2}
    setting = trial().replicas[0].setting
    seeds = {name: parent.seed for name, parent in Replica(joined, setting, 5).parents.items()}
    assert seeds == {"one": 5, "many.0": 3, "many.1": 5}


def test_a_pinned_stage_is_the_same_result_as_an_unpinned_one_of_its_seed(trial):
    setting = trial("standard").replicas[0].setting
    stage = members.load("methods", CONTINUED)
    pinned, plain = stage(begun=Pinned(Standard(), 4)), stage(begun=Standard())
    assert Replica(pinned, setting, 4).uid == Replica(plain, setting, 4).uid
    assert Replica(pinned, setting, 5).uid != Replica(plain, setting, 5).uid


@pytest.mark.parametrize("kind", KINDS)
def test_stacking_changes_nothing_from_one_start(kind, trial, tmp_path):
    assert_engines_agree([trial(CONTINUED, numerics=DOUBLE, dataset=KINDS[kind], epochs=2)], tmp_path)


def inverted(trial, **keywords):
    return trial(INVERTED, numerics=DOUBLE, dataset={"side": 8}, epochs=3, selection="last", **keywords)


@pytest.mark.parametrize("class_weights", ["none", "balanced"])
def test_made_examples_are_trained_on_as_by_hand(class_weights, trial, store):
    one = inverted(trial, seeds=[0], class_weights=class_weights)
    execute([one], store)
    train, replica = model(one).setting.dataset.train, model(one)
    x = torch.cat([train["x"], 255 - train["x"][:90]]).double() / 127.5 - 1
    y, rows = torch.cat([train["y"], train["y"][:90]]), torch.arange(0, 346, 2)
    weight = 1.01 ** (torch.arange(346).double() / 346)
    if class_weights == "balanced":
        counts = torch.bincount(y[rows]).double()
        weight = weight * (counts.max() / counts)[y]
    expected = trained_by_hand(replica, cross_entropy(x, y, weight), rows)
    tensors = store.read(replica.uid).tensors
    assert_same(tensors, expected)
    assert differ(tensors, trained_by_hand(replica, cross_entropy(x, y, weight), rows[:128]))
    assert len(tensors["train/logits"]) == len(train["y"])


def test_stacking_changes_nothing_with_made_examples(trial, tmp_path):
    trials = [inverted(trial, seeds=range(3), **own) for own in ({}, {"class_weights": "balanced", "clip": 0.5})]
    assert_engines_agree(trials, tmp_path)


def test_a_stack_holds_made_examples_once_and_as_bytes(trial, store):
    """Three replicas: axes are (example, channel, row, column), and no axis is the replica's."""
    one, packs = inverted(trial, seeds=range(3)), []
    train = fit._train
    with (
        mock.patch.object(fit, "_train", side_effect=lambda pack, *rest: packs.append(pack) or train(pack, *rest)),
        counted(Stacked) as steps,
    ):
        execute([one], store, "stacked")
    (pack,) = packs
    assert steps.call_count == 3 * 2  # epochs, batches of all three replicas together
    assert len({id(view.made["x"]) for view in pack.views}) == 1
    assert (pack.examples["x"].shape, pack.examples["x"].dtype) == ((256 + 90, 3, 8, 8), torch.uint8)
    assert pack.examples.keys() == {"x", "y", "group"}
    assert pack.splits["train"]["x"].data_ptr() == pack.examples["x"].data_ptr()  # the split is no second copy


def test_replicas_with_other_made_examples_are_no_stack(trial, store):
    """What is equal but another tensor may be another one: each is trained with its own."""
    one = inverted(trial, seeds=range(2))
    execute([one], store)
    replicas = [model(one, i) for i in range(2)]
    before = {r.uid: {"negatives": store.read(r.parents["negatives"].uid)} for r in replicas}
    for replica, artifact in fit.fit(replicas, before, "stacked"):
        assert artifact.made["pack"] == [replica.uid]
        assert_same(artifact.tensors, store.read(replica.uid).tensors)
