"""Thresholds of groups against fairlearn's own predictions, and against every combination tried by hand."""

from itertools import product
from typing import get_args

import numpy as np
import pytest
import torch

from fairray.data import SPLITS
from fairray.errors import BadInput
from fairray.methods._thresholds import check_groups
from fairray.methods.group_thresholds import GroupThresholds, Swept, spaced
from fairray.methods.standard import Standard
from fairray.methods.threshold_optimizer import Constraint, Objective, Optimised, fit
from fairray.metrics import Predictions
from fairray.metrics.accuracy import accuracy
from fairray.metrics.differences import demographic_parity_difference
from fairray.metrics.eacc import eacc
from fairray.metrics.odds import odds
from fairray.stages import Artifact
from fairray.trial import dataset

DIFFERENCES = {
    "parity": demographic_parity_difference,
    "odds": odds,
    "opportunity": lambda p: p.recall[:, 1].amax(-1) - p.recall[:, 1].amin(-1),
}
UTILITIES = {"accuracy": accuracy, "eacc": eacc}


def predictions(size=400, groups=2, seed=0, weight=None):
    """Scores that tell the label, and the group too; rounded, so that some tie."""
    random = torch.Generator().manual_seed(seed)
    y = torch.randint(2, (size,), generator=random)
    group = torch.randint(groups, (size,), generator=random)
    score = (torch.randn(size, generator=random, dtype=torch.float64) + y + 0.7 * group - 1).round(decimals=2)
    return Predictions(torch.stack([torch.zeros_like(score), score], -1)[None], y, group, groups, weight=weight)


@pytest.mark.parametrize("groups", [2, 3])
@pytest.mark.parametrize("constraint", get_args(Constraint))
@pytest.mark.parametrize("objective", get_args(Objective))
def test_the_lots_of_an_example_are_fairlearn_s_prediction(constraint, objective, groups):
    seen, new = predictions(groups=groups), predictions(size=50, groups=groups, seed=1)
    lots = Optimised(model=Standard(), constraint=constraint, objective=objective).find(seen)
    above = new.score[0][:, None] > lots.thresholds[new.group]
    ours = (above * lots.chances[new.group]).sum(1)
    optimizer = fit(seen.score[0], seen, constraint, objective)
    theirs = optimizer._pmf_predict(new.score[0][:, None].numpy(), sensitive_features=new.group.numpy())[:, 1]
    np.testing.assert_allclose(ours, theirs, atol=1e-12)
    assert torch.allclose(lots.chances.sum(1), torch.ones(groups, dtype=torch.float64))


@pytest.mark.parametrize("constraint", get_args(Constraint))
def test_the_constraint_is_met_where_it_was_fitted(constraint):
    seen = predictions(size=3000)
    lots = Optimised(model=Standard(), constraint=constraint, objective="accuracy_score").find(seen)
    expected = ((seen.score[0][:, None] > lots.thresholds[seen.group]) * lots.chances[seen.group]).sum(1)
    parts = {"demographic_parity": [seen.y >= 0], "true_positive_rate_parity": [seen.y == 1]}
    for part in parts.get(constraint, [seen.y == 0, seen.y == 1]):
        rates = [expected[part & (seen.group == group)].mean().item() for group in range(2)]
        assert rates[0] == pytest.approx(rates[1], abs=1e-3)  # fairlearn looks at a grid of a thousand rates
    assert not torch.allclose(lots.thresholds[0], lots.thresholds[1])


@pytest.mark.parametrize("weighs", [False, True])
@pytest.mark.parametrize("within", [0.0, 0.05, 1.0])
@pytest.mark.parametrize("utility", UTILITIES)
@pytest.mark.parametrize("constraint", DIFFERENCES)
def test_the_sweep_finds_what_every_combination_by_hand_finds(constraint, utility, within, weighs):
    weight = torch.from_numpy(np.random.default_rng(0).uniform(0.5, 3, 40)) if weighs else None
    seen = predictions(size=40, weight=weight)
    tried = []
    for thresholds in product(*(spaced(seen.score[0][seen.group == g], 1000).tolist() for g in range(2))):
        score = seen.score[0] - torch.tensor(thresholds, dtype=torch.float64)[seen.group]
        moved = Predictions(
            torch.stack([torch.zeros_like(score), score], -1)[None], seen.y, seen.group, 2, weight=weight
        )
        tried.append((DIFFERENCES[constraint](moved).item(), UTILITIES[utility](moved).item(), thresholds))
    bound = max(within, min(apart for apart, _, _ in tried)) + 1e-9
    best = max(useful for apart, useful, _ in tried if apart <= bound)
    found = Swept(model=Standard(), constraint=constraint, within=within, utility=utility).find(seen)
    chosen = tuple(found.thresholds[:, 0].tolist())
    (of_ours,) = [(apart, useful) for apart, useful, thresholds in tried if thresholds == chosen]
    assert of_ours[0] <= bound
    assert of_ours[1] == pytest.approx(best)


def test_a_looser_bound_is_no_less_useful():
    found = {}
    seen = predictions(size=1000, groups=3)
    for within in (0.0, 0.02, 0.3):
        thresholds = Swept(model=Standard(), constraint="odds", within=within, utility="eacc").find(seen).thresholds
        score = seen.score[0] - thresholds[seen.group, 0]
        moved = Predictions(torch.stack([torch.zeros_like(score), score], -1)[None], seen.y, seen.group, 3)
        found[within] = (odds(moved).item(), eacc(moved).item())
    assert found[0.0][0] < found[0.02][0] <= 0.02 < found[0.3][0] <= 0.3
    assert found[0.0][1] < found[0.02][1] < found[0.3][1]


def test_thresholds_are_of_validation_data_and_move_every_split(trial):
    """Labels of the test split change nothing; predictions are above the threshold of the example's group."""
    one = trial({"name": "group_thresholds", "within": 0.1}, seeds=[0]).replicas[0].parents["model"]
    data = one.setting.dataset
    random = torch.Generator().manual_seed(0)
    logits = {
        f"{s}/logits": torch.randn(len(data.split(s)["y"]), 2, generator=random) for s in ("train", "val", "test")
    }
    moved = one.stage.compute(one.setting, 0, {"model": Artifact(logits)}).tensors
    seen = Predictions.of(logits["val/logits"][None], data, "val")
    thresholds = one.stage.find(seen).thresholds[:, 0]
    for split in SPLITS:
        given, group = logits[f"{split}/logits"].double(), data.split(split)["group"]
        expected = given[:, 1] - given[:, 0] > thresholds[group]
        assert torch.equal(moved[f"{split}/logits"].argmax(-1) == 1, expected)


def test_what_has_no_rates_is_refused():
    with pytest.raises(BadInput, match="it is regression"):
        GroupThresholds().check(dataset({"name": "adult", "target": "age"}))
    toy = dataset({"name": "toy", "size": 256})
    kept = toy.val["group"]
    try:
        toy.val["group"] = toy.val["y"].clone()
        with pytest.raises(BadInput, match="no example of the subgroup"):
            check_groups(toy)
    finally:
        toy.val["group"] = kept
