"""Every setting of `Training` against a loop by hand; the settings of one stage; and that none is ignored."""

from dataclasses import replace
from unittest import mock

import pytest
import torch
from by_hand import assert_same, cross_entropy, differ, trained_by_hand
from conformance import ALL_SETTINGS, COUNTED, DATA, KINDS, artifacts, assert_engines_agree, quick, served

from fairray import members
from fairray.errors import BadInput
from fairray.methods.injection import Poisoned
from fairray.methods.reweighing import Reweighing, weights
from fairray.methods.standard import Standard
from fairray.stages import Replica
from fairray.store import Store
from fairray.training.alone import Alone
from fairray.training.fit import Pack, balanced_weights, fit, stack_key
from fairray.training.objective import initial_state, objective
from fairray.training.stage import TrainStage
from fairray.trial import execute, stages

DOUBLE = {"dtype": "float64"}
ADVERSARIAL = {"name": "adversarial", "update": "projection"}


def model(one):
    return one.replicas[0].parents["model"]


def learnt(replica):
    """What a stage without stages before it leaves."""
    ((_, artifact),) = fit([replica], {replica.uid: {}})
    return artifact


def by_hand(replica):
    train = replica.setting.dataset.train
    counts = torch.bincount(train["y"]).double()
    balanced = replica.training.class_weights == "balanced"
    weight = (counts.max() / counts)[train["y"]] if balanced else None
    return trained_by_hand(replica, cross_entropy(train["x"].double(), train["y"], weight))


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize(
    "setting",
    [
        {},
        {"momentum": 0.5},
        {"weight_decay": 0.1},
        {"clip": 0.3},
        {"class_weights": "balanced"},
        {"milestones": (1, 3), "gamma": 0.4},
        {"steps": 17},
        {"weight_decay": 0.1, "clip": 0.3, "class_weights": "balanced", "milestones": (2,), "momentum": 0.7},
    ],
    ids=lambda setting: " ".join(setting) or "plain",
)
def test_a_setting_does_what_a_loop_by_hand_does(optimizer, setting, trial):
    keywords = {"numerics": DOUBLE, "seeds": [0], "epochs": 4, "lr": 5e-3, "selection": "last", "optimizer": optimizer}
    replica, plain = (model(trial("standard", **keywords, **own)) for own in (setting, {}))
    tensors = learnt(replica).tensors
    assert_same(tensors, by_hand(replica))
    without_effect = not setting or (optimizer == "adam" and [*setting] == ["momentum"])
    assert differ(tensors, by_hand(plain)) != without_effect


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        *((method, "table") for method in ("reweighing", "mfd", "rnf", ADVERSARIAL, COUNTED)),
        *((method, kind) for method in ("standard", "bade") for kind in KINDS),
    ],
    ids=str,
)
def test_stacking_changes_nothing_with_all_settings(method, kind, trial, tmp_path):
    """Replicas of one stack have other rates and decays, and each its own norm of the gradient."""
    keywords = {**ALL_SETTINGS, "numerics": DOUBLE, "dataset": KINDS[kind], "epochs": 3}
    others = {"lr": 0.02, "weight_decay": 0.0}
    assert_engines_agree([trial(method, **keywords), trial(method, **keywords | others)], tmp_path)


def test_a_stack_of_equal_rates_is_clipped_replica_by_replica(trial, tmp_path):
    keywords = {"numerics": DOUBLE, "seeds": range(4), "epochs": 3}
    clipped = trial("standard", clip=0.2, **keywords)
    assert_engines_agree([clipped], tmp_path)
    free = artifacts([trial("standard", **keywords)], tmp_path / "free", "alone")
    bound = artifacts([clipped], tmp_path / "alone", "alone")
    names = [name for _, name in free if name.startswith("model/")]
    one, other = ({n: t for (_, n), t in every.items() if n in names} for every in (free, bound))
    assert differ(one, other)


def test_class_weights_by_hand():
    """Two thirds of the visits are of label 0; nobody has label 2 among the rows."""
    y, rows = torch.tensor([0, 1, 0, 2]), torch.tensor([0, 0, 1, 2, 2, 1])
    assert balanced_weights(y, rows).tolist() == [1.0, 2.0, 1.0, 4.0]


def seen(stage, trial, **training):
    """The view of a stage that nothing comes before, as it is trained on."""
    setting = trial("standard", dataset={"side": 8}, class_weights="balanced", **training).replicas[0].setting
    packs = []
    with mock.patch("fairray.training.fit._train", side_effect=lambda pack, *_: packs.append(pack) or []):
        replica = Replica(stage, setting, 0)
        list(fit([replica], {replica.uid: {}}))
    return packs[0].views[0], setting.dataset


def test_class_weights_go_by_the_labels_that_a_stage_sees(trial):
    """Half the images are relabelled to 0."""
    view, _ = seen(Poisoned(triggered=1.0, ratio=0.5, target=0, trigger=None), trial)
    counts = torch.bincount(view.columns["y"]).double()
    assert counts[0] > 1.5 * counts[1]
    torch.testing.assert_close(view.columns["weight"], (counts[0] / counts)[view.columns["y"]])


def test_class_weights_multiply_the_weights_that_are_there(trial):
    view, dataset = seen(Reweighing(), trial)
    counts = torch.bincount(dataset.train["y"]).double()
    expected = weights(dataset) * (counts.max() / counts)[dataset.train["y"]]
    torch.testing.assert_close(view.columns["weight"], expected)


def numbers(setting):
    """The setting with a regression for its task."""
    splits = {name: setting.dataset.split(name) for name in ("train", "val", "test")}
    splits = {name: {**split, "y": split["y"].float()} for name, split in splits.items()}
    return replace(setting, dataset=replace(setting.dataset, classes=(), **splits))


def test_class_weights_of_a_regression_are_refused_before_anything_runs(trial, store):
    ages = {"name": "adult", "target": "age"}
    with mock.patch.object(Alone, "step") as step, pytest.raises(BadInput, match="has no classes"):
        execute([replace(trial("standard", class_weights="balanced"), dataset=ages)], store)
    assert not step.call_count
    replace(trial("standard"), dataset=ages).check()


def test_class_weights_are_refused_by_a_loss_that_knows_none(trial):
    with pytest.raises(BadInput, match=r"training\.group_dro\.class_weights"):
        trial("group_dro", class_weights="balanced").check()
    trial("group_dro", class_weights="balanced", group_dro={"class_weights": "none"}).check()


SPECS = [
    *members.names("methods"),
    {"name": "adversarial", "update": "projection"},
    {"name": "rnf", "attributes": "gce"},
    {"name": "suppress", "start": "standard"},
]


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_every_loss_heeds_weights_or_says_that_it_does_not(spec, trial, tmp_path):
    name = spec if isinstance(spec, str) else spec["name"]
    kind = served(name)[0]
    spec = {**quick(name), **(spec if isinstance(spec, dict) else {})}
    one, store = trial(spec, seeds=[0], dataset=DATA[kind], epochs=1), Store(str(tmp_path))
    execute([one], store)
    for replica in stages(one.replicas).values():
        if isinstance(replica.stage, TrainStage):
            before = {name: store.read(parent.uid) for name, parent in replica.parents.items()}
            light, heavy, without = weighed(replica, before)
            assert bool((light != heavy).all()) == replica.stage.weighs
            compares = replica.stage.name in ("distilled", "neutralised")  # examples of the batch with each other
            if replica.stage.weighs and not compares:
                torch.testing.assert_close(heavy, without, rtol=1e-4, atol=1e-5)


def weighed(replica, before):
    """The losses of a batch with equal weights, with none for label 0, and without the examples of label 0."""
    view = replica.stage.view(replica.setting, torch.Generator().manual_seed(0), before)
    batch = next(Pack([replica], [view]).batches([torch.Generator().manual_seed(0)]))
    batch = {name: tensor[0] for name, tensor in batch.items()}
    ones, some = torch.ones(len(batch["y"])), batch["y"].float()
    chosen = {name: tensor[batch["y"] == 1] for name, tensor in batch.items() if name != "weight"}
    bound, state = objective(replica, view.start), initial_state(replica)
    return [bound(b, {}, state)[0] for b in (batch | {"weight": ones}, batch | {"weight": some}, chosen)]


def test_settings_of_a_stage_lie_over_its_own_and_these_over_the_study_s(trial):
    stage, study = members.load("methods", COUNTED)(), trial("standard", batch=100, lr=0.02).replicas[0].setting
    assert Replica(Standard(), study, 0).training == study.training
    assert Replica(stage, study, 0).training == replace(study.training, batch=50, lr=5e-3)
    set_ = replace(study, stages={"counted": {"lr": 0.1, "clip": 1.0}, "standard": {"epochs": 9}})
    assert Replica(stage, set_, 0).training == replace(study.training, batch=50, lr=0.1, clip=1.0)
    assert Replica(Standard(), set_, 0).training == replace(study.training, epochs=9)


def test_a_setting_of_a_stage_rekeys_what_it_decides(trial):
    """The teacher stays; student and evaluation are others. A setting that changes nothing rekeys nothing."""
    last = trial("bade", seeds=[0], epochs=2).replicas[0]

    def uids(own):
        replica = Replica(last.stage, replace(last.setting, stages=own), 0)
        return {r.stage.name: uid for uid, r in stages([replica]).items()}

    plain, changed = uids({}), uids({"student": {"epochs": 3}})
    assert {name for name in plain if plain[name] != changed[name]} == {"student", "evaluation"}
    assert uids({"student": {"epochs": 2}, "another": {"lr": 0.5}}) == plain


def test_a_key_holds_the_resolved_training_and_nothing_of_other_stages(trial):
    setting = trial("standard", epochs=2).replicas[0].setting
    three = replace(setting, training=replace(setting.training, epochs=3))
    own = Replica(Standard(), replace(setting, stages={"standard": {"epochs": 3}, "student": {"lr": 0.5}}), 0)
    assert own.key == Replica(Standard(), three, 0).key
    assert own.key["training"]["epochs"] == 3
    assert stack_key(own) == stack_key(Replica(Standard(), three, 0)) != stack_key(Replica(Standard(), setting, 0))


def test_a_stage_is_trained_by_its_own_settings(trial):
    setting = trial("standard", numerics=DOUBLE, epochs=2, selection="last").replicas[0].setting
    own = {"epochs": 3, "batch": 40, "lr": 0.03, "optimizer": "sgd"}
    whole = replace(setting, training=replace(setting.training, **own))
    artifact = learnt(Replica(Standard(), replace(setting, stages={"standard": own}), 0))
    assert_same(artifact.tensors, by_hand(Replica(Standard(), whole, 0)))
    assert artifact.records["epoch"].max() == 2


def test_a_state_goes_with_several_losses(trial):
    """Three times all 256 examples."""
    one = trial(COUNTED, seeds=[0], numerics=DOUBLE, epochs=3, selection="last")
    tensors = learnt(model(one)).tensors
    assert tensors["state/seen"].item() == pytest.approx(0.01 * 256 * 3)
    assert (tensors["state/largest"] > 0).all()
