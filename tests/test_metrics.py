from dataclasses import replace
from typing import get_args

import fairlearn.metrics as fairlearn
import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as sklearn
import torch
from sklearn.calibration import calibration_curve

from fairray.data import Problem
from fairray.evaluation import metrics
from fairray.metrics import Predictions

REPLICAS, EXAMPLES = 4, 500


@pytest.fixture(params=[2, 3], ids=["2 groups", "3 groups"])
def random(request):
    """Makes predictions for a problem, and the same as numpy arrays."""

    def make(problem):
        rng = np.random.default_rng(request.param)
        outputs = {"binary": 2, "multiclass": 4, "regression": 1}[problem]
        logits = rng.normal(size=(REPLICAS, EXAMPLES, outputs)).round(1)  # rounded, so that scores tie
        y = rng.normal(size=EXAMPLES) if problem == "regression" else rng.integers(outputs, size=EXAMPLES)
        group = rng.integers(request.param, size=EXAMPLES)
        ours = Predictions(torch.tensor(logits), torch.tensor(y), torch.tensor(group), request.param)
        predicted = logits[..., 0] if problem == "regression" else logits.argmax(-1)
        return ours, predicted, logits[..., -1] - logits[..., 0], y, group

    return make


def frame(function, y, predicted, group):
    return fairlearn.MetricFrame(metrics=function, y_true=y, y_pred=predicted, sensitive_features=group)


def by_group(function):
    return lambda y, predicted, score, group: frame(function, y, predicted, group).by_group.to_numpy()


ORACLES = {
    "accuracy": lambda y, p, s, g: sklearn.accuracy_score(y, p),
    "auc": lambda y, p, s, g: sklearn.roc_auc_score(y, s),
    "demographic_parity_difference": lambda y, p, s, g: fairlearn.demographic_parity_difference(
        y, p, sensitive_features=g
    ),
    "equalized_odds_difference": lambda y, p, s, g: fairlearn.equalized_odds_difference(y, p, sensitive_features=g),
    "group_accuracy": by_group(sklearn.accuracy_score),
    "calibration_error": lambda y, p, s, g: expected_calibration_error(y, s),
    "calibration_difference": lambda y, p, s, g: np.ptp(calibration_errors(y, s, g)),
    "group_calibration_error": lambda y, p, s, g: calibration_errors(y, s, g),
    "demographic_parity_ratio": lambda y, p, s, g: fairlearn.demographic_parity_ratio(y, p, sensitive_features=g),
    "equalized_odds_ratio": lambda y, p, s, g: fairlearn.equalized_odds_ratio(y, p, sensitive_features=g),
    "positive_predictive_value": by_group(sklearn.precision_score),
    "predictive_parity_difference": lambda y, p, s, g: frame(sklearn.precision_score, y, p, g).difference(),
    "positive_rate": by_group(fairlearn.selection_rate),
    "true_positive_rate": by_group(fairlearn.true_positive_rate),
    "true_negative_rate": by_group(fairlearn.true_negative_rate),
    "worst_group_accuracy": lambda y, p, s, g: frame(sklearn.accuracy_score, y, p, 10 * y + g).group_min(),
    "odds": lambda y, p, s, g: recalls(y, p, g).apply(np.ptp, axis=1, raw=True).mean(),
    "deo_max": lambda y, p, s, g: recalls(y, p, g).apply(np.ptp, axis=1, raw=True).max(),
    "eacc": lambda y, p, s, g: recalls(y, p, g).to_numpy().mean(),
    "mse": lambda y, p, s, g: sklearn.mean_squared_error(y, p),
    "group_mse": by_group(sklearn.mean_squared_error),
    "balanced_mse": lambda y, p, s, g: frame(sklearn.mean_squared_error, y, p, g).by_group.mean(),
    "rmse": lambda y, p, s, g: sklearn.root_mean_squared_error(y, p),
    "group_rmse": by_group(sklearn.root_mean_squared_error),
    "rmse_difference": lambda y, p, s, g: frame(sklearn.root_mean_squared_error, y, p, g).difference(),
    "mse_difference": lambda y, p, s, g: frame(sklearn.mean_squared_error, y, p, g).difference(),
}


def recalls(y, predicted, group):
    """sklearn's recall of each label, with axes (label, group)."""
    labels = np.unique(y)
    return pd.DataFrame(
        {g: sklearn.recall_score(y[group == g], predicted[group == g], labels=labels, average=None) for g in set(group)}
    )


def expected_calibration_error(y, score):
    """From sklearn's curve, and how many examples there are in each of its bins."""
    probability = 1 / (1 + np.exp(-score))
    frequency, mean = calibration_curve(y, probability, n_bins=10)
    counts = np.bincount(np.searchsorted(np.linspace(0, 1, 11)[1:-1], probability), minlength=10)
    return (counts[counts > 0] * np.abs(frequency - mean)).sum() / len(y)


def calibration_errors(y, score, group):
    return np.array([expected_calibration_error(y[group == g], score[group == g]) for g in np.unique(group)])


@pytest.mark.parametrize(
    ("problem", "name"), [(problem, name) for problem in get_args(Problem) for name in metrics(problem)]
)
def test_agrees_with_fairlearn_and_sklearn(problem, name, random):
    ours, predicted, score, y, group = random(problem)
    expected = np.array([ORACLES[name](y, predicted[r], score[r], group) for r in range(REPLICAS)])
    np.testing.assert_allclose(metrics()[name](ours).numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("problem", "name"), [(problem, name) for problem in get_args(Problem) for name in metrics(problem)]
)
def test_an_example_that_weighs_three_is_three_examples(problem, name, random):
    ours = random(problem)[0]
    weight = torch.from_numpy(np.random.default_rng(0).integers(1, 4, EXAMPLES))
    several = torch.arange(EXAMPLES).repeat_interleave(weight)
    repeated = replace(ours, logits=ours.logits[:, several], y=ours.y[several], group=ours.group[several])
    metric = metrics()[name]
    np.testing.assert_allclose(metric(replace(ours, weight=weight)), metric(repeated), rtol=1e-12)
    assert not np.allclose(metric(replace(ours, weight=weight)), metric(ours), rtol=1e-6)


@pytest.mark.parametrize("name", metrics("regression"))
def test_errors_are_told_in_the_target_s_own_unit(name, random):
    ours = random("regression")[0]
    own = replace(ours, logits=250 * ours.logits, y=250 * ours.y)
    np.testing.assert_allclose(metrics()[name](replace(ours, unit=250.0)), metrics()[name](own), rtol=1e-12)


def test_odds_and_eacc_of_a_hand_made_table():
    """TPR .8 and .5, TNR .9 and .6: Odds = (.3 + .3) / 2, EAcc = (.8 + .5 + .9 + .6) / 4."""
    y = torch.tensor([1] * 20 + [0] * 20)
    group = torch.tensor(([0] * 10 + [1] * 10) * 2)
    right = torch.tensor([1] * 8 + [0] * 2 + [1] * 5 + [0] * 5 + [1] * 9 + [0] + [1] * 6 + [0] * 4).bool()
    predicted = torch.where(right, y, 1 - y)
    seen = Predictions(torch.nn.functional.one_hot(predicted)[None].double(), y, group, 2)
    assert metrics()["odds"](seen).item() == pytest.approx(0.3)
    assert metrics()["eacc"](seen).item() == pytest.approx(0.7)
