"""The loss of RR-ClArC against exact expectations, closed forms and finite differences."""

from itertools import product

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, grad, jacrev, stack_module_state

from fairray.concepts.penalty import gradient, log_probabilities, penalise, select

AGGREGATES = ["l2", "l1", "cosine", "l2_mean", "l1_mean", "cosine_mean"]


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def smooth(classes=3, seed=0):
    """Logits of maps (n, 4, 2, 3) with second derivatives everywhere."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(4, 5, 2), nn.Tanh(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, classes)
    ).double()


A, H = normal(6, 4, 2, 3), F.normalize(normal(4, seed=1), dim=0)


def logits(back):
    return back(A).detach()


def jacobian_along_h(back):
    """J h of every example, with axes (example, class): one backward pass a logit and an example."""
    each = [jacrev(lambda one: back(one[None])[0])(one) for one in A]
    return torch.stack([J.mean((2, 3)) @ H for J in each])


@pytest.mark.parametrize("classes", [1, 2, 3, 4])
def test_the_mean_over_all_random_signs_is_the_squared_length_of_jh(classes):
    back = smooth(classes)
    signs = [torch.tensor(row).double().expand(6, -1) for row in product([-1, 1], repeat=classes)]
    expected = torch.stack([penalise(back, A, H, m) for m in signs]).mean(0)
    assert torch.allclose(expected, jacobian_along_h(back).square().sum(1), rtol=1e-12)
    single = [penalise(back, A, H, select("target", logits(back), target=k)) for k in range(classes)]
    assert torch.allclose(expected, classes * torch.stack(single).mean(0), rtol=1e-12)


def test_of_relu_average_and_linear_it_is_a_quadratic_form_of_the_weights():
    """(J h)_k = (wh)^-2 sum_c W_kc rho_c h_c, with rho_c positions where channel c is positive."""
    back = nn.Sequential(nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)).double()
    W, positive = back[3].weight, (A > 0).double()
    jh = 6.0**-2 * torch.einsum("kc,nc,c->nk", W, positive.sum((2, 3)), H)
    m = torch.tensor([1.0, -1, 1]).double().expand(6, -1)
    assert torch.allclose(penalise(back, A, H, m, "l2_mean"), (m * jh).sum(1).square(), rtol=1e-12)
    at = torch.einsum("c,nchw,c->nhw", (m[0, :, None] * W).sum(0) / 6, positive, H)
    assert torch.allclose(penalise(back, A, H, m, "l2"), at.square().mean((1, 2)), rtol=1e-12)


def test_aggregations_by_hand():
    """G is (3, 0) at one position, (-1, 4) at the other; h is the first axis."""
    G = torch.tensor([[3.0, -1], [0, 4]]).double()[None, :, :, None]
    h = torch.tensor([1.0, 0]).double()
    values = {
        "l2": (9 + 1) / 2,
        "l1": (3 + 1) / 2,
        "cosine": (1 + 17**-0.5) / 2,
        "l2_mean": 1,  # the mean is (1, 2)
        "l1_mean": 1,
        "cosine_mean": 5**-0.5,
    }
    for aggregate, value in values.items():
        each = penalise(lambda a: (a * G).sum((1, 2, 3))[:, None], G, h, torch.ones(1, 1).double(), aggregate)
        assert each.tolist() == pytest.approx([value]), aggregate
    assert list(values) == AGGREGATES


def test_the_cosine_does_not_depend_on_the_lengths_of_h_and_of_the_gradient():
    back, ones = smooth(), torch.ones(6, 3).double()
    once, scaled = penalise(back, A, H, ones, "cosine"), penalise(back, A, 7 * H, 1e-3 * ones, "cosine")
    assert torch.allclose(once, scaled, rtol=1e-9)


@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_vectors_are_maps_of_one_position(aggregate):
    back = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    vectors, m = A[..., 0, 0], normal(6, 3, seed=2)
    on_maps = penalise(lambda a: back(a.flatten(1)), vectors[..., None, None], H, m, aggregate)
    assert torch.allclose(penalise(back, vectors, H, m, aggregate), on_maps, rtol=1e-12)


@pytest.mark.parametrize("m", [normal(6, 3, seed=2), None])
@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_its_gradient_by_finite_differences(aggregate, m):
    back = smooth()
    names, values = zip(*back.named_parameters())

    def loss(*parameters):
        of = dict(zip(names, parameters))
        return penalise(lambda a: functional_call(back, of, (a,)), A, H, m, aggregate).mean()

    assert torch.autograd.gradcheck(loss, values)


def loss_of(back, m):
    return lambda of: penalise(lambda a: functional_call(back, of, (a,)), A, H, m).mean()


def test_double_backward_and_torch_func_agree():
    back, m = smooth(), normal(6, 3, seed=2)
    penalise(back, A, H, m).mean().backward()
    of = {name: p.detach() for name, p in back.named_parameters()}
    by_func = grad(loss_of(back, m))(of)
    for name, p in back.named_parameters():
        if name != "4.bias":  # no derivative depends on it
            assert p.grad.abs().max() > 0
        assert torch.allclose(p.grad if p.grad is not None else torch.zeros_like(p), by_func[name], rtol=1e-12)


def test_stacked_replicas_have_the_gradients_of_each_alone():
    replicas = [smooth(seed=seed) for seed in range(3)]
    of, _ = stack_module_state(replicas)
    signs, h = normal(3, 6, 3).sign(), F.normalize(normal(3, 4, seed=1), dim=1)

    def loss(of, h, m):
        return penalise(lambda a: functional_call(replicas[0], of, (a,)), A, h, m).mean()

    stacked = torch.vmap(grad(loss))({name: p.detach() for name, p in of.items()}, h, signs)
    for i, back in enumerate(replicas):
        alone = grad(loss)({name: p.detach() for name, p in back.named_parameters()}, h[i], signs[i])
        for name, expected in alone.items():
            assert torch.allclose(stacked[name][i], expected, rtol=1e-10, atol=1e-14), name


def test_an_example_is_penalised_as_if_it_were_alone():
    back, m = smooth(), normal(6, 3, seed=2)
    alone = [penalise(back, A[i : i + 1], H, m[i : i + 1]) for i in range(6)]
    assert torch.allclose(penalise(back, A, H, m), torch.cat(alone), rtol=1e-12)


@pytest.mark.parametrize("how", ["no unit is active", "no unit is read"])
@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_where_no_logit_changes_there_is_no_penalty_and_its_gradient_is_zero(aggregate, how):
    back = nn.Sequential(nn.Conv2d(4, 5, 1), nn.ReLU(), nn.Flatten(), nn.Linear(30, 3)).double()
    if how == "no unit is active":
        nn.init.constant_(back[0].bias, -1e3)
    else:
        nn.init.zeros_(back[3].weight)
    each = penalise(back, A, H, torch.ones(6, 3).double(), aggregate)
    each.mean().backward()
    assert each.tolist() == [0] * 6
    assert all((p.grad == 0).all() for p in back.parameters() if p.grad is not None)


def test_a_first_layer_in_place_leaves_the_activations_as_they_are():
    back = nn.Sequential(nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(24, 3)).double()
    a = A.clone()
    G = gradient(back, a, torch.ones(6, 3).double())
    assert torch.equal(a, A)
    assert torch.allclose(G, back[2].weight.sum(0).reshape(4, 2, 3) * (A > 0), rtol=1e-12)


# what is selected


Y = torch.tensor([[0.1, 2, -1], [3, 0.5, 4]]).double()


@pytest.mark.parametrize(
    ("criterion", "more", "expected"),
    [
        ("all", {}, [[1, 1, 1], [1, 1, 1]]),
        ("random_signs", {"signs": torch.tensor([[1, -1, 1], [-1, -1, 1]])}, [[1, -1, 1], [-1, -1, 1]]),
        ("target", {"y": torch.tensor([2, 0])}, [[0, 0, 1], [1, 0, 0]]),
        ("target", {"y": torch.tensor([2, 0]), "target": 1}, [[0, 1, 0], [0, 1, 0]]),
        ("max", {}, [[0, 1, 0], [0, 0, 1]]),
    ],
)
def test_selectors_by_hand(criterion, more, expected):
    m = select(criterion, Y, **more)
    assert m.dtype == Y.dtype
    assert m.tolist() == expected


def test_selectors_can_be_stacked():
    y = torch.tensor([[2, 0], [1, 1]])
    stacked = torch.vmap(lambda y: select("target", Y, y))(y)
    assert torch.equal(stacked, torch.stack([select("target", Y, one) for one in y]))
    assert torch.equal(torch.vmap(lambda of: select("max", of))(Y[None]), select("max", Y)[None])


def test_log_probabilities_are_those_of_the_softmax_and_bounded():
    p = Y.exp() / Y.exp().sum(1, keepdim=True)
    assert torch.allclose(log_probabilities(Y), torch.log(p + 1e-5).mean(1), rtol=1e-12)
    sure = torch.tensor([[0.0, -1e4]]).double()
    assert log_probabilities(sure).item() == pytest.approx(torch.tensor([1 + 1e-5, 1e-5]).double().log().mean().item())


def test_without_a_selector_the_gradient_is_that_of_the_log_probabilities():
    back = smooth()
    assert select("logprobs", logits(back)) is None
    a = A.clone().requires_grad_()
    log_probabilities(back(a)).sum().backward()
    assert torch.allclose(gradient(back, A, None), a.grad, rtol=1e-12)
