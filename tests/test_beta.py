"""The slope of accuracy on a covariate of the groups."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fairray.data import Dataset
from fairray.evaluation import metrics, predictions
from fairray.metrics import Predictions
from fairray.metrics.beta import beta, counted_accuracy, counted_group_accuracy
from fairray.store import Store
from fairray.trial import dataset, execute, results

GROUPS = 7


@pytest.fixture
def seen():
    rng = np.random.default_rng(0)
    group = torch.tensor(np.repeat(np.arange(GROUPS), rng.integers(5, 200, GROUPS)))
    logits = torch.tensor(rng.normal(size=(3, len(group), 4)))
    y = torch.tensor(rng.integers(4, size=len(group)))
    return Predictions(logits, y, group, GROUPS, torch.tensor(rng.uniform(6, 11, GROUPS)))


def test_beta_is_the_closed_form_of_generalised_least_squares(seen):
    """(X' S^-1 X)^-1 X' S^-1 p with S = diag(1 / sqrt(n)), the second coefficient."""
    n = np.bincount(seen.group)
    inverse = np.diag(np.sqrt(n))
    X = np.stack([np.ones(GROUPS), seen.covariate.numpy()], 1)
    hit = (seen.logits.argmax(-1) == seen.y).numpy()
    p = np.stack([[h[seen.group == i].mean() for i in range(GROUPS)] for h in hit])
    expected = [np.linalg.solve(X.T @ inverse @ X, X.T @ inverse @ row)[1] for row in p]
    np.testing.assert_allclose(beta(seen), expected, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(counted_group_accuracy(seen), p)
    np.testing.assert_allclose(counted_accuracy(seen), hit.mean(1))


def test_beta_is_known_where_accuracy_is_a_line(seen):
    """Accuracy .1 + .08 g, in groups of a thousand."""
    covariate = torch.tensor([6.0, 8.0, 10.0])
    group = torch.arange(3).repeat_interleave(1000)
    hit = torch.arange(1000).repeat(3) < (1000 * (0.1 + 0.08 * covariate)).round().repeat_interleave(1000)
    logits = torch.stack([hit.double(), 0.5 * torch.ones(3000)], -1)[None]
    assert beta(Predictions(logits, torch.zeros(3000).long(), group, 3, covariate)).item() == pytest.approx(0.08)


def test_only_groups_with_a_covariate_have_it():
    own = {"beta", "counted_accuracy", "counted_group_accuracy"}
    assert own & set(metrics("multiclass")) == set()
    assert own <= set(metrics("multiclass", covariate=True))
    assert own & set(metrics("regression", covariate=True)) == set()
    assert own <= set(metrics())


@pytest.fixture
def geographic(monkeypatch):
    """Makes the toy's groups countries."""
    from fairray.datasets.toy import Toy

    load = Toy.load

    def make(groups_on):
        monkeypatch.setattr(Toy, "load", lambda self: replace(load(self), covariate=(6.0, 9.0), groups_on=groups_on))
        monkeypatch.setattr("fairray.trial._loaded", {})

    return make


@pytest.mark.parametrize("groups_on", ["split", "all"])
def test_groups_are_counted_on_a_split_or_on_all_before_it_too(groups_on, geographic, trial, tmp_path):
    geographic(groups_on)
    one, store = trial("standard", seeds=[0]), Store(str(tmp_path))
    execute([one], store)
    found = results(one, store).query("stage == 'evaluation'")
    tensors, data = store.read(one.replicas[0].parents["model"].uid).tensors, one.data
    for split, splits in {"val": ("train", "val"), "test": ("train", "val", "test")}.items():
        counted = splits if groups_on == "all" else (split,)
        hit = torch.cat([tensors[f"{s}/logits"].argmax(-1) == data.split(s)["y"] for s in counted])
        value = found.query("split == @split and metric == 'counted_accuracy'")["value"].item()
        assert value == pytest.approx(hit.double().mean().item())
        slope = found.query("split == @split and metric == 'beta'")["value"].item()
        assert slope == pytest.approx(beta(predictions(data, tensors, counted)).item())
        own = found.query("split == @split and metric == 'accuracy'")["value"].item()
        alone = (tensors[f"{split}/logits"].argmax(-1) == data.split(split)["y"]).double().mean().item()
        assert own == pytest.approx(alone)


def test_a_covariate_and_where_groups_are_counted_are_part_of_the_data():
    plain = dataset({"name": "toy", "size": 256})
    assert isinstance(plain, Dataset)
    made = [
        plain,
        *(replace(plain, covariate=c, groups_on=on) for c in ((6.0, 9.0), (6.0, 8.0)) for on in ("split", "all")),
    ]
    assert len({data.fingerprint for data in made}) == 5
