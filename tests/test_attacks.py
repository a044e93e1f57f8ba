import math
from dataclasses import dataclass, fields
from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from skimage.color import deltaE_ciede2000, rgb2lab
from torch import nn

from fairray import members
from fairray.attacks._colour import ciede2000, lab
from fairray.attacks._iterated import distances, margin, noisy, projected, rounded
from fairray.attacks.lpa import Lpa
from fairray.attacks.perc_al import PercAl
from fairray.attacks.perceptual import Perceptual
from fairray.attacks.pgd_l2 import PgdL2
from fairray.attacks.ppgd import Ppgd, natural

SIDE = 12
# of Sharma, Wu & Dalal (2005), table 1: pairs 1-4, 7, 10, 11, 17, 18, 25, 33, 34
PUBLISHED = [
    ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
    ((50, 3.1571, -77.2803), (50, 0, -82.7485), 2.8615),
    ((50, 2.8361, -74.0200), (50, 0, -82.7485), 3.4412),
    ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0000),
    ((50, 0, 0), (50, -1, 2), 2.3669),
    ((50, 2.49, -0.001), (50, -2.49, 0.0010), 7.1792),
    ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
    ((50, 2.5, 0), (73, 25, -18), 27.1492),
    ((50, 2.5, 0), (61, -5, 29), 22.8977),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((6.7747, -0.2908, -2.4247), (5.8714, -0.0985, -2.2286), 0.6377),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
]
SHORTER = {"perc_al": {"N": 40}}
ONE_STEP = {"ssim_one_step"}
EARLY_STOPPING = {
    "perceptual": lambda **settings: Perceptual(**{"cost": Squared(), "lam": 0.1, "eps": 0.02, **settings}),
    "pgd_l2": lambda **settings: PgdL2(**{"eps": 0.04, **settings}),
}
every_attack = pytest.mark.parametrize("name", members.names("attacks"))
every_early_stopping_attack = pytest.mark.parametrize("name", EARLY_STOPPING)


@dataclass(frozen=True)
class Squared:
    """|| x - x0 ||^2 / 2, and the pixels as features."""

    def prepare(self, x0):
        return (x0,)

    def __call__(self, reference, x):
        return (x - reference[0]).flatten(1).square().sum(1) / 2

    def embed(self, x):
        return x.flatten(1)


@dataclass(frozen=True)
class Linear:
    """Features A x."""

    A: torch.Tensor

    def embed(self, x):
        return x.flatten(1) @ self.A.T


def images(n=8, channels=3, dtype=torch.float64):
    """8-bit images away from black and white, so that small changes are not clipped."""
    generator = torch.Generator().manual_seed(0)
    levels = torch.randint(80, 176, (n, channels, SIDE, SIDE), generator=generator)
    return levels.to(dtype) / 255


def linear(classes, channels=3, dtype=torch.float64, scale=0.3):
    """A linear model of random weights."""
    torch.manual_seed(1)
    model = nn.Sequential(nn.Flatten(), nn.Linear(channels * SIDE**2, classes, dtype=dtype))
    model[1].weight.data = scale * torch.randn_like(model[1].weight)
    return model.eval()


def smallest(model, x, y):
    """The L2 norm of each image's smallest change that reaches another class: min_i (z_y - z_i) / || w_y - w_i ||."""
    z, w = model(x), model[1].weight
    gaps = z.gather(1, y[:, None]) - z
    return (gaps / (w[y][:, None] - w[None]).norm(dim=2)).scatter(1, y[:, None], torch.inf).amin(1).detach()


def length(v):
    return v.flatten(1).norm(dim=1)


def eight_bit(x):
    return torch.allclose(x * 255, (x * 255).round(), atol=1e-4)


@pytest.fixture
def attack(name):
    """The member with its defaults; a cost is a toy."""
    member = members.load("attacks", name)
    cost = {"cost": Squared()} if "cost" in {field.name for field in fields(member)} and name not in ONE_STEP else {}
    return member(**cost, **SHORTER.get(name, {}))


@pytest.fixture(params=[2, 5], ids=["2 classes", "5 classes"])
def task(request):
    model, x = linear(request.param, scale=0.1), images()
    y = model(x).argmax(1)
    return SimpleNamespace(model=model, x=x, y=y, smallest=smallest(model, x, y))


@every_attack
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_result_is_a_valid_image(name, attack, dtype, channels):
    model, x = linear(3, channels, dtype), images(4, channels, dtype)
    x[0, :, 0], x[0, :, 1] = 0, 1
    found = attack(model, x, model(x).argmax(1))
    assert found.shape == x.shape
    assert found.dtype == dtype
    assert not found.requires_grad
    assert found.min() >= 0
    assert found.max() <= 1
    assert eight_bit(found) or name in ONE_STEP
    assert not torch.equal(found, x)


@every_attack
def test_model_and_inputs_are_unchanged(attack):
    model, x = linear(3), images(4)
    model[1].bias.requires_grad_(False)
    y = model(x).argmax(1)
    before = [parameter.clone() for parameter in model.parameters()], x.clone(), y.clone()
    attack(model, x, y)
    assert all(torch.equal(now, then) for now, then in zip(model.parameters(), before[0]))
    assert [parameter.requires_grad for parameter in model.parameters()] == [True, False]
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(x, before[1])
    assert torch.equal(y, before[2])
    assert not x.requires_grad


@every_attack
def test_an_image_alone_becomes_what_it_becomes_among_64(attack):
    model, x = linear(4), images(64)
    y = model(x).argmax(1)
    y[::7] = (y[::7] + 1) % 4
    together = attack(model, x, y, seed=3)
    for i in (0, 1, 30, 63):
        alone = attack(model, x[i : i + 1], y[i : i + 1], seed=3)
        torch.testing.assert_close(alone, together[i : i + 1], rtol=0, atol=1e-8)


@pytest.mark.parametrize("name", sorted({*members.names("attacks")} - ONE_STEP))
def test_no_images_give_no_images(attack):
    x = images(0)
    assert attack(linear(3), x, torch.zeros(0, dtype=torch.long)).shape == x.shape


def test_pgd_reaches_the_smallest_l2_norm(task):
    found = PgdL2(eps=0.002, N=500, bits=None)(task.model, task.x, task.y)
    assert (task.model(found).argmax(1) != task.y).all()
    assert (length(found - task.x) >= task.smallest - 1e-9).all()
    assert (length(found - task.x) <= 1.25 * task.smallest).all()


def test_the_perceptual_attack_without_its_cost_reaches_the_smallest_l2_norm(task):
    found = Perceptual(cost=Squared(), lam=0, eps=2e-3, N=3000, bits=None)(task.model, task.x, task.y)
    assert (task.model(found).argmax(1) != task.y).all()
    assert (length(found - task.x) >= task.smallest - 1e-9).all()
    assert (length(found - task.x) <= 1.25 * task.smallest).all()


def test_one_step_of_pgd_is_equation_3_5():
    model, x = linear(3), images()
    x[:, :, :2] = 1
    z = model(x)
    y = z.argmax(1)
    g = ((z.softmax(1) - F.one_hot(y, 3)) @ model[1].weight).detach().view_as(x)
    expected = (x + 0.3 * g / length(g).view(-1, 1, 1, 1)).clamp(0, 1)
    torch.testing.assert_close(PgdL2(eps=0.3, N=1, bits=None)(model, x, y), expected, rtol=0, atol=1e-12)


def test_two_steps_of_the_perceptual_attack_are_algorithm_3_1():
    model, x0 = linear(3), images()
    y = model(x0).argmax(1)

    def g(x):
        return ((model(x).softmax(1) - F.one_hot(y, 3)) @ model[1].weight).detach().view_as(x)

    x1 = x0 + 0.01 * g(x0)
    x2 = x1 + 0.01 * (g(x1) - 2 * (x1 - x0))
    found = Perceptual(cost=Squared(), lam=2, eps=0.01, N=2, a=1e9, bits=None)(model, x0, y)
    torch.testing.assert_close(found, x2, rtol=0, atol=1e-12)


def test_normalised_and_without_its_cost_the_perceptual_attack_is_pgd():
    model, x = linear(3), images()
    y = model(x).argmax(1)
    found = Perceptual(cost=Squared(), lam=0, eps=0.05, normalised=True)(model, x, y)
    assert not torch.equal(found, x)
    assert torch.equal(found, PgdL2(eps=0.05)(model, x, y))


@every_early_stopping_attack
@pytest.mark.parametrize("a", [0.0, 1.0, 5.0])
@pytest.mark.parametrize("bits", [8, None])
def test_the_margin_of_the_returned_image_exceeds_the_confidence(name, a, bits):
    model, x = linear(4), images()
    y = model(x).argmax(1)
    found = EARLY_STOPPING[name](a=a, bits=bits, N=1000)(model, x, y)
    assert (margin(model(found), y) > a).all()
    assert eight_bit(found) == (bits == 8)


@every_early_stopping_attack
def test_stopped_images_do_not_move_and_leave_the_batch(name):
    model, x, sizes = linear(4), images(32), []
    y = model(x).argmax(1)

    def counted(x):
        sizes.append(len(x))
        return model(x)

    few, many = (EARLY_STOPPING[name](N=N)(counted, x, y) for N in (4, 1000))
    stopped = margin(model(few), y) > 0
    assert stopped.any()
    assert not stopped.all()
    assert torch.equal(few[stopped], many[stopped])
    assert not torch.equal(few[~stopped], many[~stopped])
    assert sizes[4:] == sorted(sizes[4:], reverse=True)
    assert len(set(sizes[4:])) > 4
    assert len(sizes) < 4 + 1000


@pytest.mark.parametrize("name", [*EARLY_STOPPING, "perc_al"])
def test_misclassified_images_are_returned_as_they_are(attack):
    model, x = linear(4), images()
    y = (model(x).argmax(1) + 1) % 4
    assert torch.equal(attack(model, x, y), x)


def test_steps_below_half_a_level_add_up():
    model, x = linear(2), images()
    y = model(x).argmax(1)
    attack = PgdL2(eps=0.01, N=1000)
    assert torch.equal(PgdL2(eps=0.01, N=1)(model, x, y), x)
    assert (model(attack(model, x, y)).argmax(1) != y).all()


def test_a_larger_lambda_ends_at_a_smaller_cost():
    model, x = linear(4), images()
    y = model(x).argmax(1)
    costs = [
        Squared()((x,), Perceptual(cost=Squared(), lam=lam, eps=0.01, a=1e9)(model, x, y)) for lam in (0, 1, 5, 25)
    ]
    assert all((more < less).all() for less, more in pairwise(costs))


def test_perc_al_fools_with_colours_nearer_than_those_of_pgd():
    model, x = linear(4), images()
    y = model(x).argmax(1)
    found, other = PercAl(N=200)(model, x, y), PgdL2()(model, x, y)
    assert (margin(model(found), y) > 0).all()
    assert (visible(x, found) < visible(x, other)).all()


def test_perc_al_keeps_its_best_image():
    model, x = linear(4), images()
    y = model(x).argmax(1)
    confident = PercAl(N=100, kappa=3.0)(model, x, y)
    assert (margin(model(confident), y) > 3).all()
    assert (visible(x, PercAl(N=100)(model, x, y)) < visible(x, confident)).all()


def test_perc_al_returns_the_nearest_adversarial_image_of_all_that_it_looked_at():
    model, x, seen = linear(4), images(), []
    y = model(x).argmax(1)

    def watched(x):
        seen.append(x.detach())
        return model(x)

    found = PercAl(N=40)(watched, x, y)
    looks = [visible(x, image).where(margin(model(image), y) > 0, torch.inf) for image in seen]
    least, last = torch.stack(looks).amin(0), [[v for v in own if v < torch.inf][-1] for own in zip(*looks)]
    torch.testing.assert_close(visible(x, found), least, rtol=0, atol=1e-9)
    assert (margin(model(found), y) > 0).all()
    assert (torch.stack(last) > least + 1e-3).any()


def test_perc_al_s_fooling_steps_fall_by_a_cosine_to_a_hundredth():
    """Steps of an image that is never adversarial enough, give or take the rounding of its 432 numbers to bytes."""
    model, x, seen = linear(4), torch.full((1, 3, SIDE, SIDE), 0.5, dtype=torch.float64), []

    def watched(x):
        seen.append(x.detach())
        return model(x)

    PercAl(N=10, alpha_l=0.5, kappa=1e9)(watched, x, model(x).argmax(1))
    lengths = [(after - before).norm().item() for before, after in pairwise(seen)]
    expected = [0.005 + 0.495 * (1 + math.cos(math.pi * t / 10)) / 2 for t in range(10)]
    assert lengths == pytest.approx(expected, abs=0.05)


def test_perc_al_returns_the_original_of_what_it_cannot_change():
    x = images()
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE**2, 2, dtype=torch.float64))
    model[1].weight.data.zero_()
    model[1].bias.data = torch.tensor([0.0, 1.0], dtype=torch.float64)
    assert torch.equal(PercAl(N=5)(model, x, torch.ones(len(x), dtype=torch.long)), x)


def visible(x, found):
    return length(ciede2000(lab(x), lab(found)))


@pytest.mark.parametrize("member", [Ppgd, Lpa])
def test_the_bound_decides_who_is_fooled(member, task):
    hair = 0.5 / 255 * math.sqrt(task.x[0].numel())
    wide, tight = 2 * task.smallest.max().item(), 0.5 * task.smallest.min().item()
    for bound, fooled in ((wide, True), (tight, False)):
        found = member(cost=Squared(), bound=bound)(task.model, task.x, task.y)
        assert ((margin(task.model(found), task.y) > 0) == fooled).all()
        assert (length(found - task.x) <= bound + hair).all()


def test_images_that_lpa_froze_do_not_move_and_are_within_the_bound():
    model, x, sizes = linear(4), images(32), []
    y = model(x).argmax(1)

    def counted(x):
        sizes.append(len(x))
        return model(x)

    one, five = (Lpa(cost=Squared(), bound=3.0, outer=outer)(counted, x, y) for outer in (1, 5))
    assert torch.equal(one, five)
    assert (margin(model(one), y) > 0).all()
    assert (length(one - x) <= 3).all()
    assert len(sizes) < 40


def test_ppgd_stops_at_its_confidence():
    model, x, seen = linear(4), images(32), []
    y = model(x).argmax(1)

    def counted(x):
        seen.append(len(x))
        return model(x)

    found = Ppgd(cost=Squared(), bound=4.0, T=100)(counted, x, y)
    assert (margin(model(found), y) >= 1).all()
    assert len(set(seen)) > 3
    assert (length(found - x) < 3).all()


def test_conjugate_gradients_solve_for_the_natural_direction():
    torch.manual_seed(0)
    A = torch.randn(9, 4, dtype=torch.float64)
    x, g = torch.rand(3, 1, 2, 2, dtype=torch.float64), 100 * torch.randn(3, 1, 2, 2, dtype=torch.float64)
    d = natural(Linear(A), x, g, iterations=5, h=1e-3)
    expected = torch.linalg.solve(A.T @ A, g.flatten(1).T).T
    torch.testing.assert_close(d.flatten(1), expected, rtol=1e-8, atol=1e-8)
    assert torch.equal(natural(Linear(A), x, 0 * g, iterations=5, h=1e-3), 0 * g)


def test_a_step_of_ppgd_moves_the_features_by_its_length():
    torch.manual_seed(0)
    A = torch.randn(9, 4, dtype=torch.float64)
    x, g = torch.rand(2, 3, 1, 2, 2, dtype=torch.float64)
    delta = Ppgd(cost=Linear(A), bound=0.5, T=10)._delta(x, g)
    expected = torch.full((3,), 0.1, dtype=torch.float64)
    torch.testing.assert_close((delta.flatten(1) @ A.T).norm(dim=1), expected, rtol=1e-8, atol=0)


@pytest.mark.parametrize(
    "embed",
    [lambda x: x.flatten(1), lambda x: 3 * torch.tanh(50 * (x - 0.5)).flatten(1), lambda x: x.flatten(1) ** 3],
    ids=["linear", "saturated", "cubic"],
)
@pytest.mark.parametrize("bound", [0.01, 0.5])
def test_the_projection_is_into_the_ball_and_leaves_what_is_inside(embed, bound):
    cost, x0 = SimpleNamespace(embed=embed), images(6)
    torch.manual_seed(0)
    x = torch.rand_like(x0)
    x[0] = x0[0]
    found = projected(cost, bound, x0, embed(x0), x)
    assert (distances(cost, embed(x0), found) <= bound).all()
    assert torch.equal(found[0], x0[0])


def test_the_linear_projection_ends_near_the_sphere():
    x0 = images(6)
    torch.manual_seed(0)
    x = x0 + 0.1 * torch.randn_like(x0)
    d = distances(Squared(), x0.flatten(1), projected(Squared(), 0.5, x0, x0.flatten(1), x))
    assert (d > 0).all()
    assert (d <= 0.5).all()


def test_where_newton_steps_lead_nowhere_the_projection_ends_at_most_a_1024th_of_the_way_from_the_sphere():
    cost, x0 = SimpleNamespace(embed=lambda x: x.detach().flatten(1) + 0 * x.flatten(1)), images(6)
    torch.manual_seed(0)
    x = torch.rand_like(x0)
    way = x - x0
    share = (0.5 / length(way) * 1024).floor() / 1024
    assert (share > 0.05).all()
    found = projected(cost, 0.5, x0, x0.flatten(1), x)
    torch.testing.assert_close(found, x0 + share.view(-1, 1, 1, 1) * way, rtol=0, atol=1e-12)


def test_noise_depends_on_the_image_and_the_seed_only():
    x = images(3)
    x = torch.stack([x[0], x[1], x[0]])
    first, second, third = noisy(x, 0) - x
    assert torch.equal(first, third)
    assert not torch.equal(first, second)
    assert not torch.equal(noisy(x, 1) - x, noisy(x, 0) - x)
    assert first.std() == pytest.approx(0.01, rel=0.1)
    assert torch.equal(noisy(x[1:2], 0), noisy(x, 0)[1:2])


def test_the_margin_is_that_of_the_best_other_class():
    z = torch.tensor([[3.0, 1.0, 2.5], [3.0, 1.0, 2.5]])
    assert margin(z, torch.tensor([0, 1])).tolist() == [-0.5, 2.0]


def test_rounding_is_to_the_nearest_level():
    assert rounded(torch.tensor([0.0, 0.4, 0.6, 1.0]), 1).tolist() == [0, 0, 1, 1]
    assert rounded(torch.tensor([100.4 / 255]), 8).item() == pytest.approx(100 / 255)


@pytest.mark.parametrize(("first", "second", "expected"), PUBLISHED)
def test_ciede2000_is_the_published_one(first, second, expected):
    a, b = (torch.tensor(colour, dtype=torch.float64).view(1, 3, 1, 1) for colour in (first, second))
    assert ciede2000(a, b).item() == pytest.approx(expected, abs=5e-5)
    assert ciede2000(b, a).item() == pytest.approx(expected, abs=5e-5)


def colours(n=20):
    """Random colours, greys, and black and white."""
    torch.manual_seed(0)
    x = torch.rand(4, 3, n, n, dtype=torch.float64)
    x[1] = x[1, :1]
    x[2, :, 0], x[2, :, 1] = 0, 1
    return x


def test_lab_and_ciede2000_are_those_of_an_independent_library():
    x = colours()
    y = (x + 0.1 * torch.randn_like(x)).clamp(0, 1)
    theirs = [rgb2lab(images.permute(0, 2, 3, 1).numpy()) for images in (x, y)]
    torch.testing.assert_close(lab(x).permute(0, 2, 3, 1), torch.from_numpy(theirs[0]), rtol=0, atol=1e-3)
    expected = torch.from_numpy(deltaE_ciede2000(*theirs))
    torch.testing.assert_close(ciede2000(lab(x), lab(y)), expected, rtol=0, atol=2e-3)


def test_grey_images_have_the_colours_of_three_equal_channels():
    grey = images(2, 1)
    assert torch.equal(lab(grey), lab(grey.expand(-1, 3, -1, -1)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_gradients_of_colour_differences_are_finite_at_greys_and_at_equal_colours(dtype):
    x = colours().to(dtype)
    for colour in (x, torch.zeros_like(x), x.mean(1, keepdim=True), torch.full_like(x, 0.5)):
        moved = colour.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(ciede2000(lab(x), lab(moved)).sum(), moved)
        assert gradient.isfinite().all()
    exact = torch.zeros(1, 3, 1, 1, dtype=dtype, requires_grad=True)
    (gradient,) = torch.autograd.grad(ciede2000(torch.full((1, 3, 1, 1), 50.0, dtype=dtype), exact).sum(), exact)
    assert gradient.isfinite().all()


def test_the_gradient_of_colour_differences_is_that_of_finite_differences():
    x = colours(4)[:1]
    y = (x + 0.05 * torch.randn_like(x)).clamp(0.05, 0.95).requires_grad_()
    assert torch.autograd.gradcheck(lambda y: ciede2000(lab(x), lab(y)), y)
