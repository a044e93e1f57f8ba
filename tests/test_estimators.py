"""scikit-learn's estimators as methods: their own predictions are what is stored, and weights count."""

import numpy as np
import pytest
import torch
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from fairray import members
from fairray.data import SPLITS, Dataset
from fairray.errors import BadInput
from fairray.methods._estimators import as_logits
from fairray.stages import Numerics, Replica, Setting, Training
from fairray.trial import dataset, stages

ESTIMATORS = {
    "logistic_regression": (LogisticRegression(C=0.5, max_iter=2000), {"C": 0.5}),
    "boosting": (
        HistGradientBoostingClassifier(learning_rate=0.2, max_iter=9, max_leaf_nodes=5, random_state=1),
        {"rate": 0.2, "trees": 9, "leaves": 5},
    ),
}


def table(classes=2, rows=300, **more):
    x, y = make_classification(rows, 6, n_informative=4, n_classes=classes, random_state=0)
    group = np.arange(rows) % 2
    columns = {"x": x.astype(np.float32), "y": y, "group": group, "id": np.arange(rows), **more}
    splits = [{name: torch.from_numpy(column[i::3]) for name, column in columns.items()} for i in range(3)]
    return Dataset("made", "y ~ group", *splits, classes=tuple("abc"[:classes]), groups=("a", "b"))


def fitted(name, data, seed=1, **given):
    """What the stage before the evaluation stores."""
    setting = Setting(data, None, Training(), Numerics())
    found = Replica(members.build("methods", {"name": name, **given}).chain(data), setting, seed).parents["model"]
    return found.stage.compute(setting, found.seed, {}).tensors


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_probabilities_are_the_estimator_s_own(name, classes):
    estimator, given = ESTIMATORS[name]
    data = table(classes)
    tensors = fitted(name, data, **given)
    estimator.fit(data.train["x"].numpy(), data.train["y"].numpy())
    for split in SPLITS:
        ours = torch.softmax(tensors[f"{split}/logits"], -1)
        np.testing.assert_allclose(ours, estimator.predict_proba(data.split(split)["x"].numpy()), rtol=1e-5, atol=1e-6)


def test_a_row_that_weighs_three_is_three_rows():
    weight = np.random.default_rng(0).integers(1, 4, 300)
    data = table(weight=weight.astype(np.float64))
    estimator = LogisticRegression(max_iter=2000)
    several = torch.arange(100).repeat_interleave(data.train["weight"].long())
    estimator.fit(data.train["x"][several].numpy(), data.train["y"][several].numpy())
    expected = as_logits(torch.from_numpy(estimator.decision_function(data.test["x"].numpy())))
    torch.testing.assert_close(fitted("logistic_regression", data)["test/logits"], expected, rtol=1e-2, atol=1e-3)
    assert not torch.allclose(fitted("logistic_regression", table())["test/logits"], expected, rtol=1e-2, atol=1e-2)


def test_the_one_best_regression_is_fitted_once(trial):
    names = [one.stage.name for name in ESTIMATORS for one in stages(trial(name, seeds=[0, 1]).replicas).values()]
    assert (names.count("regression"), names.count("boosted"), names.count("evaluation")) == (1, 2, 4)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_what_is_no_table_with_classes_is_refused(name):
    method = members.build("methods", name)
    with pytest.raises(BadInput, match="it is made of images"):
        method.check(dataset({"name": "toy", "side": 8}))
    with pytest.raises(BadInput, match="it is a regression"):
        method.check(dataset({"name": "adult", "target": "age"}))
    data = table()
    data.train["y"] = torch.zeros_like(data.train["y"])
    with pytest.raises(BadInput, match="no training example is b"):
        method.check(data)
