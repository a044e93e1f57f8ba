"""CVaR and chi-square DRO (Levy et al., 2020) against their definitions as optimisation problems."""

import numpy as np
import pytest
import torch
from by_hand import assert_same, trained_by_hand
from scipy.optimize import LinearConstraint, linprog, minimize

from fairray.methods._uncertain import chi_square_ball, highest_share
from fairray.store import Store
from fairray.trial import execute

DOUBLE = {"dtype": "float64"}


def losses(n=12, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).exponential(size=n))


@pytest.mark.parametrize("share", [0.1, 0.25, 0.3, 1.0])
def test_cvar_is_the_linear_programme(share):
    """max q.l with 0 <= q_i <= 1 / (share n) and sum q = 1."""
    found = losses()
    q = highest_share(found, share)
    best = linprog(-found, A_eq=np.ones((1, 12)), b_eq=[1], bounds=(0, 1 / (share * 12)))
    np.testing.assert_allclose(q @ found, -best.fun)
    assert q.sum() == pytest.approx(1)
    if share == 1:
        torch.testing.assert_close(q, torch.full((12,), 1 / 12, dtype=q.dtype))


@pytest.mark.parametrize("rho", [0.01, 0.3, 1.0, 4.0])
def test_chi_square_is_the_quadratic_problem(rho):
    """max q.l in the simplex with sum (n q_i - 1)^2 <= 2 n rho; the ball is touched."""
    found = losses()
    q = chi_square_ball(found, rho)
    best = minimize(
        lambda q: -q @ found.numpy(),
        np.full(12, 1 / 12),
        bounds=[(0, 1)] * 12,
        constraints=[
            LinearConstraint(np.ones((1, 12)), 1, 1),
            {"type": "ineq", "fun": lambda q: rho - ((12 * q - 1) ** 2).sum() / 24},
        ],
        options={"maxiter": 1000, "ftol": 1e-12},
    )
    np.testing.assert_allclose(q @ found, -best.fun, rtol=1e-5)
    np.testing.assert_allclose(((12 * q - 1) ** 2).sum() / 24, rho, rtol=1e-6)


def test_a_ball_that_holds_all_is_the_highest_loss():
    """The divergence of one example alone is (n - 1) / 2."""
    assert chi_square_ball(losses(), 6.0)[losses().argmax()] == pytest.approx(1)


def test_equal_losses_weigh_alike():
    torch.testing.assert_close(chi_square_ball(torch.ones(5), 0.3), torch.full((5,), 0.2))


@pytest.mark.parametrize("spec", [{"name": "cvar_dro", "share": 0.3}, {"name": "chi_square_dro", "rho": 0.5}])
def test_training_minimises_the_worst_mean(spec, trial, tmp_path):
    one = trial(spec, seeds=[0], numerics=DOUBLE, optimizer="sgd", selection="last")
    store = Store(str(tmp_path))
    execute([one], store)
    replica = one.replicas[0].parents["model"]
    train = replica.setting.dataset.train

    def loss(network, rows):
        each = -torch.log_softmax(network(train["x"][rows].double()), -1)[range(len(rows)), train["y"][rows]]
        ordered = each.sort(descending=True).values
        if "share" in spec:
            whole = int(0.3 * len(rows))
            return (ordered[:whole].sum() + (0.3 * len(rows) - whole) * ordered[whole]) / (0.3 * len(rows))
        return chi_square_ball(each.detach(), 0.5) @ each

    assert_same(store.read(replica.uid).tensors, trained_by_hand(replica, loss))
