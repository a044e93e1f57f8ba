"""Suppression: equation 1 and its four arms, by gradients; what is suppressed; and that it suppresses."""

import math

import pytest
import torch
import torch.nn.functional as F
from conformance import assert_engines_agree

from fairray import members
from fairray.errors import BadInput
from fairray.methods import _probed
from fairray.methods._probed import unwanted
from fairray.methods.suppress import Suppress, Suppressed
from fairray.store import Store
from fairray.training.objective import objective, parameters
from fairray.training.probes import train_probes
from fairray.trial import Trial, dataset, execute, results

TOY = {"name": "toy", "size": 256}
WEIGHT = 0.7


def suppressed(**arguments):
    return Suppressed(**{"start": None, "weight": WEIGHT, "schedule": "constant", "classes": (), **arguments})


def made(trial, **arguments):
    """The objective of the suppressing stage, in float64, and its first batch with random labels."""
    one = trial({"name": "suppress", "weight": WEIGHT, **arguments}, seeds=[0], numerics={"dtype": "float64"})
    replica = one.replicas[0].parents["model"]
    train = {k: v[:64] for k, v in dataset(one.dataset).train.items()}
    train["x"] = train["x"].double()
    drawn = replica.stage.fresh_columns(64, dataset(one.dataset), torch.Generator().manual_seed(0))
    if one.method.classes:
        del train["group"]  # no task's labels are needed
    return objective(replica), train | drawn


def gradients(model, loss):
    model.zero_grad()
    loss.backward()
    return {name: p.grad.clone() for name, p in model.nets.named_parameters() if p.grad is not None}


def losses(model, batch, prefix=""):
    """The target's, and the sum of the heads', from the networks themselves. prefix: of the heads' labels."""
    features = model.nets["main"].encode(batch["x"])
    target = F.cross_entropy(model.nets["main"].head(features), batch["y"])
    heads = {name: net for name, net in model.nets.items() if name != "main"}
    return target, sum(F.cross_entropy(head(features), batch[prefix + name]) for name, head in heads.items())


@pytest.mark.parametrize(("labels", "classes"), [("known", ()), ("random", ()), ("random", (2, 6, 6))])
@pytest.mark.parametrize(("by", "encoder", "head"), [("reversal", -1, 1), ("negative", -1, -1), ("added", 1, 1)])
def test_the_gradient_of_equation_1(by, encoder, head, labels, classes, trial):
    """lambda dL_m - (1 - lambda) dL_0 in the encoder; the head of a reversal learns its task."""
    model, batch = made(trial, by=by, labels=labels, classes=classes)
    prefix = "" if labels == "known" else "random "
    of_target, of_other = (gradients(model, losses(model, batch, prefix)[i]) for i in (0, 1))
    for name, gradient in gradients(model, model(batch, {}, {})[0]).items():
        if name.startswith("main.head."):
            expected = WEIGHT * of_target[name]
        elif name.startswith("main."):
            expected = WEIGHT * of_target[name] + encoder * (1 - WEIGHT) * of_other[name]
        else:
            expected = head * (1 - WEIGHT) * of_other[name]
        torch.testing.assert_close(gradient, expected)


def test_several_suppressed_tasks_are_summed(trial):
    model, batch = made(trial, by="added")
    other = {"name": "preservetask", "side": 32, "train": 2, "validation": 0.5, "test": 1, "target": "size"}
    assert unwanted(dataset(other)) == ("shape", "colour", "location", "background")
    one = suppressed(by="added", labels="known", tasks=("colour", "shape"))
    assert {name: net[-1].out_features for name, net in one.heads(4, dataset(other)).items()} == {
        "colour": 7,
        "shape": 5,
    }
    protected = dataset(other | {"protected": "shape"})
    assert {*suppressed(by="added", labels="known", tasks=unwanted(protected)).heads(4, protected)} == {"group"}
    target, group = losses(model, batch)
    torch.testing.assert_close(model(batch, {}, {})[0], WEIGHT * target + (1 - WEIGHT) * group)


def test_branches_of_no_task_stand_in_the_place_of_the_tasks():
    """As many classes as are asked for, of which the data's tasks have none; and the probes still ask of the tasks."""
    data = dataset(TOY)
    probe = Suppress(labels="random", classes=(2, 6, 8, 6)).chain(data)
    assert [head[-1].out_features for head in probe.model.heads(4, data).values()] == [2, 6, 8, 6]
    drawn = probe.model.fresh_columns(4_000, data, torch.Generator().manual_seed(0)).values()
    for labels, classes in zip(drawn, (2, 6, 8, 6), strict=True):
        assert torch.bincount(labels).tolist() == pytest.approx([4_000 / classes] * classes, rel=0.15)
    assert len({tuple(labels.tolist()) for labels in drawn}) == 4
    assert probe.unwanted == ("group",)


def test_random_labels_are_drawn_anew_and_uniformly():
    data = dataset({"name": "coloured_mnist"})
    stage = suppressed(by="reversal", labels="random", tasks=("foreground",))
    generator = torch.Generator().manual_seed(0)
    first, second = (stage.fresh_columns(20_000, data, generator)["random foreground"] for _ in range(2))
    assert not torch.equal(first, second)
    assert torch.bincount(first, minlength=10).tolist() == pytest.approx([2000] * 10, rel=0.1)
    assert suppressed(by="reversal", labels="known", tasks=()).fresh_columns(8, data, generator) == {}


def test_a_head_at_its_optimum_on_random_labels_has_no_gradient_to_reverse(trial):
    """Why there is a control: random labels are best answered by all classes alike, which tells the encoder nothing."""
    model, batch = made(trial, by="reversal", labels="random")
    last = model.nets["group"][-1]
    last.weight.data += 1.0
    assert reversed_into_encoder(model, batch) > 1e-4
    last.weight.data[1], last.bias.data[1] = last.weight.data[0], last.bias.data[0]  # uniform, whatever it is given
    assert reversed_into_encoder(model, batch) < 1e-12


def reversed_into_encoder(model, batch):
    """The largest derivative of the random labels' loss by the encoder's parameters."""
    found = gradients(model, losses(model, batch, "random ")[1])
    return max(gradient.abs().max() for name, gradient in found.items() if name.startswith("main.encoder"))


def test_what_is_suppressed_rises_as_in_dann(trial):
    model, batch = made(trial, schedule="dann")
    target, group = losses(model, batch)
    for behind, risen in ((0.0, 0.0), (0.5, 2 / (1 + math.exp(-5)) - 1), (1.0, 2 / (1 + math.exp(-10)) - 1)):
        batch["progress"] = torch.full((64,), behind).double()
        torch.testing.assert_close(model(batch, {}, {})[0], WEIGHT * target + risen * (1 - WEIGHT) * group)


def test_from_the_standard_model_on(trial, store):
    """The stage before is everybody's standard one, and training begins with its parameters and fresh heads."""
    one = trial({"name": "suppress", "start": "standard", "probe_epochs": 1}, seeds=[0])
    execute([one], store)
    replica = one.replicas[0].parents["model"]
    start = replica.parents["start"]
    assert start.uid == trial("standard", seeds=[0]).replicas[0].parents["model"].uid
    view = replica.stage.view(replica.setting, torch.Generator(), {"start": store.read(start.uid)})
    began = objective(replica, view.start).nets.state_dict()
    kept = parameters(store.read(start.uid))
    assert all(torch.equal(began[name], tensor) for name, tensor in kept.items())
    assert set(began) - set(kept) == {name for name in began if name.startswith("group.")}


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """One store, so that the plain model is trained once."""
    return Store(str(tmp_path_factory.mktemp("suppress")))


@pytest.fixture
def told(trial, kept):
    """Test values of a method on data whose group is easily read off and says nothing of the label."""

    def run(method, **arguments):
        spec = {"name": method, "probe_lr": 4e-3, "probe_epochs": 3, "probe_batch": 128, **arguments}
        one, store = trial(spec, seeds=[0, 1], dataset={"bias": 0.5, "size": 2048}, epochs=10, lr=3e-3), kept
        execute([one], store, "alone")
        rows = results(one, store).query("split == 'test' and epoch.isna() and probed.isna() and model.isna()")
        return rows.groupby("metric")["value"].mean()

    return run


def test_probes_are_trained_on_training_data_and_kept_by_validation_data(trial, store, monkeypatch):
    given = []

    def train(examples, validation, **more):
        given.append((examples.labels, validation.labels))
        return train_probes(examples, validation, **more)

    monkeypatch.setattr(_probed, "train_probes", train)
    one = trial({"name": "suppress", "probe_epochs": 1}, seeds=[0], epochs=1)
    execute([one], store)
    columns = [task.column for task in one.data.tasks.values()]
    expected = [torch.stack([split[name] for name in columns]) for split in (one.data.train, one.data.val)]
    assert given
    for labels in given:
        assert all(map(torch.equal, labels, expected))


def test_reversal_with_known_labels_suppresses(told):
    plain, suppressed = told("trust"), told("suppress", weight=0.2)
    assert plain["leaked_accuracy"] > 0.9
    assert suppressed["leaked_accuracy"] < plain["leaked_accuracy"] - 0.2
    assert suppressed["accuracy"] > plain["accuracy"] - 0.04
    assert suppressed["trust"] > plain["trust"] + 0.05


def test_with_lambda_one_nothing_is_suppressed(told):
    """The plain model's numbers but for its start: the heads draw from the same stream after it."""
    plain, suppressed = told("trust"), told("suppress", weight=1.0)
    assert suppressed["leaked_accuracy"] == pytest.approx(plain["leaked_accuracy"], abs=0.05)


def test_the_engines_agree_on_images_that_are_drawn_when_they_are_needed(tmp_path):
    """And on random labels, which are drawn for every batch."""
    spec = {"name": "preservetask", "side": 16, "train": 2, "validation": 0.5, "test": 1, "protected": "size"}
    trials = [
        Trial(
            task="drawn", arm="suppress", dataset=spec, network={"name": "strided_cnn", "channels": 1},
            method={"name": "suppress", "labels": "random", "weight": weight, "probe_epochs": 1, "probe_batch": 256},
            training={"epochs": 1, "batch": 200}, numerics={"dtype": "float64"}, seeds=(0,),
        )
        for weight in (0.5, 0.9)
    ]  # fmt: skip
    assert_engines_agree(trials, tmp_path)


def test_what_cannot_be_suppressed_is_refused():
    with pytest.raises(BadInput, match="colour is none of its other tasks"):
        Suppress(suppressed=("colour",)).check(dataset(TOY))
    with pytest.raises(BadInput, match="no known labels"):
        Suppress(classes=(2, 6)).check(dataset(TOY))
    with pytest.raises(BadInput, match="of no task, and group was named"):
        Suppress(labels="random", classes=(2, 6), suppressed=("group",)).check(dataset(TOY))
    with pytest.raises(BadInput, match="greater than or equal to 2"):
        members.build("methods", {"name": "suppress", "labels": "random", "classes": [2, 1]})
    with pytest.raises(BadInput, match="a target and another are needed"):
        Suppress().check(dataset({"name": "digits5k"}))
    with pytest.raises(BadInput, match="a target and another are needed"):
        members.load("methods", "trust")().check(dataset({"name": "adult", "target": "age"}))
