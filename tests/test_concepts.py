"""Concept vectors, what is done to activations along them, and what is measured, against closed forms."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Lasso, LogisticRegression, Ridge
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.svm import LinearSVC
from torch import nn

from fairray.concepts.corrections import carries, project, shift
from fairray.concepts.penalty import gradient, select
from fairray.concepts.pooling import pool
from fairray.concepts.probe import probe_auroc
from fairray.concepts.sensitivity import sensitivity, tcav
from fairray.concepts.vectors import align, auroc, fit_cav, separability
from fairray.errors import BadInput

ESTIMATORS = {
    "svm": lambda c: LinearSVC(C=c, fit_intercept=False, random_state=0),
    "ridge": lambda c: Ridge(alpha=c, fit_intercept=False),
    "lasso": lambda c: Lasso(alpha=c, fit_intercept=False),
    "logistic": lambda c: LogisticRegression(C=c, fit_intercept=False),
}
KINDS = [*ESTIMATORS, "signal", "mean", "median"]


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def unit(v):
    return v / v.norm()


def examples(n=60, m=6, share=0.3, seed=0):
    """Activations around another mean where the concept is, with correlated channels, none of them centred."""
    concept = torch.rand(n, generator=torch.Generator().manual_seed(seed + 1)) < share
    noise = normal(n, m, seed=seed) @ normal(m, m, seed=seed + 2)
    return noise + 0.5 + concept[:, None] * normal(m, seed=seed + 3), concept


# vectors


def test_pooling_takes_one_number_a_channel():
    a = torch.arange(12.0).reshape(1, 2, 2, 3)
    assert pool(a, "max").tolist() == [[5, 11]]
    assert pool(a, "mean").tolist() == [[2.5, 8.5]]
    assert torch.equal(pool(a[..., 0, 0], "max"), a[..., 0, 0])


@pytest.mark.parametrize("kind", ["signal", "mean"])
def test_the_signal_cav_is_the_difference_of_the_class_means(kind):
    a, concept = examples()
    expected = unit(a[concept].mean(0) - a[~concept].mean(0))
    assert torch.allclose(fit_cav(a, concept, kind), expected, rtol=0, atol=1e-12)


def test_the_median_cav_does_not_see_one_far_example():
    a, concept = examples()
    expected = unit(torch.from_numpy(np.median(a[concept], 0) - np.median(a[~concept], 0)))
    a[concept.nonzero()[0], a[concept].mean(0).argmax()] = 1e6
    moved = torch.from_numpy(np.median(a[concept], 0) - np.median(a[~concept], 0))
    assert torch.allclose(fit_cav(a, concept, "median"), unit(moved), atol=1e-12)
    assert unit(moved) @ expected > 0.9


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_a_fitted_cav_is_the_direct_fit_with_the_parameter_that_folds_choose(kind, weighted):
    a, concept = examples()
    x, t = a.numpy(), np.where(concept.numpy(), 1.0, -1.0)
    rare, common = (t == 1).sum(), (t == -1).sum()
    each = np.where(t == 1, 1.0, rare / common) if weighted else np.ones(len(t))
    folds = [*(StratifiedKFold(5) if kind in ("svm", "logistic") else KFold(5)).split(x, t)]

    def score(c):
        fits = [ESTIMATORS[kind](c).fit(x[train], t[train], each[train]) for train, _ in folds]
        return np.mean([fit.score(x[test], t[test]) for fit, (_, test) in zip(fits, folds)])

    best = max((10.0**power for power in range(-5, 5)), key=score)
    expected = unit(torch.from_numpy(ESTIMATORS[kind](best).fit(x, t, each).coef_.reshape(-1)))
    assert torch.allclose(fit_cav(a, concept, kind, weighted), expected, atol=1e-9)


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_weights_change_the_direction_of_unequal_classes(kind):
    a, concept = examples(share=0.25)
    assert not torch.allclose(fit_cav(a, concept, kind), fit_cav(a, concept, kind, weighted=False), atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_a_cav_finds_a_channel_and_is_the_same_on_every_call(kind):
    concept = torch.arange(200) % 3 == 0
    a = 0.1 * normal(200, 5)
    a[:, 2] += torch.where(concept, 1.0, -1.0)
    h = fit_cav(a.float(), concept, kind)
    assert h.dtype == torch.float32
    assert h.norm() == pytest.approx(1, abs=1e-6)
    assert h[2] > 0.98
    assert torch.equal(h, fit_cav(a.float(), concept, kind))


def with_concept(n, of):
    return torch.arange(of) < n


@pytest.mark.parametrize(
    ("kind", "a", "concept", "said"),
    [
        ("signal", normal(7, 3), with_concept(0, 7), "no examples with it, and 7 without it"),
        ("svm", normal(9, 3), with_concept(9, 9), "no examples without it, and 9 with it"),
        ("logistic", normal(20, 3), with_concept(4, 20), "5 examples with it, and there are 4, and 16 without it"),
        ("ridge", normal(20, 3), with_concept(17, 20), "5 examples without it, and there are 3, and 17 with it"),
        ("signal", normal(4, 3).log(), with_concept(2, 4), "those of 4 of 4 examples are not finite"),
        ("mean", torch.ones(4, 3), with_concept(2, 4), "mean found no direction"),
        ("lasso", normal(60, 3, seed=5), torch.arange(60) % 2 == 0, "lasso found no direction"),
    ],
)
def test_what_a_cav_cannot_be_fitted_to(kind, a, concept, said):
    with pytest.raises(BadInput, match=said):
        fit_cav(a, concept, kind)


def test_four_examples_of_a_class_are_enough_without_folds():
    fit_cav(normal(20, 3), with_concept(1, 20), "signal")


# how good they are


def test_alignment_by_hand():
    h = torch.tensor([1.0, 0, 0])
    before = normal(2, 3).float()
    along, across = before + 2 * h, before + torch.tensor([0, 0.5, 0])
    assert align(h, before, along) == pytest.approx((1, 1))
    assert align(h, before, across) == pytest.approx((0, 0), abs=1e-6)
    mixed = torch.stack([along[0], before[1] + torch.tensor([0, 2.0, 0])])
    assert align(h, before, mixed) == pytest.approx((0.5, 2**-0.5))  # of one along, one across: the mean is between


def pairs(positive, negative):
    higher = positive[:, None] - negative
    return float(((higher > 0) + 0.5 * (higher == 0)).double().mean())


def test_auroc_counts_pairs():
    a, concept = torch.randint(4, (40, 2), generator=torch.Generator().manual_seed(0)), torch.arange(40) % 3 == 0
    h = torch.tensor([1, 1])
    scores = a.sum(1)
    assert auroc(h, a, concept) == pytest.approx(pairs(scores[concept], scores[~concept]))


def test_separability_is_of_all_pairs_before_and_after():
    h, before = torch.tensor([1.0, 0]), normal(30, 2).float()
    after = before + torch.tensor([0.7, -5])
    assert separability(h, before, after) == pytest.approx(pairs(after[:, 0], before[:, 0]))
    assert separability(h, before, before + 100) == 1
    assert separability(h, before, before) == pytest.approx(0.5)


# corrections


@pytest.mark.parametrize("z", [-3.0, 0.0, 2.5])
def test_after_the_shift_every_example_is_at_z(z):
    a, h = normal(5, 4, 3, 2), normal(4, seed=1)
    shifted = shift(a, h, torch.tensor(z).double())
    assert torch.allclose(pool(shifted, "max") @ h, torch.full((5,), z).double(), atol=1e-12)
    moved = (shifted - a) / h[:, None, None]  # the same number at all positions and channels
    assert torch.allclose(moved, moved[:, :1, :1, :1].expand_as(a), atol=1e-12)


def test_after_the_projection_every_position_is_at_z():
    a, V, z = normal(5, 4, 3, 2), normal(4, 1, seed=1), normal(4, seed=2)
    projected = project(a, V, z, torch.ones(5, 1, dtype=torch.bool))
    at = torch.einsum("nmhw,m->nhw", projected, V[:, 0])
    assert torch.allclose(at, (V[:, 0] @ z).expand_as(at), atol=1e-12)
    rest = torch.eye(4).double() - torch.outer(V[:, 0], V[:, 0]) / V[:, 0].square().sum()
    assert torch.allclose(torch.einsum("nmhw,mk->nkhw", projected - a, rest), torch.zeros_like(a), atol=1e-12)


@pytest.mark.parametrize("size", [(), (1, 1)])
def test_shift_and_projection_agree_at_one_position_and_only_there(size):
    h, z = normal(4, seed=1), normal(4, seed=2)
    every = torch.ones(5, 1, dtype=torch.bool)
    a = normal(5, 4, *size)
    assert torch.allclose(shift(a, h, h @ z), project(a, h[:, None], z, every), atol=1e-12)
    larger = normal(5, 4, 2, 2)
    assert not torch.allclose(shift(larger, h, h @ z), project(larger, h[:, None], z, every), atol=0.1)


CHOSEN = torch.tensor([[True, True], [True, False], [False, True], [False, False]])


def test_the_joint_projection_sets_all_that_are_chosen():
    """The two are not orthogonal, so one after the other would undo the first."""
    V, z, a = torch.tensor([[1.0, 3], [0, 1], [0, 0]]).double(), normal(3, seed=2), normal(4, 3, 2, 2)
    at = torch.einsum("nmhw,mk->nkhw", project(a, V, z, CHOSEN), V)
    expected = (z @ V)[None, :, None, None].expand_as(at)
    assert torch.allclose(at[CHOSEN], expected[CHOSEN], atol=1e-12)


def test_each_example_is_projected_by_its_own_w():
    V, z, a = normal(3, 2, seed=1), normal(3, seed=2), normal(4, 3)
    expected = []
    for one, chosen in zip(a, CHOSEN):
        of = V[:, chosen]
        W = of @ torch.linalg.inv(of.T @ of) @ of.T
        expected.append(one - W @ one + W @ z)
    projected = project(a, V, z, CHOSEN)
    assert torch.allclose(projected, torch.stack(expected), atol=1e-12)
    assert torch.equal(projected[3], a[3])


def test_of_equal_cavs_one_counts():
    V, z, a = normal(3, 1, seed=1), normal(3, seed=2), normal(4, 3, 2, 2)
    every = torch.ones(4, 2, dtype=torch.bool)
    twice = project(a, torch.cat([V, -5 * V], dim=1), z, every)
    assert torch.allclose(twice, project(a, V, z, every[:, :1]), atol=1e-12)


def test_stacked_corrections_are_those_alone():
    a, h, z = normal(3, 5, 4, 2, 2), normal(3, 4, 2, seed=1), normal(3, 4, seed=2)
    chosen = torch.rand(3, 5, 2, generator=torch.Generator().manual_seed(0)) < 0.5
    shifted = torch.vmap(shift)(a, h[..., 0], z[:, 0])
    assert torch.allclose(shifted, torch.stack([shift(a[i], h[i, :, 0], z[i, 0]) for i in range(3)]), atol=1e-14)
    projected = torch.vmap(project)(a, h, z, chosen)
    alone = torch.stack([project(a[i], h[i], z[i], chosen[i]) for i in range(3)])
    assert torch.allclose(projected, alone, atol=1e-14)


def test_an_example_carries_what_is_above_the_threshold():
    a, V = torch.tensor([[1.0, 0], [0, 2], [0, 0]]), torch.tensor([[1.0, 0], [0, 1]])
    assert carries(a, V[:, 0]).tolist() == [True, False, False]
    assert carries(a, V, torch.tensor([-0.5, 2.0])).tolist() == [[True, False], [True, False], [True, False]]


# what the network makes of it


def test_tcav_of_a_linear_model_is_0_or_1():
    back, h = nn.Linear(4, 2).double().requires_grad_(False), normal(4)
    gradients = gradient(back, normal(6, 4), select("target", torch.zeros(6, 2).double(), target=1))
    positive = bool(back.weight[1] @ h > 0)
    assert tcav(gradients, h) == positive
    assert tcav(gradients, -h) == (not positive)
    assert sensitivity(gradients, h) == pytest.approx(float((back.weight[1] @ h).abs()))


def test_examples_and_positions_are_counted_by_hand():
    """Derivatives along the second channel: 1, 1, 1, -7 and 2, -1, -1, 0 at four positions of two examples."""
    gradients = torch.zeros(2, 2, 2, 2)
    gradients[:, 1] = torch.tensor([[1.0, 1, 1, -7], [2, -1, -1, 1]]).reshape(2, 2, 2)
    h = torch.tensor([0.0, 1])
    assert tcav(gradients, h) == 0.5  # means of -1 and .25
    assert tcav(gradients, h, "position") == 5 / 8
    assert sensitivity(gradients, h) == pytest.approx((1 + 0.25) / 2)
    assert sensitivity(gradients, h, "position") == pytest.approx(15 / 8)
    assert tcav(torch.zeros(3, 2), h) == 0


# what is left


def split(a):
    return a[: len(a) // 2], a[len(a) // 2 :]


def test_a_probe_of_noise_reads_nothing_and_of_a_separable_concept_all():
    a, concept = normal(2000, 8), torch.arange(2000) % 4 == 0
    (train, test), (of_train, of_test) = split(a), split(concept)
    error = (1 / (12 * 250) + 1 / (12 * 750)) ** 0.5  # of the statistic of Mann and Whitney without a difference
    assert probe_auroc(train, of_train, test, of_test) == pytest.approx(0.5, abs=3 * error)
    apart = [part + 20 * of[:, None] for part, of in ((train, of_train), (test, of_test))]
    assert probe_auroc(apart[0], of_train, apart[1], of_test) == 1


def test_a_probe_is_not_of_the_scale_of_a_channel():
    a, concept = examples(n=400)
    (train, test), (of_train, of_test) = split(a), split(concept)
    scale = torch.tensor([1e-6, 1, 1e6, 3, 1, 1]).double()
    scaled = probe_auroc(train * scale, of_train, test * scale, of_test)
    assert scaled == pytest.approx(probe_auroc(train, of_train, test, of_test), abs=1e-4)


def test_projecting_out_the_difference_of_means_leaves_nothing_to_a_linear_probe_and_the_svms_cav_does_not():
    """Without a difference of means, no linear probe reads a concept better than chance on the examples it is from."""
    a, concept = examples(n=1000, share=0.5)
    (train, test), (of_train, of_test) = split(a), split(concept)

    def left(kind):
        V = fit_cav(train, of_train, kind)[:, None]
        one = [project(x, V, torch.zeros(6).double(), torch.ones(500, 1, dtype=torch.bool)) for x in (train, test)]
        return probe_auroc(one[0], of_train, one[1], of_test)

    error = (2 / (12 * 250)) ** 0.5
    before = probe_auroc(train, of_train, test, of_test)
    assert left("signal") == pytest.approx(0.5, abs=3 * error)
    assert before > 0.7
    assert 0.5 + 3 * error < left("svm") < before


def test_what_a_probe_cannot_be_of():
    a = normal(20, 3)
    some, none = with_concept(10, 20), with_concept(0, 20)
    with pytest.raises(BadInput, match="no examples with it, and 20 without"):
        probe_auroc(a, some, a, none)
    with pytest.raises(BadInput, match="5 folds need 5 examples with it, and there are 4"):
        probe_auroc(a, with_concept(4, 20), a, some)
    with pytest.raises(BadInput, match="not finite"):
        probe_auroc(a, some, a / 0, some)
