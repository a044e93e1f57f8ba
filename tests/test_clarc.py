"""The ClArC family against arithmetic by hand, and what its methods share."""

from collections import Counter
from dataclasses import replace
from unittest import mock

import pytest
import torch
import torch.nn.functional as F
from conformance import DATA, STAMPED, assert_engines_agree
from sklearn.metrics import f1_score, roc_auc_score

from fairray.concepts.pooling import pool
from fairray.config import load
from fairray.errors import BadInput
from fairray.launch.planning import list_asked, plan
from fairray.members import label
from fairray.methods import _unlearned
from fairray.methods._clarc import Cav, attacked_class
from fairray.methods._unlearned import collapse, score, score_classes
from fairray.store import Store
from fairray.training.objective import generator, objective, parameters, trained
from fairray.training.stage import TrainStage
from fairray.trial import Trial, execute, stages

READ = _unlearned.read
DOUBLE = {"dtype": "float64"}
STEP = {"epochs": 1, "batch": 256, "optimizer": "sgd", "momentum": 0.0, "lr": 0.01, "selection": "last"}
NAMES = {"vanilla": "plain", "rr_clarc": "penalised", "a_clarc": "augmented", "rrr": "reasoned", "dfr": "retrained"}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Computes trials in one store for each engine, so that the tests share the biased model; gives the store.
    only: the stages that are wanted, all where none is named."""
    stores = {engine: Store(str(tmp_path_factory.mktemp(engine))) for engine in ("alone", "stacked")}

    def run(*trials, engine="alone", only=None):
        execute(trials, stores[engine], engine, only=only)
        return stores[engine]

    return run


@pytest.fixture(autouse=True)
def _no_probes(monkeypatch):
    """Probes take longer than all else, and have their own tests."""
    monkeypatch.setattr(_unlearned, "read", lambda pairs: 0.5)


@pytest.fixture
def clarc(trial):
    """Makes a trial on images of which some have a square."""

    def make(method, seeds=(0,), training=None, **settings):
        spec = {"name": method, "lrp": False, **settings}
        own = {NAMES[method]: training} if training else {}
        keywords = {"numerics": DOUBLE, "dataset": DATA["stamped"], "epochs": 3, "selection": "last"}
        return trial(spec, seeds=seeds, **keywords, **own)

    return make


def model(one, seed=0):
    return one.replicas[seed].parents["model"]


def before(replica, store):
    return {name: store.read(parent.uid) for name, parent in replica.parents.items()}


def network_of(one, tensors):
    """The network as anybody would build it, with a stage's parameters."""
    network = one.network.build((3, 8, 8), 2).double()
    network.load_state_dict({n.removeprefix("model/main."): t for n, t in tensors.items() if "model/main." in n})
    return network


def moved(tensors, start):
    return {n for n, t in start.items() if n.startswith("model/main.") and not torch.equal(t, tensors[n])}


def split_at(network):
    """Before and behind the layer that is taken where none is named: the last maps, of 2 x 2 pixels."""
    layers = list(network.encoder)
    return torch.nn.Sequential(*layers[:8]), torch.nn.Sequential(*layers[8:], network.head)


def floats(x):
    return x.double() / 127.5 - 1


# training behind the layer


@pytest.mark.parametrize(("engine", "cached"), [("alone", True), ("alone", False), ("stacked", False)])
@pytest.mark.parametrize("criterion", ["random_signs", "max"])
def test_without_lambda_it_is_vanilla(criterion, engine, cached, clarc, done):
    """To the last bit, over epochs: the same batches, whatever else is drawn."""
    plain = clarc("vanilla", seeds=(0, 1), cached=cached)
    zero = clarc("rr_clarc", seeds=(0, 1), cached=cached, lam=0.0, criterion=criterion)
    some = clarc("rr_clarc", seeds=(0, 1), cached=cached, lam=1.0, criterion=criterion)
    only = [uid for one in (plain, zero, some) for i in (0, 1) for uid in stages([model(one, i)])]
    store = done(plain, zero, some, engine=engine, only=only)
    for i in (0, 1):
        expected, found, other = (parameters(store.read(model(one, i).uid)) for one in (plain, zero, some))
        assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
        assert not torch.equal(other["main.head.weight"], expected["main.head.weight"])


@pytest.mark.parametrize("method", NAMES)
def test_stacked_is_alone(method, clarc, tmp_path):
    """Of one seed, so that nothing else is stacked: there is one biased model."""
    assert_engines_agree([clarc(method, training={"lr": lr}) for lr in (0.01, 0.003)], tmp_path)


@pytest.mark.parametrize("method", ["vanilla", "rr_clarc", "a_clarc"])
def test_on_activations_it_learns_what_it_learns_on_images(method, clarc, done):
    ones = [clarc(method, cached=cached) for cached in (True, False)]
    (kept, anew), stages_ = ([done(one).read(model(one).uid).tensors for one in ones]), [model(one) for one in ones]
    assert ["activations" in stage.parents for stage in stages_] == [True, False]
    assert not any(replica.stage.name == "activations" for replica in stages(ones[1].ends).values())
    for name, tensor in kept.items():
        torch.testing.assert_close(anew[name], tensor, rtol=1e-10, atol=1e-10)


def test_a_step_is_the_double_backward_by_hand(clarc, done):
    one = clarc("rr_clarc", cached=False, relative=False, lam=3.0, training=STEP)
    store, replica = done(one), model(one)
    start, h = store.read(replica.parents["model"].uid).tensors, store.read(replica.parents["cavs.0"].uid).tensors["h"]
    network, train, random = network_of(one, start), one.data.train, generator(replica, "order")
    order = torch.randperm(256, generator=random)
    m = 2 * torch.randint(2, (256, 2), generator=random) - 1
    front, back = split_at(network)
    a = front(floats(train["x"][order])).detach().requires_grad_()
    logits = back(a)
    (gradient,) = torch.autograd.grad((m * logits).sum(), a, create_graph=True)
    penalty = (torch.einsum("ncij,c->nij", gradient, h).mean((1, 2)) ** 2).mean()
    loss, head = F.cross_entropy(logits, train["y"][order]) + 3 * penalty, network.head
    for name, parameter in head.named_parameters():
        (gradient,) = torch.autograd.grad(loss, parameter, retain_graph=True)
        found = store.read(replica.uid).tensors[f"model/main.head.{name}"]
        torch.testing.assert_close(found, (parameter - 0.01 * gradient).detach(), rtol=1e-9, atol=1e-12)
    assert not torch.allclose(*torch.autograd.grad(3 * penalty, head.weight), torch.zeros(()).double())


def test_lambda_is_in_units_of_the_gradients_norms(clarc, done):
    one = clarc("rr_clarc")
    store, replica = done(one), model(one)
    view = replica.stage.view(replica.setting, generator(replica, "view"), before(replica, store))
    network = network_of(one, store.read(replica.parents["model"].uid).tensors)
    h = store.read(replica.parents["cavs.0"].uid).tensors["h"]
    front, back = split_at(network)
    a = front(floats(one.data.train["x"])).detach().requires_grad_()
    m = 2 * torch.randint(2, (256, 2), generator=generator(replica, "view")) - 1
    logits = back(a)
    (gradient,) = torch.autograd.grad((m * logits).sum(), a, create_graph=True)
    penalty = ((gradient.mean((2, 3)) @ h) ** 2).mean()
    head = list(network.head.parameters())
    plain = torch.autograd.grad(F.cross_entropy(logits, one.data.train["y"]), head, retain_graph=True)
    other = torch.autograd.grad(penalty, head, allow_unused=True, materialize_grads=True)
    norms = [torch.cat([g.flatten() for g in gradients]).norm() for gradients in (plain, other)]
    torch.testing.assert_close(view.start["concept.unit"], norms[0] / norms[1], rtol=1e-9, atol=0)
    printed = clarc("rr_clarc", relative=False, lam=3.0)
    for trial, lam in ((one, norms[0] / norms[1]), (printed, torch.tensor(3.0).double())):
        records = done(trial).records(trial.replicas[0].uid).query("split == 'test'").set_index("metric")["value"]
        assert records["lam_printed"] == pytest.approx(lam.item(), rel=1e-9)
        assert records["lam_ratio"] == pytest.approx((lam * norms[1] / norms[0]).item(), rel=1e-9)


def test_a_relative_lambda_is_the_printed_one_that_it_stands_for(clarc, done):
    one = clarc("rr_clarc", lam=2.0)
    unit = float(done(one).read(model(one).uid).tensors["model/concept.unit"])
    same = clarc("rr_clarc", lam=2.0 * unit, relative=False)
    expected, found = (parameters(done(trial).read(model(trial).uid)) for trial in (one, same))
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("which", "expected"), [("linear", ["head"]), ("after", ["encoder.3", "encoder.6", "head"])])
@pytest.mark.parametrize("method", ["vanilla", "rr_clarc", "a_clarc"])
def test_only_what_is_behind_the_layer_moves(method, which, expected, clarc, done):
    one = clarc(method, layer="1", trained=which)
    store, replica = done(one), model(one)
    found = moved(store.read(replica.uid).tensors, store.read(replica.parents["model"].uid).tensors)
    assert {name.removeprefix("model/main.").rpartition(".")[0] for name in found} == set(expected)


@pytest.mark.parametrize("method", ["vanilla", "rr_clarc", "a_clarc"])
@pytest.mark.parametrize("cached", [True, False])
def test_batch_normalisation_behind_the_layer_stays_as_it_is(cached, method, clarc, done):
    """In training too, where one example's gradient would else depend on what stands beside it."""
    one = clarc(method, layer="layer4.0", trained="after", cached=cached)
    one = replace(one, network={"name": "resnet18", "width": 1 / 64})
    store, replica = done(one), model(one)
    tensors, start = store.read(replica.uid).tensors, store.read(replica.parents["model"].uid).tensors
    found = {name.removeprefix("model/main.") for name in moved(tensors, start)}
    assert found == {"encoder.layer4.1.conv1.weight", "encoder.layer4.1.conv2.weight", "head.weight", "head.bias"}
    bound = objective(replica, parameters(store.read(replica.uid))).train()
    batch = {name: one.data.train[name][:6] for name in ("x", "y", "group")} | {"signs": torch.ones(6, 2)}
    if cached:
        batch["x"] = store.read(replica.parents["activations"].uid).tensors["train"][:6]
    together, two = (replica.stage.outputs(bound.nets, b)["logits"] for b in (batch, {"x": batch["x"][:2]}))
    torch.testing.assert_close(together[:2], two)
    state = {name: tensor.clone() for name, tensor in bound.nets.state_dict().items()}
    bound(batch, {}, {})
    assert all(torch.equal(bound.nets.state_dict()[name], tensor) for name, tensor in state.items())


@pytest.mark.parametrize(
    ("network", "block", "behind"),
    [
        ({"name": "vgg16", "width": 1 / 16}, "0.27", 1 + 6),
        ({"name": "resnet18", "width": 1 / 16}, "layer4.1", 3),
        ({"name": "efficientnet_b0", "width": 1 / 8, "rectified": True}, "features.8.2", 3),
    ],
)
def test_the_paper_s_layers_are_cut_and_corrected_by_name(network, block, behind, clarc):
    """The last convolution before a ReLU, or EfficientNet's last map; the penalty moves linear layers alone."""
    one = replace(clarc("rr_clarc", layer="last_conv", cached=False, relative=False), network=network)
    one.check()
    bound = objective(model(one)).train()
    nets, train = bound.nets, one.data.train
    names = [*nets["main"].blocks]
    assert nets["main"].cut_at == block
    assert isinstance(nets["main"].blocks[names[names.index(block) + 1]], torch.nn.ReLU)
    assert len(names[names.index(block) + 1 :]) == behind
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        nets["concept"].h.copy_(F.normalize(torch.randn(nets["concept"].h.shape, generator=random)))
    batch = {name: train[name][:8] for name in ("x", "y", "group")} | {"signs": torch.ones(8, 2).double()}
    moving = {name: p for name, p in nets.named_parameters() if p.requires_grad}
    linear = [name for name, module in nets.named_modules() if isinstance(module, torch.nn.Linear)]
    assert {name.rpartition(".")[0] for name in moving} == {*linear}
    outputs = bound.stage.outputs(nets, batch)
    gradients = torch.autograd.grad(bound.stage.penalty(nets, outputs, batch), [nets["main"].head.weight])
    assert gradients[0].norm() > 0
    biased = nets["main"].eval()
    torch.testing.assert_close(outputs["logits"], biased(batch["x"]))
    a = biased.front(batch["x"], "last_conv").detach().requires_grad_()
    (G,) = torch.autograd.grad(biased.back(a, block).sum(), a)
    expected = (G.mean((2, 3)) @ nets["concept"].h[0]).square().mean()
    torch.testing.assert_close(bound.stage.penalty(nets, outputs, batch), expected)


def test_linear_layers_inside_the_encoder_move_too(clarc, done):
    one = replace(clarc("vanilla", layer="2"), network={"name": "mlp", "units": 6, "depth": 3})
    store, replica = done(one), model(one)
    found = moved(store.read(replica.uid).tensors, store.read(replica.parents["model"].uid).tensors)
    assert {name.split(".")[-2] for name in found} == {"3", "5", "head"}


# corrections of activations


def test_a_clarc_shifts_in_training_alone(clarc, done):
    one = clarc("a_clarc")
    store, replica = done(one), model(one)
    tensors, cav = store.read(replica.uid).tensors, store.read(replica.parents["cavs.0"].uid).tensors
    network, x = network_of(one, tensors), floats(one.data.test["x"])
    torch.testing.assert_close(tensors["test/logits"], network(x).detach(), rtol=1e-10, atol=1e-10)
    bound = objective(replica, parameters(store.read(replica.uid))).train()
    a = split_at(network)[0](x)
    there = pool(replica.stage.correct(bound.nets, a)) @ cav["h"]
    torch.testing.assert_close(there, (cav["h"] @ cav["artefact"]).expand(len(x)))
    assert not torch.allclose(pool(a) @ cav["h"], there)


@pytest.mark.parametrize("form", ["shift", "project"])
@pytest.mark.parametrize("pooling", ["max", "mean"])
def test_p_clarc_takes_the_concept_out_of_every_image(pooling, form, clarc, done):
    one = clarc("p_clarc", form=form, pooling=pooling)
    store, replica = done(one), model(one)
    artifact, cav = store.read(replica.uid), store.read(replica.parents["cavs.0"].uid).tensors
    network, x = network_of(one, artifact.tensors), floats(one.data.test["x"])
    front, back = split_at(network)
    assert not moved(artifact.tensors, store.read(replica.parents["model"].uid).tensors)
    bound = trained(replica.stage, replica.setting, artifact)
    corrected = replica.stage.correct(bound.nets, front(x))
    z = cav["h"] @ cav["clean"]
    there = torch.einsum("ncij,c->nij", corrected, cav["h"]) if form == "project" else pool(corrected) @ cav["h"]
    torch.testing.assert_close(there, z.expand_as(there))
    torch.testing.assert_close(artifact.tensors["test/logits"], back(corrected), rtol=1e-10, atol=1e-10)
    train = one.data.train
    hit = network(floats(train["x"])).argmax(-1) == 1
    clean = pool(front(floats(train["x"][hit & (train["y"] == 1) & (train["group"] == 0)]))).mean(0)
    torch.testing.assert_close(cav["clean"], clean)


@pytest.mark.parametrize("form", ["shift", "project"])
def test_a_condition_that_always_holds_is_p_clarc(form, clarc, done):
    ones = [clarc("p_clarc", form=form), clarc("reactive_p_clarc", form=form, condition="always")]
    plain, reactive = (done(one).read(model(one).uid).tensors["test/logits"] for one in ones)
    assert torch.equal(plain, reactive)


@pytest.mark.parametrize("form", ["shift", "project"])
@pytest.mark.parametrize(
    ("condition", "never"),
    [("artefact", {"concept.thresholds": torch.tensor([1e9])}), ("class", {"concept.label": torch.tensor(7.0)})],
)
def test_a_condition_that_never_holds_is_the_biased_model(condition, never, form, clarc, done):
    one = clarc("reactive_p_clarc", form=form, condition=condition)
    store, replica = done(one), model(one)
    x, biased = one.data.test["x"], network_of(one, store.read(replica.parents["model"].uid).tensors)
    bound = objective(replica, parameters(store.read(replica.uid)) | never).eval()
    plain = biased(floats(x))
    a = split_at(biased)[0](floats(x))
    torch.testing.assert_close(bound({"x": a}, {}, {}, predict=True)[0], plain, rtol=1e-10, atol=1e-10)
    stored = store.read(replica.uid).tensors["test/logits"]
    assert not torch.allclose(stored, plain)
    if condition == "class":
        torch.testing.assert_close(stored[plain.argmax(1) == 0], plain[plain.argmax(1) == 0])


# others


def test_dfr_balances_the_subgroups_that_there_are(clarc, done):
    one = clarc("dfr")
    store, replica, train = done(one), model(one), one.data.train
    view = replica.stage.view(replica.setting, generator(replica, "view"), before(replica, store))
    cells = Counter(zip(train["y"][view.rows].tolist(), train["group"][view.rows].tolist(), strict=True))
    every = Counter(zip(train["y"].tolist(), train["group"].tolist(), strict=True))
    assert cells == dict.fromkeys(every, min(every.values()))
    assert len(every) == 3
    assert len(view.rows.unique()) == len(view.rows)
    assert not any(name.startswith("main.head") for name in view.start)


def squared(gradient, mask):
    return ((gradient * mask[:, None]) ** 2).sum((1, 2, 3)).mean()


def cosine(gradient, mask):
    """Of images without a mask it is 0."""
    seen = gradient.sum(1).abs().flatten(1)
    along = (seen * mask.flatten(1)).sum(1)
    return (along / (seen.norm(dim=1) * mask.sum((1, 2)).sqrt()).clamp(min=1e-8)).mean()


RRR = {
    "as printed": ("squared", "logprobs", squared, lambda z, y: z.log_softmax(1).sum()),
    "as run": ("cosine", "logprobs", cosine, lambda z, y: (z.softmax(1) + 1e-5).log().mean(1).sum()),
    "max": ("cosine", "max", cosine, lambda z, y: z.amax(1).sum()),
    "target": ("squared", "target", squared, lambda z, y: z.gather(1, y[:, None]).sum()),
}


@pytest.mark.parametrize("variant", RRR)
def test_rrr_is_the_double_backward_by_hand(variant, clarc, done):
    form, criterion, penalise, answer = RRR[variant]
    one = clarc("rrr", lam=0.5, form=form, criterion=criterion, training=STEP)
    store, replica, train = done(one), model(one), one.data.train
    network = network_of(one, store.read(replica.parents["model"].uid).tensors)
    x = floats(train["x"]).requires_grad_()
    logits = network(x)
    (gradient,) = torch.autograd.grad(answer(logits, train["y"]), x, create_graph=True)
    penalty = penalise(gradient, (train["mask"] & (train["group"] == 1)[:, None, None]).double())
    loss, head = F.cross_entropy(logits, train["y"]) + 0.5 * penalty, network.head
    (step,) = torch.autograd.grad(loss, head.weight, retain_graph=True)
    assert not torch.allclose(*torch.autograd.grad(penalty, head.weight), torch.zeros(()).double(), atol=1e-6)
    found = store.read(replica.uid).tensors["model/main.head.weight"]
    torch.testing.assert_close(found, (head.weight - 0.01 * step).detach(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("form", ["squared", "cosine"])
def test_rrr_without_a_mask_is_vanilla(form, clarc, tmp_path):
    data = clarc("vanilla").data
    nowhere = [data.split(s) | {"mask": torch.zeros_like(data.split(s)["mask"])} for s in ("train", "val", "test")]
    blank = replace(data, train=nowhere[0], val=nowhere[1], test=nowhere[2])
    found = []
    with mock.patch.object(Trial, "data", blank):
        for one in (clarc("vanilla", cached=False), clarc("rrr", form=form, lam=5.0)):
            store = Store(str(tmp_path))
            execute([one], store)
            found.append(parameters(store.read(model(one).uid)))
    assert all(torch.equal(found[1][name], tensor) for name, tensor in found[0].items())


# what is measured


def test_measures_are_those_of_predictions_by_hand(clarc, done):
    one = clarc("vanilla")
    store, replica, test = done(one), model(one), one.data.test
    network = network_of(one, store.read(replica.uid).tensors)
    biased = network_of(one, store.read(replica.parents["model"].uid).tensors)
    records = store.records(one.replicas[0].uid).query("split == 'test'")
    values, y = records[records["label"].isna()].set_index("metric")["value"], test["y"]
    by_class = records.dropna(subset="label").set_index(["metric", "label"])["value"]
    for kind, x in (("clean", test["clean"]), ("attacked", test["attacked"]), ("drawn", test["x"])):
        logits = network(floats(x)).detach()
        hit = (logits.argmax(1) == y).double()
        assert values[f"{kind}_accuracy"] == pytest.approx(hit.mean().item())
        assert values[f"{kind}_macro_f1"] == pytest.approx(f1_score(y, logits.argmax(1), average="macro"))
        assert values[f"{kind}_auc"] == pytest.approx(roc_auc_score(y, logits[:, 1] - logits[:, 0]))
        for k, name in enumerate(one.data.classes):
            assert by_class[f"{kind}_class_accuracy", name] == pytest.approx(hit[y == k].mean().item())
            assert by_class[f"{kind}_class_f1", name] == pytest.approx(f1_score(y == k, logits.argmax(1) == k))
            assert by_class[f"{kind}_class_auc", name] == pytest.approx(roc_auc_score(y == k, logits.softmax(1)[:, k]))
    before_ = (biased(floats(test["clean"])).argmax(1) == y).double().mean().item()
    assert values["lost"] == pytest.approx(before_ - values["clean_accuracy"])


def test_a_model_collapses_where_it_says_one_thing():
    logits = torch.eye(2)[torch.arange(100) % 2]
    assert [collapse(logits), collapse(logits[::2])] == [0, 1]


def test_a_class_without_examples_has_no_scores_and_the_others_have_theirs():
    logits, y = torch.tensor([[3.0, 0, 1], [0, 3, 1], [2.5, 1, 0], [2, 0, 1]]), torch.tensor([0, 1, 0, 1])
    found = score_classes(logits, y)
    assert found["accuracy"].tolist() == pytest.approx([1, 0.5, float("nan")], nan_ok=True)
    assert found["f1"].tolist() == pytest.approx([4 / 5, 2 / 3, float("nan")], nan_ok=True)
    p = logits.softmax(1)
    expected = [roc_auc_score(y == k, p[:, k]) for k in (0, 1)]
    assert found["auc"].tolist() == pytest.approx([*expected, float("nan")], nan_ok=True)
    assert "auc" not in score(logits, y)


def test_what_is_no_number_has_no_auc():
    """A penalty that is too large breaks a model, and not the study."""
    assert score(torch.full((4, 2), torch.nan), torch.tensor([0, 1, 0, 1])).keys() == {"accuracy", "macro_f1"}


def test_tcav_of_a_linear_back_by_hand(clarc, done):
    one = replace(clarc("vanilla"), network={"name": "mlp", "units": 6, "depth": 1})
    store, replica = done(one), model(one)
    weight = store.read(replica.uid).tensors["model/main.head.weight"]
    h = store.read(one.replicas[0].parents["cav"].uid).tensors["h"]
    along = weight[attacked_class(one.data)] @ h
    values = store.records(one.replicas[0].uid).query("split == 'test'").set_index("metric")["value"]
    assert values["tcav"] == float(along > 0)
    assert values["tcav_sensitivity"] == pytest.approx(along.abs().item())


def test_a_probe_reads_what_is_there_and_nothing_else():
    """It learns from half of the images, with both kinds of each, and reads the others."""
    noise = torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
    assert READ([noise, noise + torch.tensor([9.0, 0, 0])]) == 1
    assert READ([noise, noise]) == 0.5


# sharing


def test_one_biased_model_and_one_vector_for_all_corrections(clarc):
    trials = [clarc("rr_clarc", seeds=(0, 1), lam=lam) for lam in (0.1, 1.0, 10.0)]
    trials += [clarc(method, seeds=(0, 1)) for method in ("vanilla", "a_clarc", "p_clarc", "dfr", "rrr")]
    found = Counter(replica.stage.name for trial in trials for replica in stages(trial.replicas).values())
    once = Counter(r.stage.name for r in stages(r for trial in trials for r in trial.replicas).values())
    assert found["standard"] == 16
    assert {name: once[name] for name in ("standard", "activations", "cav", "penalised", "plain")} == {
        "standard": 2, "activations": 2, "cav": 2, "penalised": 6, "plain": 2,
    }  # fmt: skip


def test_plan_says_that_m_methods_and_k_lambdas_train_one_biased_model(tmp_path):
    lambdas = "methods.*.lam={grid: [1.0, 2.0, 3.0]}"
    some = [f"tasks={{T: {{name: {STAMPED}}}}}", "methods=[rr_clarc, rrr]", "baseline=rr_clarc", lambdas, "seeds=1"]
    study = load("clarc_correction", "smoke", [*some, f"launch.output={tmp_path}"])
    found = stages(r for trial in list_asked(study, Store(str(tmp_path))) for r in trial.ends)
    assert sum(isinstance(replica.stage, TrainStage) for replica in found.values()) == 1 + 2 * 3
    planned = plan(study)
    assert planned.trials == 2 * 3
    # the biased model, its metrics, its activations, the vector; of each point its model, the metrics, what it unlearnt
    assert (planned.shared, planned.stages) == (4, 4 + 3 * 2 * 3)


def test_the_paper_s_study_has_its_three_networks_and_leaves_relevance_where_it_has_no_rules():
    arms = ("VGG-16", "ResNet-18", "EfficientNet-B0")
    tasks = ", ".join(f"ISIC {arm}: {{name: {STAMPED}, side: 8}}" for arm in arms)
    study = load("clarc_correction", "paper", [f"tasks={{{tasks}}}", "seeds=1"])
    study.check()
    names = ("vgg16", "resnet18", "efficientnet_b0")
    found = {arm.task.removeprefix("ISIC "): label(arm.corner.network) for arm in study.arms()}
    assert found == dict(zip(arms, names, strict=True))
    refused = load("clarc_correction", "paper", [f"tasks={{{tasks}}}", "seeds=1", "methods.*.lrp=true"])
    with pytest.raises(BadInput, match=r"methods.*\.lrp.*through MBConv"):
        refused.check()


# what cannot be


@pytest.mark.parametrize(
    ("method", "settings", "said"),
    [
        ("rr_clarc", {"only": "zebra", "criterion": "target"}, "zebra"),
        ("vanilla", {"layer": "conv9"}, "there is no layer of the network 'conv9'"),
        ("rr_clarc", {"only": "1"}, "only"),
        ("reactive_p_clarc", {"artefacts": ["patch"], "form": "shift"}, "form"),
    ],
)
def test_settings_that_cannot_be_are_said_at_once(method, settings, said, clarc):
    with pytest.raises(BadInput, match=said) as caught:
        clarc(method, **settings).check()
    assert caught.value.where.startswith("method.")
    if "layer" in settings:
        assert "0, 1, 2" in caught.value.cure


def test_a_network_that_relevance_has_no_rules_for_is_said_at_once(clarc):
    one = replace(clarc("rr_clarc", lrp=True), network={"name": "efficientnet_b0", "width": 1 / 8})
    with pytest.raises(BadInput, match="relevance cannot be propagated through MBConv") as caught:
        one.check()
    assert caught.value.where.startswith("method.lrp")
    assert "lrp: false" in caught.value.cure
    for lrp in (False, None):
        replace(clarc("rr_clarc", lrp=lrp), network=one.network).check()


@pytest.mark.parametrize("method", ["p_clarc", "reactive_p_clarc", "dfr"])
def test_what_is_trained_is_no_choice_of_methods_that_have_none(method, clarc):
    with pytest.raises(BadInput, match="trained"):
        clarc(method, trained="after")


@pytest.mark.parametrize("method", [*NAMES, "p_clarc", "reactive_p_clarc", "concept_vector"])
@pytest.mark.parametrize(
    ("wrong", "said"), [({"groups": ("a", "b", "c")}, "it has 3"), ({"classes": ()}, "it is a regression")]
)
def test_data_that_cannot_be_are_said_at_once(wrong, said, method, trial):
    one = trial(method, dataset=DATA["stamped"])
    with mock.patch.dict(vars(one), data=replace(one.data, **wrong)), pytest.raises(BadInput, match=said):
        one.check()


@pytest.mark.parametrize("p", [0, 1])
@pytest.mark.parametrize("method", ["rr_clarc", "concept_vector"])
def test_a_concept_that_none_or_all_of_the_class_have_is_said_at_once(method, p, trial):
    one = trial(method, dataset=DATA["stamped"])
    train = one.data.train
    cut = one.data.train | {"group": torch.where(train["y"] == 1, p, 0)}
    with (
        mock.patch.dict(vars(one), data=replace(one.data, train=cut)),
        pytest.raises(BadInput, match="needs 1 of each"),
    ):
        one.check()


def test_what_takes_images_with_masks_is_not_for_others(trial):
    with pytest.raises(BadInput, match="masks"):
        trial("rrr", dataset={"side": 8}).check()
    with pytest.raises(BadInput, match="put on images"):
        trial({"name": "reactive_p_clarc", "artefacts": ["patch"]}).check()


def test_a_vector_without_examples_is_said(clarc, done):
    """Where the biased model reads none of the class, nothing is known of it."""
    one = clarc("vanilla")
    store = done(one)
    cav = next(replica for replica in stages(one.ends).values() if isinstance(replica.stage, Cav))
    artifact = store.read(cav.parents["model"].uid)
    artifact.tensors["train/logits"] = torch.tensor([1.0, 0.0]).expand(256, 2)
    with pytest.raises(BadInput, match="reads correctly, 0 have the concept and 0 have not"):
        cav.stage.compute(cav.setting, 0, {"model": artifact})
