import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from fairray.attacks.ssim_one_step import SsimOneStep
from fairray.costs import between
from fairray.costs._hessian import solve, solve_dense
from fairray.costs._windows import Windows
from fairray.costs.dists import Dists
from fairray.costs.ssim import Ssim
from fairray.errors import BadInput

PADDINGS = ("reflect", "zero", "valid")
PAIRS = ("I03", "I04", "I06", "I08", "I19")
# on either side of the size up to which banded matrices are used, and one of each
SIZES = ((20, 17), (70, 20), (66, 75))
every_padding = pytest.mark.parametrize("padding", PADDINGS)
every_size = pytest.mark.parametrize("size", SIZES, ids=str)
one_and_three_channels = pytest.mark.parametrize("channels", [1, 3])


@pytest.fixture(scope="module")
def iqa_folder():
    folder = Path(__file__).parents[2] / "shared" / "data" / "iqa_pairs"
    if not folder.is_dir():
        pytest.skip(f"the pairs of TID2013 are not shipped with the project, and are not in {folder}")
    return folder


def noise(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def changed(x0, seed=1):
    return (x0 + 0.4 * (noise(*x0.shape, seed=seed) - 0.5)).clamp(0, 1)


def strokes(images, size=28):
    """A slanted stroke on black in each, like a digit's."""
    row, column = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    slopes = torch.linspace(-1, 1, images)[:, None, None]
    away = (column - size / 2 - slopes * (row - size / 2)).abs()
    inside = (row > size / 6) & (row < size * 5 / 6)
    return ((1.5 - away / 2).clamp(0, 1) * inside)[:, None].double()


def linear(shape, classes=10):
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(shape), classes)).double()


def inner(a, b):
    return (a * b).sum().item()


def relative(found, expected):
    return ((found - expected).norm() / expected.norm()).item()


def waves(shift):
    """8-bit levels that any machine computes alike, with axes (image, RGB, 24, 20)."""
    row, column, channel = torch.meshgrid(torch.arange(24), torch.arange(20), torch.arange(3), indexing="ij")
    levels = (row * row * 3 + column * (7 + channel) + shift * row * column) % 256
    return levels.permute(2, 0, 1)[None].double() / 255


@one_and_three_channels
def test_ssim_equals_that_of_scikit_image_over_valid_windows_and_over_reflected_ones(channels):
    metrics = pytest.importorskip("skimage.metrics")
    x0 = noise(2, channels, 40, 83)
    x = changed(x0)
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1}
    for padding, over in (("valid", 0), ("reflect", 1)):
        theirs = [
            metrics.structural_similarity(a, b, channel_axis=0, full=True, **settings)[over].mean()
            for a, b in zip(x0.numpy(), x.numpy(), strict=True)
        ]
        assert (1 - between(Ssim(padding=padding), x0, x)).tolist() == pytest.approx(theirs, abs=1e-6)


def test_luminance_ssim_equals_the_original_of_real_pairs(iqa_folder):
    # the original compares luminance rounded to bytes
    luminance = torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64)[:, None, None]

    def read(name):
        rgb = torch.tensor(np.array(Image.open(iqa_folder / f"{name}.png").convert("RGB"))).permute(2, 0, 1)
        return (rgb * luminance).sum(0).round()[None, None] / 255

    official = pd.read_csv(iqa_folder / "official.csv", index_col="Method").loc["ssim"]
    for name in PAIRS:
        ours = 1 - between(Ssim(padding="valid"), read(f"{name}_ref"), read(f"{name}_dist")).item()
        assert ours == pytest.approx(official[name], abs=1e-4), name


@pytest.mark.parametrize(
    ("padding", "grey", "value"),
    [
        ("valid", False, 0.8937106165929666),
        ("reflect", False, 0.9204202085459403),
        ("valid", True, 0.8898786151032838),
    ],
)
def test_ssim_of_generated_images_is_what_scikit_image_0_26_gave(padding, grey, value):
    x0, cost = waves(0), Ssim(padding=padding, grey=grey)
    assert 1 - between(cost, x0, 0.75 * x0 + 0.25 * waves(1)).item() == pytest.approx(value, abs=1e-9)


def test_of_flat_images_ssim_is_its_luminance_term():
    x0, x = torch.full((1, 1, 16, 16), 0.5).double(), torch.full((1, 1, 16, 16), 0.75).double()
    expected = (2 * 0.5 * 0.75 + 1e-4) / (0.5**2 + 0.75**2 + 1e-4)
    for padding in ("reflect", "valid"):
        assert 1 - between(Ssim(padding=padding), x0, x).item() == pytest.approx(expected, abs=1e-12)


@every_padding
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_an_image_is_like_itself(padding, dtype):
    x = noise(3, 3, 30, 70).to(dtype)
    assert between(Ssim(padding=padding), x, x).tolist() == [0, 0, 0]


def test_small_costs_keep_their_digits_in_float32():
    x0 = noise(1, 1, 28, 28)
    x = x0 + 1e-4 * (noise(1, 1, 28, 28, seed=1) - 0.5)
    exact = between(Ssim(), x0, x).item()
    assert exact < 1e-7
    # only the rounding of x - x0 is left
    assert between(Ssim(), x0.float(), x.float()).item() == pytest.approx(exact, rel=5e-3)


def test_grey_compares_luminance_and_leaves_grey_images_alone():
    x0, x = noise(2, 3, 20, 20), noise(2, 3, 20, 20, seed=1)
    luminances = [0.299 * rgb[:, :1] + 0.587 * rgb[:, 1:2] + 0.114 * rgb[:, 2:] for rgb in (x0, x)]
    assert torch.allclose(between(Ssim(grey=True), x0, x), between(Ssim(), *luminances), atol=1e-12)
    assert torch.equal(between(Ssim(grey=True), *luminances), between(Ssim(), *luminances))


@every_padding
@every_size
@pytest.mark.parametrize(("channels", "grey"), [(1, False), (3, False), (3, True)])
def test_the_gradient_equals_automatic_differentiation(padding, size, channels, grey):
    cost, x0 = Ssim(padding=padding, grey=grey), noise(2, channels, *size)
    reference, x = cost.prepare(x0), changed(x0).requires_grad_()
    (expected,) = torch.autograd.grad(cost(reference, x).sum(), x)
    assert relative(cost.gradient(reference, x.detach()), expected) < 1e-10


@every_padding
@every_size
@one_and_three_channels
def test_the_hessians_product_equals_double_automatic_differentiation(padding, size, channels):
    cost, x0, v = Ssim(padding=padding), noise(2, channels, *size), noise(2, channels, *size, seed=2) - 0.5
    reference, x = cost.prepare(x0), x0.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(cost(reference, x).sum(), x, create_graph=True)
    assert gradient.abs().max() == 0
    (expected,) = torch.autograd.grad(gradient, x, v)
    assert relative(cost.hessian(x0).product(v), expected) < 1e-10


@every_padding
@every_size
def test_windows_have_an_exact_adjoint(padding, size):
    windows, v = Windows(11, 1.5, padding), noise(1, 1, *size)
    means = windows(v)
    u = noise(*means.shape, seed=1)
    assert inner(means, u) == pytest.approx(inner(v, windows.adjoint(u)), rel=1e-12)


@every_padding
def test_shifted_sums_equal_products_with_banded_matrices(padding):
    windows, x = Windows(11, 1.5, padding), noise(2, 66, 75)
    rows, columns = windows.matrix(66, x), windows.matrix(75, x)
    assert torch.allclose(windows(x), rows @ x @ columns.mT, atol=1e-14)


def test_every_pixel_has_the_same_weight_where_edges_are_reflected():
    ones = torch.ones(1, 1, 13, 9, dtype=torch.float64)
    assert torch.allclose(Windows(11, 1.5, "reflect").adjoint(ones), ones, atol=1e-14)


@every_padding
@pytest.mark.parametrize("x0", [noise(1, 3, 14, 17), strokes(2, size=16)], ids=["noise", "strokes"])
def test_the_dense_hessian_is_the_product_and_is_positive_definite(padding, x0):
    hessian = Ssim(padding=padding).hessian(x0)
    dense, v = hessian.dense(), noise(*x0.shape, seed=2)
    product = (dense @ v.flatten(-2)[..., None]).view_as(v)
    assert relative(hessian.product(v), product) < 1e-12
    assert relative(hessian.diagonal.flatten(-2), dense.diagonal(dim1=-2, dim2=-1)) < 1e-12
    assert torch.linalg.eigvalsh(dense).min() > 0


@every_padding
@pytest.mark.parametrize("x0", [noise(2, 1, 28, 28), strokes(2)], ids=["noise", "strokes"])
def test_conjugate_gradients_find_the_dense_solution(padding, x0):
    g, hessian = noise(*x0.shape, seed=3) - 0.5, Ssim(padding=padding).hessian(x0)
    exact = solve_dense(hessian, g)
    assert relative(solve(hessian, g, tolerance=1e-6), exact) < 1e-4
    assert relative(hessian.product(exact), g) < 1e-8


@pytest.mark.parametrize("images", [strokes(64), noise(64, 1, 28, 28)], ids=["strokes", "noise"])
def test_the_batch_has_no_influence_on_an_image(images):
    model, y = linear((28, 28)), torch.arange(64) % 10
    together = SsimOneStep(eps=2)(model, images, y)
    alone = torch.cat([SsimOneStep(eps=2)(model, images[i : i + 1], y[i : i + 1]) for i in range(0, 64, 9)])
    assert torch.allclose(alone, together[::9], rtol=0, atol=1e-8)


def test_systems_of_very_different_length_are_each_solved():
    x0 = torch.cat([noise(2, 1, 28, 28), strokes(2)])
    hessian, g = Ssim().hessian(x0), noise(4, 1, 28, 28, seed=3) - 0.5
    g[0], g[2] = 0, 1e-9 * g[2]
    solution, exact = solve(hessian, g, tolerance=1e-8), solve_dense(hessian, g)
    assert solution[0].abs().max() == 0
    assert max(relative(solution[i], exact[i]) for i in (1, 2, 3)) < 1e-5


@one_and_three_channels
def test_the_step_has_the_length_eps_over_all_channels_and_the_direction_of_the_dense_one(channels):
    x, g = noise(3, channels, 28, 28), noise(3, channels, 28, 28, seed=4) - 0.5
    step = SsimOneStep(eps=3, tolerance=1e-6).step(x, g)
    assert step.flatten(1).norm(dim=1).tolist() == pytest.approx([3] * 3)
    assert relative(step, SsimOneStep(eps=3, solver="dense").step(x, g)) < 1e-4


@pytest.mark.parametrize("padding", ["reflect", "zero"])
@pytest.mark.parametrize(("budget", "within"), [(0.05, 0.2), (1e-4, 0.01)])
def test_a_small_budget_is_the_dissimilarity_that_comes_out(padding, budget, within):
    x, g, cost = noise(3, 3, 28, 28), noise(3, 3, 28, 28, seed=4) - 0.5, Ssim(padding=padding)
    step = SsimOneStep(budget=budget, cost=cost).step(x, g)
    assert between(cost, x, x + step).tolist() == pytest.approx([budget] * 3, rel=within)


def test_no_step_of_the_same_budget_raises_the_loss_more():
    x, g = noise(1, 1, 20, 20), noise(1, 1, 20, 20, seed=4) - 0.5
    hessian, best = Ssim().hessian(x), SsimOneStep(budget=0.01, tolerance=1e-8).step(x, g)
    assert inner(best, hessian.product(best)) / 2 == pytest.approx(0.01)
    for seed in range(20):
        other = best + 0.3 * best.norm() * F.normalize(noise(*x.shape, seed=seed).flatten() - 0.5, dim=0).view_as(x)
        other *= (0.02 / inner(other, hessian.product(other))) ** 0.5
        assert inner(g, other) < inner(g, best)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_the_attack_is_a_valid_image_that_follows_the_gradient_of_the_cross_entropy(dtype):
    x, y = strokes(6).to(dtype), torch.arange(6)
    model = linear((28, 28)).to(dtype)
    found = SsimOneStep(eps=10)(model, x, y)
    assert found.dtype == dtype
    assert found.min() >= 0
    assert found.max() <= 1
    weight = model[1].weight
    g = ((model(x).softmax(1) - F.one_hot(y, 10)) @ weight).detach().view_as(x)
    ascent = solve_dense(Ssim().hessian(x), g)
    expected = (x + 10 * ascent / ascent.flatten(1).norm(dim=1)[:, None, None, None]).clamp(0, 1)
    assert relative(found, expected) < 1e-3
    assert (F.cross_entropy(model(found), y) > F.cross_entropy(model(x), y)).item()


def test_gradients_too_small_to_be_squared_give_the_same_step_and_none_gives_none():
    x, g = noise(2, 1, 28, 28).float(), (noise(2, 1, 28, 28, seed=4) - 0.5).float()
    for settings in ({"eps": 1.0}, {"budget": 0.01}):
        attack = SsimOneStep(**settings)
        assert relative(attack.step(x, 1e-30 * g), attack.step(x, g)) < 1e-4
        assert attack.step(x, 0 * g).abs().max() == 0


def test_what_cannot_be_done_is_said():
    x, g = noise(1, 3, 20, 20), noise(1, 3, 20, 20, seed=1)
    with pytest.raises(BadInput, match="odd number"):
        Ssim(window=8)
    with pytest.raises(BadInput, match="does not fit into images of 20 x 9"):
        Ssim(padding="valid").prepare(x[..., :9])
    with pytest.raises(BadInput, match="singular"):
        Ssim(grey=True).hessian(x)
    with pytest.raises(BadInput, match="there is none"):
        SsimOneStep(cost=None).step(x, g)
    with pytest.raises(BadInput, match="Dists has no hessian"):
        SsimOneStep(cost=Dists()).step(x, g)
    with pytest.raises(BadInput, match="not finite"):
        SsimOneStep().step(x, g / 0)
    with pytest.raises(BadInput, match="too large to be written down"):
        SsimOneStep(solver="dense").step(noise(1, 1, 65, 64), noise(1, 1, 65, 64))


def test_systems_that_do_not_converge_are_counted_in_an_error(monkeypatch):
    monkeypatch.setattr("fairray.costs._hessian.ITERATIONS", 5)
    g = noise(3, 1, 28, 28, seed=1)
    g[1] = 0
    with pytest.raises(BadInput, match="2 of 3 systems did not reach it in 5 iterations"):
        solve(Ssim().hessian(noise(3, 1, 28, 28)), g, tolerance=1e-6)
