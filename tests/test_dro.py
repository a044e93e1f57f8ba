"""Algorithms 4.1 and 4.2 against loops written by hand, and what fine-tuning from shared starts rests on."""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from by_hand import assert_same
from conformance import assert_engines_agree, counted
from scipy.stats import chisquare

from fairray.errors import BadInput
from fairray.methods import dro
from fairray.methods._arrivals import draw, mean_weight, weights
from fairray.methods.dro import Finetuned, Head
from fairray.methods.online_adversarial import OnlineAdversarial
from fairray.methods.standard import Standard
from fairray.stages import Replica, Shared
from fairray.store import Store
from fairray.training.objective import generator, objective, parameters
from fairray.training.stacked import Stacked
from fairray.trial import execute, stages

DOUBLE = {"dtype": "float64"}
PGD = {"name": "pgd_l2", "N": 5, "eps": 0.5}
PERCEPTUAL = {"name": "perceptual", "cost": "ssim", "N": 4, "normalised": True}
MLP = {"name": "mlp", "units": 8, "depth": 1}


@pytest.fixture
def tuned(trial):
    """Makes a trial of `dro` on images of 8 x 8 pixels; keywords are the method's, `training` that of Algorithm 4.2."""

    def make(seeds=(0,), training=None, numerics=DOUBLE, size=64, **method):
        spec = {"name": "dro", "attack": PGD, "T1": 2, "batch": 16, **method}
        own = {"standard": {"selection": "last"}, "finetuned": training or {}} if not method.get("head") else {}
        return trial(spec, seeds=seeds, numerics=numerics, dataset={"side": 8, "size": size}, epochs=2, **own)

    return make


def model(one, seed=0):
    return one.replicas[seed].parents["model"]


def stored(one, folder, engine="auto"):
    store = Store(str(folder))
    execute([one], store, engine)
    return store


# the sampler


@pytest.mark.parametrize(("originals", "made"), [(4, 6), (1, 1), (7, 0), (3, 40)])
def test_every_integer_draws_the_example_that_owns_it(originals, made, monkeypatch):
    """An original owns one integer, the j-th made example j of them: all of them in turn."""
    owners = [*range(originals)] + [originals + j - 1 for j in range(1, made + 1) for _ in range(j)]
    monkeypatch.setattr(torch, "randint", lambda total, size, **_: torch.arange(total))
    assert draw(len(owners), originals, made, torch.Generator()).tolist() == owners


@pytest.mark.parametrize("j", [1, 2, 2**24, 94_906_267, 2_000_000_000, 3_000_000_000])
def test_the_root_is_exact_where_doubles_are_not(j, monkeypatch):
    """The last integer of the j-th made example, and the first of the next one."""
    last = j * (j + 1) // 2 - 1
    monkeypatch.setattr(torch, "randint", lambda total, size, **_: torch.tensor([last, last + 1]))
    assert draw(2, 0, j + 1, torch.Generator()).tolist() == [j - 1, j]


@pytest.mark.parametrize("made", [10**4, 10**8])
def test_draws_are_in_proportion_to_arrival(made):
    """Chi-square over the originals and a hundred ranges of arrival."""
    originals, size = made // 10, 400_000
    arrival = draw(size, originals, made, torch.Generator().manual_seed(0)) - originals + 1
    edges = torch.linspace(0, 1, 101, dtype=torch.float64).sqrt().mul(made).long().double()  # of about equal mass
    mass = torch.cat([torch.tensor([float(originals)]), (edges * (edges + 1) / 2).diff()])
    found = torch.bucketize(arrival.double(), edges).clamp(min=0).bincount(minlength=101)
    expected = size * mass / mass.sum()
    if expected[0] < 5:  # hardly ever drawn
        found, expected = found[1:], expected[1:] * found[1:].sum() / expected[1:].sum()
    assert chisquare(found, expected).pvalue > 0.01


def test_the_mean_weight_is_the_mean_of_the_weights():
    assert weights(torch.arange(9), 4).tolist() == [1, 1, 1, 1, 1, 2, 3, 4, 5]
    assert mean_weight(4, 5) == pytest.approx(weights(torch.arange(9), 4).double().mean().item())


# Algorithm 4.1


@pytest.mark.parametrize("batch", [1, 16])
@pytest.mark.parametrize("use", ["draw_and_step", "draw", "step"])
def test_algorithm_4_1_is_the_loop_by_hand(use, batch, tuned, tmp_path):
    one = tuned(P=use, batch=batch, alpha=0.3, attack=PGD | {"N": 2})
    store = stored(one, tmp_path)
    replica = model(one).parents["made"]
    setting, stage = replica.setting, replica.stage
    images, y = setting.dataset.train["x"], setting.dataset.train["y"]
    N, generator_ = len(y), generator(replica, "draws")
    network = one.network.build((3, 8, 8), 2).double()
    start = parameters(store.read(replica.parents["theta_0"].uid))
    network.load_state_dict({name.removeprefix("main."): tensor for name, tensor in start.items()})

    def theta(x):
        return network(2 * x - 1)

    D, P, origin = [*images], [1] * N, [*range(N)]
    for k in (1, 2):
        before, mean = len(D), sum(P) / len(P)
        if use == "step":
            drawn = torch.randint(before, (N,), generator=generator_)
        else:
            drawn = draw(N, N, before - N, generator_)
        for i in range(0, N, batch):
            part = drawn[i : i + batch].tolist()
            x_i = torch.stack([D[j] for j in part]).double() / 255
            y_i = y[[origin[j] for j in part]]
            losses = F.cross_entropy(theta(x_i), y_i, reduction="none")
            weight = torch.tensor([1.0 if use == "draw" else P[j] / mean for j in part], dtype=torch.float64)
            gradients = torch.autograd.grad((weight * losses).mean(), list(network.parameters()))
            with torch.no_grad():
                for parameter, gradient in zip(network.parameters(), gradients):
                    parameter -= 0.3 * gradient
            made = (255 * stage.attack(theta, x_i, y_i)).round().to(torch.uint8)
            for j, image in zip(part, made):
                D.append(image)
                P.append(len(D) - N)
                origin.append(origin[j])
        assert len(D) == N * (1 + k)
    tensors = store.read(replica.uid).tensors
    assert tensors["original"].tolist() == origin[N:]
    assert torch.equal(tensors["x"], torch.stack(D[N:]))
    assert torch.equal(tensors["y"], y[origin[N:]])
    assert not torch.equal(tensors["x"], images[origin[N:]])


def test_the_images_fool_the_model_that_they_were_made_with(tuned, tmp_path):
    one = tuned(attack=PGD | {"N": 100})
    store = stored(one, tmp_path)
    fooled = store.records(model(one).parents["made"].uid).set_index("metric")["value"]["fooled"]
    assert 0.5 < fooled <= 1


def test_a_cost_compares_with_the_original_where_it_is_said(tuned, tmp_path):
    """Images drawn twice are kept nearer to what they were first."""
    stores = {of: tuned(attack=PERCEPTUAL, reference=of, batch=64) for of in ("drawn", "original")}
    made = {
        of: stored(one, tmp_path / of).read(model(one).parents["made"].uid).tensors["x"] for of, one in stores.items()
    }
    assert torch.equal(made["drawn"][:64], made["original"][:64])  # at first every drawn image is an original
    assert not torch.equal(made["drawn"][64:], made["original"][64:])


def test_an_attack_without_a_reference_has_no_original_one(tuned):
    with pytest.raises(BadInput, match=r"(?s)PgdL2 compares with no reference.*set reference: drawn"):
        tuned(reference="original").check()


@pytest.mark.parametrize(
    ("dataset", "problem"), [({}, "images with classes"), ({"side": 8}, "the images have colours")]
)
def test_what_cannot_be_attacked_is_refused(dataset, problem, trial):
    with pytest.raises(BadInput, match=problem):
        trial({"name": "dro", "grey": True}, dataset=dataset).check()


# Algorithm 4.2


@pytest.mark.parametrize("use", ["draw_and_step", "draw", "step"])
@pytest.mark.parametrize("attack", [PGD, None])
def test_algorithm_4_2_is_the_loop_by_hand(attack, use, tuned, tmp_path):
    one = tuned(seeds=[0], attack=attack, P=use, training={"lr": 0.1, "epochs": 2, "batch": 50})
    store = stored(one, tmp_path)
    replica = model(one)
    train, order = replica.setting.dataset.train, generator(replica, "order")
    made = store.read(replica.parents["made"].uid).tensors if attack else {"x": train["x"][:0], "y": train["y"][:0]}
    x, y = (torch.cat([train[name], made[name]]) for name in ("x", "y"))
    N, P = len(train["y"]), torch.tensor([1.0] * 64 + [*range(1, len(y) - 63)], dtype=torch.float64)
    P = torch.ones_like(P) if use == "draw" else P / P.mean()
    network = objective(replica, parameters(store.read(replica.parents["theta_0"].uid))).nets["main"]
    for _ in range(2):
        rows = draw(3 * N, N, len(y) - N, order) if use != "step" else torch.randint(len(y), (3 * N,), generator=order)
        for part in rows.split(50):
            losses = F.cross_entropy(network(x[part].double() / 127.5 - 1), y[part], reduction="none")
            gradients = torch.autograd.grad((P[part] * losses).mean(), list(network.parameters()))
            with torch.no_grad():
                for parameter, gradient in zip(network.parameters(), gradients):
                    parameter -= 0.1 * gradient
    expected = {f"model/main.{name}": p.detach() for name, p in network.named_parameters()}
    assert_same(store.read(replica.uid).tensors, expected)


CNN = {"name": "small_cnn", "channels": 2}


@pytest.mark.parametrize(
    ("network", "head", "count"), [(MLP, False, 50), (MLP, True, 8), (CNN, False, 8), (CNN, True, 8)]
)
def test_many_models_stacked_are_many_alone(network, head, count, tuned, tmp_path):
    one = replace(tuned(seeds=range(count), head=head, starts=2), network=network)
    assert_engines_agree([one], tmp_path)


def test_stacks_are_cut_by_what_was_made(tuned, tmp_path):
    """Five seeds of two starts: three and two, each with the images of its own start."""
    one = tuned(seeds=range(5), starts=2, training={"epochs": 1, "batch": 192})
    with counted(Stacked) as steps:
        store = stored(one, tmp_path, "stacked")
    assert sorted(call.args[0].size for call in steps.call_args_list if isinstance(_stage(call), Finetuned)) == [2, 3]
    made = {model(one, i).parents["made"].uid for i in range(5)}
    assert len(made) == 2
    assert model(one, 0).parents["made"].uid == model(one, 2).parents["made"].uid
    assert len({store.read(uid).tensors["x"].sum().item() for uid in made}) == 2


def _stage(call):
    return call.args[0].objective.stage


def test_more_models_compute_only_the_new_ones(tuned, tmp_path):
    few, many = tuned(seeds=range(4), starts=2), tuned(seeds=range(6), starts=2)
    store = stored(few, tmp_path)
    found = {uid for uid in stages(many.ends) if store.has(uid)}
    assert found == set(stages(few.ends))
    assert Counter(r.stage.name for uid, r in stages(many.ends).items() if uid not in found) == {
        "finetuned": 2,
        "evaluation": 2,
    }


def test_a_shared_stage_is_the_same_result_as_one_of_its_seed(trial):
    setting = trial("standard").replicas[0].setting
    shared = Finetuned(theta_0=Shared(Standard(), 3), made=None, T1=1, P="draw")
    assert [Replica(shared, setting, seed).parents["theta_0"].seed for seed in range(5)] == [0, 1, 2, 0, 1]
    own = Finetuned(theta_0=Standard(), made=None, T1=1, P="draw")
    assert Replica(shared, setting, 2).uid == Replica(own, setting, 2).uid
    assert Replica(shared, setting, 4).uid != Replica(own, setting, 4).uid


def test_a_head_on_features_is_a_network_whose_encoder_stays(tuned, tmp_path, monkeypatch):
    """The same draws and steps: what is computed once is what every step would compute."""

    @dataclass(frozen=True, kw_only=True)
    class Frozen(Finetuned):
        name = "head"  # so that the order is the same

        def rate(self, parameter):
            return 0.0 if parameter.startswith("main.encoder") else 1.0

    one = tuned(head=True)
    head = stored(one, tmp_path / "head").read(model(one).uid).tensors
    assert isinstance(model(one).stage, Head)
    assert {name for name in head if name.startswith("model/")} == {"model/main.head.weight", "model/main.head.bias"}
    monkeypatch.setattr(dro, "Finetuned", Frozen)
    whole = replace(tuned(), stages={})
    frozen = stored(whole, tmp_path / "whole").read(model(whole).uid).tensors
    for name in ("model/main.head.weight", "model/main.head.bias", "train/logits", "val/logits", "test/logits"):
        torch.testing.assert_close(head[name], frozen[name], rtol=1e-10, atol=1e-10)


# without Algorithm 4.1


def online(trial, **method):
    spec = {"name": "online_adversarial", "T1": 1, **method}
    return trial(spec, seeds=[0], numerics=DOUBLE, dataset={"side": 8, "size": 64}, selection="last", epochs=2)


def test_online_training_moves_on_the_images_that_it_attacks(trial, tmp_path):
    one = online(trial, attack=PGD)
    store = stored(one, tmp_path)
    replica = model(one)
    train, draws, stage = replica.setting.dataset.train, generator(replica, "draws"), replica.stage
    network = one.network.build((3, 8, 8), 2).double()
    start = parameters(store.read(replica.parents["theta_0"].uid))
    network.load_state_dict({name.removeprefix("main."): tensor for name, tensor in start.items()})

    def theta(x):
        return network(2 * x - 1)

    for _ in range(2):
        for part in torch.randint(64, (128,), generator=draws).split(100):
            x = stage.attack(theta, train["x"][part].double() / 255, train["y"][part])
            loss = F.cross_entropy(theta(x), train["y"][part])
            gradients = torch.autograd.grad(loss, list(network.parameters()))
            with torch.no_grad():
                for parameter, gradient in zip(network.parameters(), gradients):
                    parameter -= 0.01 * gradient
    tensors = store.read(replica.uid).tensors
    assert_same(tensors, {f"model/main.{name}": p.detach() for name, p in network.named_parameters()})
    seen = network(replica.setting.dataset.test["x"].double() / 127.5 - 1).detach()
    torch.testing.assert_close(tensors["test/logits"], seen)


def test_a_method_file_is_enough(trial):
    assert OnlineAdversarial().chain(None).attack == dro.Dro().attack
    assert Path(dro.__file__).with_name("online_adversarial.py").is_file()
