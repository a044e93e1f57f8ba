import pytest
import torch
from torch.func import grad, vmap

from fairray.methods.adversarial import Adversarial, projected
from fairray.stages import Numerics, Replica, Setting, Training
from fairray.training.objective import objective, parameter_groups
from fairray.training.reversal import reverse, schedule
from fairray.trial import execute, results


def test_reversal_keeps_values_and_turns_gradients_round():
    """d f(reverse(x)) / dx = -lambda f'(x), example by example."""
    x = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    strength = torch.rand(5, dtype=torch.float64)
    plain = torch.autograd.grad((x**3).sum(), x)[0]
    assert torch.equal(reverse(x, strength), x)
    turned = torch.autograd.grad((reverse(x, strength) ** 3).sum(), x)[0]
    torch.testing.assert_close(turned, -strength[:, None] * plain, rtol=1e-14, atol=0)


def test_reversal_under_vmap():
    x, strength = torch.randn(4, 5, 3), torch.rand(4, 5)
    turned = vmap(grad(lambda x, s: (reverse(x, s) ** 3).sum()))(x, strength)
    torch.testing.assert_close(turned, -strength[:, :, None] * 3 * x**2)


def test_schedule_rises_from_0_to_1():
    values = schedule(torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64))
    expected = [0.0, 2 / (1 + 2.718281828459045**-5) - 1, 2 / (1 + 2.718281828459045**-10) - 1]
    assert values.tolist() == pytest.approx(expected)


def test_projection_is_what_is_at_right_angles():
    gradient, other = torch.randn(2, 4, 3, dtype=torch.float64)
    rest = projected(gradient, other)
    assert (rest * other).sum().item() == pytest.approx(0, abs=1e-12)
    torch.testing.assert_close(gradient - rest, (gradient * other).sum() / (other**2).sum() * other)
    assert torch.equal(projected(gradient, torch.zeros(4, 3, dtype=torch.float64)), gradient)


def bound(method, trial):
    """The method's objective on generated data, in float64, and a batch."""
    replica = Replica(method, *_setting(trial))
    data = replica.setting.dataset.train
    batch = {name: tensor[:50].double() if tensor.is_floating_point() else tensor[:50] for name, tensor in data.items()}
    return objective(replica), batch | {"progress": torch.full((50,), 0.3, dtype=torch.float64)}


def _setting(trial):
    one = trial("standard", numerics={"dtype": "float64"}).replicas[0].setting
    return Setting(one.dataset, one.network, Training(), Numerics(dtype="float64")), 0


@pytest.mark.parametrize("criterion", ["odds", "parity"])
def test_the_network_descends_prediction_and_ascends_the_adversary(criterion, trial):
    """The gradient of reversal is g_P - lambda schedule(p) g_A in the network, g_A in the adversary."""
    bound_, batch = bound(Adversarial(strength=0.7, criterion=criterion), trial)
    opposed, _ = bound(Adversarial(update="projection", criterion=criterion), trial)
    bound_(batch, {}, {})[0].backward()
    losses, _ = opposed(batch, {}, {})
    for name, parameter in bound_.nets.named_parameters():
        like = opposed.nets.get_parameter(name)
        g_p, g_a = (torch.autograd.grad(loss, like, retain_graph=True, materialize_grads=True)[0] for loss in losses)
        weight = 1.0 if name.startswith("adversary") else -0.7 * schedule(batch["progress"][0])
        torch.testing.assert_close(parameter.grad, g_p + weight * g_a, rtol=1e-9, atol=1e-12)


def test_equal_odds_tells_the_adversary_the_label_and_parity_does_not():
    read, y = torch.tensor([[0.2, 0.8], [0.6, 0.4]]), torch.tensor([0, 1])
    told = Adversarial(criterion="odds")._told(read, y, 2)
    assert told.tolist() == [pytest.approx([0.2, 0.8, 0, 0, 1, 0]), pytest.approx([0, 0, 0.6, 0.4, 0, 1])]
    assert Adversarial(criterion="parity")._told(read, y, 2) is read


def test_zhang_s_update_moves_the_network_along_its_formula(trial):
    method = Adversarial(strength=0.4, update="projection")
    bound_, batch = bound(method, trial)
    losses, _ = bound_(batch, {}, {})
    g_p, g_a = (torch.autograd.grad(loss, bound_.nets["main"].head.weight, retain_graph=True)[0] for loss in losses)
    expected = g_p - (g_p * g_a).sum() / (g_a**2).sum() * g_a - 0.4 * g_a
    torch.testing.assert_close(method.combine("main.head.weight", torch.stack([g_p, g_a])), expected)
    assert torch.equal(method.combine("adversary.0.weight", torch.stack([g_p, g_a])), g_a)


@pytest.mark.parametrize("update", ["reversal", "projection"])
def test_a_network_alone_with_its_bias_is_made_to_forget_it(update, trial, store):
    """Where the attribute is easy to read and tells of the label, the adversary lowers the parity difference."""
    data = {"bias": 0.95, "size": 2048}
    gap = {}
    for name, spec in {
        "standard": {"name": "standard"},
        "adversarial": {"name": "adversarial", "update": update, "criterion": "parity", "strength": 1.0},
    }.items():
        one = trial(spec, dataset=data, epochs=15, selection="last")
        execute([one], store)
        rows = results(one, store).query("metric == 'demographic_parity_difference' and split == 'test'")
        gap[name] = rows["value"].mean()
    assert gap["adversarial"] < 0.7 * gap["standard"]


def test_the_pace_is_the_adversary_s_learning_rate(trial):
    """Adam's first step moves every parameter by its learning rate, whatever the gradient."""
    bound_, batch = bound(Adversarial(pace=5.0), trial)
    replica = Replica(bound_.stage, *_setting(trial))
    before = {name: p.detach().clone() for name, p in bound_.nets.named_parameters()}
    optimizer = torch.optim.Adam(parameter_groups(replica, dict(bound_.nets.named_parameters())))
    bound_(batch, {}, {})[0].backward()
    optimizer.step()
    lr = replica.setting.training.lr
    for name, pace in {"adversary.2.bias": 5.0, "main.head.bias": 1.0}.items():
        moved = (bound_.nets.get_parameter(name) - before[name]).abs().max().item()
        assert moved == pytest.approx(pace * lr, rel=1e-3)
