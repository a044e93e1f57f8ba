import math

import pytest
import torch

from fairray.methods.mfd import balanced_order, compared, mmd
from fairray.methods.standard import Standard
from fairray.stages import Artifact
from fairray.training.objective import encoded
from fairray.trial import dataset, execute, stages


def direct(x, y, kernel, bandwidth):
    """The V-statistic, pair by pair."""
    between = [sum((a - b) ** 2 for a, b in zip(u, v)) for u in x for v in y]
    d2 = sum(between) / len(between)

    def k(u, v):
        if kernel == "rbf":
            return math.exp(-sum((a - b) ** 2 for a, b in zip(u, v)) / (2 * bandwidth * d2))
        norms = math.sqrt(sum(a * a for a in u) * sum(b * b for b in v))
        return (sum(a * b for a, b in zip(u, v)) / norms) ** 2

    def mean(s, t):
        return sum(k(u, v) for u in s for v in t) / (len(s) * len(t))

    return mean(x, x) + mean(y, y) - 2 * mean(x, y)


@pytest.mark.parametrize("kernel", ["rbf", "poly"])
@pytest.mark.parametrize("bandwidth", [0.5, 1.0])
def test_mmd_is_the_direct_formula_on_the_chosen_rows(kernel, bandwidth):
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(2, 12, 4, generator=generator, dtype=torch.float64)
    of_x, of_y = torch.rand(12, generator=generator) < 0.7, torch.rand(12, generator=generator) < 0.4
    expected = direct(x[of_x].tolist(), y[of_y].tolist(), kernel, bandwidth)
    assert mmd(compared(x, y, kernel), of_x, of_y, kernel, bandwidth).item() == pytest.approx(expected, rel=1e-10)


def test_mmd_is_zero_between_equals_and_where_nobody_is():
    x = torch.randn(6, 3, dtype=torch.float64)
    everyone, nobody = torch.ones(6, dtype=torch.bool), torch.zeros(6, dtype=torch.bool)
    assert mmd(compared(x, x, "rbf"), everyone, everyone, "rbf", 1.0).item() == pytest.approx(0, abs=1e-12)
    assert mmd(compared(x, x, "rbf"), everyone, nobody, "rbf", 1.0).item() == 0


def test_every_stretch_of_the_order_holds_equally_many_of_every_subgroup():
    data = dataset({"name": "toy", "bias": 0.9})
    order = balanced_order(data, torch.Generator().manual_seed(0))
    cell = (2 * data.train["y"] + data.train["group"])[order]
    counts = torch.bincount(2 * data.train["y"] + data.train["group"])
    assert len(order) == 4 * counts.max()
    for start in range(0, len(order) - 64, 64):
        assert torch.bincount(cell[start : start + 64], minlength=4).tolist() == [16] * 4
    visits = torch.bincount(order, minlength=len(data.train["y"]))
    largest = 2 * data.train["y"] + data.train["group"] == counts.argmax()
    assert (visits[largest] == 1).all()  # nobody of the largest subgroup twice
    assert visits.min() >= 1  # and nobody is left out


def test_the_student_is_held_to_the_standard_model_s_features(trial, store):
    """The stage before is *standard* itself, and its features are what its encoder gives."""
    one, standard = trial("mfd", seeds=[0]), trial("standard", seeds=[0])
    execute([one, standard], store)
    chain = {replica.stage.name: replica for replica in stages(one.replicas).values()}
    assert chain["standard"].uid in stages(standard.replicas)
    artifact = Artifact(store.read(chain["standard"].uid).tensors)
    setting = chain["standard"].setting
    features = encoded(Standard(), setting, artifact, "train")
    head = {name: artifact.tensors[f"model/main.head.{name}"] for name in ("weight", "bias")}
    logits = features @ head["weight"].T + head["bias"]
    torch.testing.assert_close(logits, artifact.tensors["train/logits"], rtol=1e-4, atol=1e-5)


def test_a_strong_discrepancy_term_brings_groups_nearer(trial, store):
    def distance(strength):
        one = trial({"name": "mfd", "strength": strength}, seeds=[0], dataset={"bias": 0.9}, epochs=10)
        execute([one], store)
        student = one.replicas[0].parents["model"]
        data = student.setting.dataset.train
        features = encoded(student.stage, student.setting, store.read(student.uid), "train")
        zero, one_ = (data["y"] == 1) & (data["group"] == 0), (data["y"] == 1) & (data["group"] == 1)
        return mmd(compared(features, features, "rbf"), zero, one_, "rbf", 1.0).item()

    assert distance(30.0) < 0.5 * distance(0.0)
