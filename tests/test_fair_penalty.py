"""The penalty against FFB's and fairret's definitions, and what it does to training."""

import math

import pytest
import torch
from torch.nn.functional import logsigmoid, one_hot

from fairray.errors import BadInput
from fairray.evaluation import predictions
from fairray.methods.penalty import Penalty, difference, divergence, norm, project
from fairray.metrics.rates import positive_rate
from fairray.store import Store
from fairray.trial import dataset, execute

SCORE = torch.tensor([0.3, -1.2, 2.0, 0.7, -0.4, 1.1, -2.3, 0.2, -0.9, 1.6], dtype=torch.float64)
Y = torch.tensor([1, 0, 1, 1, 0, 0, 0, 1, 1, 0])
GROUP = torch.tensor([0, 0, 1, 1, 0, 1, 0, 0, 1, 1])
FORMS = {"difference": difference, "norm": norm, "kl": divergence}


def cells(criterion, rows=range(10), groups=2):
    condition = Y if criterion == "odds" else torch.zeros_like(Y)
    both = one_hot(condition, 2)[:, :, None] * one_hot(GROUP, groups)[:, None, :]
    return both[list(rows)].double()


# of fairret 0.1.3 with PositiveRate, and with TruePositiveRate and FalsePositiveRate added up; KLProjectionLoss by SCS
# to 1e-11, with force_proj_normalized=False, as otherwise it scales pairs of probabilities to the sum 2
@pytest.mark.parametrize(
    ("criterion", "form", "expected"),
    [
        ("parity", norm, 0.5968023335598025),
        ("odds", norm, 1.2773926500266315),
        ("parity", divergence, 0.06386984131129456),
        ("odds", divergence, 0.0007199425481683091 + 0.09132511761653173),
    ],
)
def test_agrees_with_fairret(criterion, form, expected):
    assert form(SCORE, cells(criterion)).item() == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("criterion", ["parity", "odds"])
def test_the_difference_is_that_of_ffb(criterion):
    """|mean of the ones - mean of the others|, on all or on each label, on outputs of a sigmoid."""
    output, expected = 1 / (1 + torch.exp(-SCORE)), 0.0
    for part in [Y >= 0] if criterion == "parity" else [Y == 1, Y == 0]:
        expected += abs(output[part & (GROUP == 0)].mean() - output[part & (GROUP == 1)].mean()).item()
    assert difference(SCORE, cells(criterion)).item() == pytest.approx(expected, rel=1e-12)


def test_the_nearest_fair_predictions_in_closed_form():
    """Two groups of one example each, of probabilities 1/3 and 3/4: both become their mean, 13/24."""
    score = torch.tensor([-math.log(2), math.log(3)], dtype=torch.float64)
    both = torch.eye(2, dtype=torch.float64)[:, None]
    q = 13 / 24
    torch.testing.assert_close(project(score, both).sigmoid(), torch.full((2,), q, dtype=torch.float64))
    kl = [q * math.log(q / p) + (1 - q) * math.log((1 - q) / (1 - p)) for p in (1 / 3, 3 / 4)]
    assert divergence(score, both).item() == pytest.approx(sum(kl) / 2)


def test_the_divergence_s_gradient_takes_the_fair_predictions_for_constant():
    """d KL(q || p) / d logit = p - q."""
    score = SCORE.clone().requires_grad_()
    divergence(score, cells("odds")).backward()
    fair = project(SCORE, cells("odds")).sigmoid()
    torch.testing.assert_close(score.grad, (SCORE.sigmoid() - fair) / 10)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("criterion", ["parity", "odds"])
def test_an_example_that_weighs_two_is_two(criterion, form):
    twice = [*range(10), 2, 7]
    weight = torch.ones(10, dtype=torch.float64)
    weight[[2, 7]] = 2
    weighted = FORMS[form](SCORE, cells(criterion) * weight[:, None, None])
    assert weighted.item() == pytest.approx(FORMS[form](SCORE[twice], cells(criterion, twice)).item())


@pytest.mark.parametrize("form", FORMS)
def test_a_batch_without_a_group_or_a_label_adds_nothing_for_it(form):
    """Of all positives one group alone is left, and no negatives: nothing is to be compared."""
    rows = [i for i in range(10) if Y[i] == 1 and GROUP[i] == 0]
    score = SCORE[rows].clone().requires_grad_()
    penalty = FORMS[form](score, cells("odds", rows))
    penalty.backward()
    assert penalty.item() == pytest.approx(0, abs=1e-12)
    assert score.grad.abs().max() < 1e-12


@pytest.mark.parametrize("criterion", ["parity", "odds"])
def test_what_is_compared_is_of_one_label_for_odds_and_of_all_for_parity(criterion, trial):
    one = trial({"name": "penalty", "criterion": criterion}).replicas[0].parents["model"]
    train, found = one.setting.dataset.train, one.stage.view(one.setting, torch.Generator(), {}).columns["cells"]
    condition = train["y"] if criterion == "odds" else torch.zeros_like(train["y"])
    assert torch.equal(found.nonzero().T, torch.stack([torch.arange(len(condition)), condition, train["group"]]))


def test_the_loss_is_both_terms():
    batch = {"y": Y, "group": GROUP, "cells": cells("odds").bool()}
    logits = torch.stack([-SCORE / 2, SCORE / 2], dim=1)
    loss = Penalty(strength=3.0, form="norm").loss(None, {"logits": logits}, batch)
    entropy = -torch.where(Y == 1, logsigmoid(SCORE), logsigmoid(-SCORE)).mean()
    assert loss.item() == pytest.approx(entropy.item() + 3 * 1.2773926500266315)


@pytest.mark.parametrize("form", FORMS)
def test_groups_come_nearer(form, trial, tmp_path):
    found, store = {}, Store(str(tmp_path))
    for strength in (0.0, 3.0):
        one = trial({"name": "penalty", "form": form, "criterion": "parity", "strength": strength}, seeds=[0], epochs=8)
        execute([one], store)
        model = one.replicas[0].parents["model"]
        rates = positive_rate(predictions(model.setting.dataset, store.read(model.uid).tensors, ("val", "test")))[0]
        found[strength] = abs(rates[0] - rates[1]).item()
    assert found[3.0] < 0.6 * found[0.0]


def test_what_is_not_binary_is_refused():
    with pytest.raises(BadInput, match="it is regression"):
        Penalty().check(dataset({"name": "adult", "target": "age"}))
