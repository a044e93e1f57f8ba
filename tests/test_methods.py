"""Every method, present and future: a new file in fairray/methods/ is tested by existing."""

from pathlib import Path

import pytest
import torch
from conformance import (
    artifacts,
    assert_engines_agree,
    assert_stacking_changes_nothing,
    served,
    to_distribute,
)

from fairray import members
from fairray.evaluation import Evaluation
from fairray.store import Store
from fairray.training.objective import generator
from fairray.trial import stages

METHODS = members.names("methods")


SERVED = [(method, kind) for method in METHODS for kind in served(method)]


def test_every_method_serves_something():
    assert {method for method, _ in SERVED} == set(METHODS)


@pytest.mark.parametrize(("method", "kind"), SERVED)
def test_stacking_changes_nothing(method, kind, trial, tmp_path):
    assert_stacking_changes_nothing(method, trial, tmp_path, kind)


@pytest.mark.parametrize(
    "spec",
    [
        {"name": "adversarial", "update": "projection"},
        {"name": "adversarial", "criterion": "parity", "reads": "features", "schedule": "constant"},
        {"name": "mfd", "kernel": "poly"},
        {"name": "penalty", "form": "norm", "criterion": "parity"},
        {"name": "penalty", "form": "kl"},
        {"name": "rnf", "attributes": "gce"},
        {"name": "bade", "mse": 0.3, "tar_negative": 0.2, "tar_positive": 0.6},
        {"name": "suppress", "by": "negative", "labels": "random", "start": "standard", "probe_epochs": 1},
        {"name": "suppress", "by": "added", "schedule": "dann", "probe_epochs": 1},
        {"name": "suppress", "labels": "random", "classes": [2, 6], "probe_epochs": 1},
    ],
    ids=lambda spec: " ".join(map(str, spec.values())),
)
def test_stacking_changes_nothing_whatever_the_options(spec, trial, tmp_path):
    """On tables alone: options change losses and labels, and the test above has every method's on images."""
    weight = {"rnf": "smoothing", "suppress": "weight"}.get(spec["name"], "strength")
    double = {"dtype": "float64"}
    trials = [trial(spec | {weight: v}, numerics=double, epochs=2) for v in (0.5, 0.9)]
    assert_engines_agree(trials, tmp_path)


def test_distributing_changes_nothing(trial, tmp_path, fresh):
    """Two processes share every batch, of odd size too, and give the numbers of one; the first has no room for data."""
    trials = to_distribute(trial)
    alone = artifacts(trials, tmp_path / "alone", "alone")
    here = Path(__file__).parent
    fresh((here / "distributed_worker.py").read_text(), tmp_path, folder=tmp_path, first=[here])
    assert all(one.stored(Store(str(tmp_path / "together"))) for one in trials)  # so that nothing is computed here
    shared = [int((tmp_path / f"evaluated{rank}").read_text()) for rank in range(2)]
    replicas = stages(end for one in trials for end in one.ends).values()
    assert sum(shared) == sum(isinstance(replica.stage, Evaluation) for replica in replicas)
    assert min(shared) >= sum(shared) // 2 - 2  # what trains nothing is computed by one of them, not by each
    together = artifacts(trials, tmp_path / "together", "alone")
    for key, tensor in alone.items():
        torch.testing.assert_close(together[key], tensor, rtol=1e-10, atol=1e-10)


def test_bfloat16_keeps_float32_parameters_and_nearly_the_predictions(trial, tmp_path):
    predicted = {}
    for dtype in ("float32", "bfloat16"):
        keywords = {"dataset": {"size": 2048}, "epochs": 10, "selection": "last"}
        wide = trial("standard", seeds=[0], numerics={"dtype": dtype}, **keywords)
        tensors = {name: tensor for (_, name), tensor in artifacts([wide], tmp_path / dtype, "auto").items()}
        assert {t.dtype for t in tensors.values()} == {torch.float32}
        predicted[dtype] = tensors["test/logits"]
    assert not torch.equal(predicted["float32"], predicted["bfloat16"])
    agree = (predicted["float32"].argmax(-1) == predicted["bfloat16"].argmax(-1)).double().mean()
    assert agree > 0.98


def test_a_trial_is_the_same_after_many_others(trial, tmp_path):
    fresh = artifacts([trial("bade")], tmp_path / "fresh", "auto")
    others = [trial("standard", seeds=[seed], epochs=1) for seed in range(20)]
    artifacts(others, tmp_path / "used", "auto")
    torch.rand(17)  # the global generator has moved on too
    used = artifacts([trial("bade")], tmp_path / "used", "alone")
    alone = artifacts([trial("bade")], tmp_path / "alone", "alone")
    assert all(torch.equal(used[key], alone[key]) for key in alone)
    assert fresh.keys() == alone.keys()


def test_no_two_stages_share_random_numbers(trial):
    """A student drawn like its teacher would begin where that began."""
    student = trial("bade", seeds=[0]).replicas[0].parents["model"]
    streams = [generator(replica, purpose) for replica in (student, student.parents["teacher"]) for purpose in "ab"]
    assert len({int(torch.randint(2**62, (1,), generator=stream)) for stream in streams}) == 4
