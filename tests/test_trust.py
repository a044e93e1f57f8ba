"""The trust score: the paper's own checks, to their printed digits."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from fairray.matrices import Matrix
from fairray.resampling import widen_trust
from fairray.stages import Artifact
from fairray.statistics.trust import band, ideal, row_trust, trust_score

CLASSES = {"shape": 5, "colour": 7, "size": 3, "location": 4, "background": 3}
N = [*CLASSES.values()]
DENSENET = {  # the authors' matrix, rows the trained task, in the order colour, shape, size, location, background
    "colour": [1.0000, 0.2283, 0.9883, 1.0000, 0.9756],
    "shape": [0.2927, 1.0000, 0.9457, 0.9998, 0.9749],
    "size": [0.2902, 0.4270, 1.0000, 1.0000, 0.9998],
    "location": [0.9603, 0.4033, 0.9813, 1.0000, 0.9990],
    "background": [0.1998, 0.3922, 0.7137, 0.9785, 1.0000],
}


def truncated(value, digits):
    """As the paper prints .6259 for .625952."""
    return np.floor(value * 10**digits) / 10**digits


def test_models_that_learnt_their_task_alone_score_one():
    assert trust_score(ideal(N), N) == 1


def test_models_that_learnt_everything():
    assert truncated(trust_score(np.ones((5, 5)), N), 4) == 0.6259


def test_one_task_that_is_learnt_beyond_its_own():
    matrix = ideal(N)
    matrix[0, 3] = 1  # shape tells of location
    assert round(trust_score(matrix, N), 5) == 0.98125


def test_the_published_matrix_of_densenet():
    classes = [CLASSES[name] for name in DENSENET]
    assert round(trust_score(np.array([*DENSENET.values()]), classes), 4) == 0.7572


@pytest.mark.parametrize(("column", "score"), [("colour", 0.978571), ("shape", 0.98), ("size", 0.983333)])
def test_each_column_s_cost(column, score):
    j = list(CLASSES).index(column)
    matrix = ideal(N)
    matrix[(j + 1) % 5, j] = 1
    assert trust_score(matrix, N) == pytest.approx(score, abs=1e-6)


def test_the_score_is_the_formula_and_the_mean_of_its_rows():
    matrix = np.random.default_rng(0).random((5, 5))
    weights = 3 * np.eye(5) + 1  # W = 3 I + J for five tasks
    direct = 1 - (weights * np.abs(matrix - ideal(N))).sum() / weights.sum()
    assert trust_score(matrix, N) == pytest.approx(direct)
    assert np.mean([row_trust(row, N, i) for i, row in enumerate(matrix)]) == pytest.approx(direct)


def test_three_tasks_of_ten_classes_that_are_all_learnt():
    assert trust_score(np.ones((3, 3)), [10, 10, 10]) == pytest.approx(0.55)


def test_two_tasks_weigh_the_diagonal_once():
    matrix = np.array([[0.9, 0.5], [1 / 2, 0.8]])
    assert trust_score(matrix, [2, 3]) == pytest.approx(1 - (0.1 + (0.5 - 1 / 3) + 0 + 0.2) / 4)


def test_the_order_of_tasks_does_not_matter():
    matrix, order = np.random.default_rng(1).random((5, 5)), [3, 1, 4, 0, 2]
    assert trust_score(matrix[np.ix_(order, order)], [N[i] for i in order]) == pytest.approx(trust_score(matrix, N))


BANDS = {1.0: "highly desirable", 0.9: "highly desirable", 0.899: "acceptable", 0.8: "acceptable", 0.753: "poor"}


@pytest.mark.parametrize(("score", "name"), BANDS.items())
def test_bands(score, name):
    assert band(score) == name


def test_where_several_probes_tell_one_task_their_mean_counts():
    probes = pd.DataFrame({"uid": ["a 0"] * 3, "probed": ["a"] * 3, "value": [0.6, 0.8, 1.0], "cell": [0] * 3})
    matrix = Matrix("family", "arm", {"a": 2}, [0], probes)
    assert matrix.accuracy == pytest.approx(np.array([[[0.8]]]))


def test_with_other_examples_a_score_is_as_sure_as_the_mean_of_its_examples():
    """With two classes each and probes that tell more than chance, the score is a mean over examples; seeds agree."""
    draw, shares = np.random.default_rng(0), {("a", "a"): 0.95, ("a", "b"): 0.7, ("b", "a"): 0.8, ("b", "b"): 0.9}
    right = {key: (draw.random(4000) < share) for key, share in shares.items()}
    rows = [(f"{own} {seed}", told, right[own, told].mean()) for seed in range(3) for own, told in right]
    probes = pd.DataFrame(rows, columns=["uid", "probed", "value"]).assign(cell=range(12))
    matrix = Matrix("family", "arm", {"a": 2, "b": 2}, [0, 1, 2], probes)
    tensors = {f"test/right/{told} of {own}": torch.tensor(of) for (own, told), of in right.items()}

    def read(uid):
        return Artifact({name.split(" of ")[0]: of for name, of in tensors.items() if name.endswith(uid[0])})

    wide = widen_trust(SimpleNamespace(study=SimpleNamespace(splits=1), read=read), matrix, draws=1000)
    each = sum((1 if own == told else -1) * of.astype(float) for (own, told), of in right.items()) / 4
    assert wide.mean == pytest.approx(0.75 + each.mean())
    assert wide.mean == pytest.approx(matrix.scores[0])
    assert wide.high - wide.low == pytest.approx(2 * 1.96 * each.std() / np.sqrt(4000), rel=0.1)
