from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from fairray.training.fit import Pack, fit
from fairray.training.objective import trained
from fairray.training.streams import chunks

EPOCHS = 8


def models(trial, **training):
    """The stage that trains, once per seed."""
    made = trial(numerics={"dtype": "float64"}, **training)
    return [replica.parents["model"] for replica in made.replicas]


def fitted(replicas, engine):
    artifacts = {replica.seed: artifact for replica, artifact in fit(replicas, {r.uid: {} for r in replicas}, engine)}
    return [artifacts[replica.seed] for replica in replicas]


def kept(artifact):
    table = artifact.records
    return int(table[table["metric"] == "kept_epoch"]["value"].item())


@pytest.mark.parametrize("engine", ["alone", "stacked"])
@pytest.mark.parametrize("selection", ["eacc", "z"])
def test_what_is_kept_is_what_training_until_the_best_epoch_leaves(trial, selection, engine):
    found = fitted(models(trial, seeds=(0, 1, 2), epochs=EPOCHS, selection=selection), engine)
    assert min(map(kept, found)) < EPOCHS - 1
    for seed, artifact in enumerate(found):
        shorter = models(trial, seeds=[seed], epochs=kept(artifact) + 1, selection="last")
        (expected,) = fitted(shorter, "alone")
        torch.testing.assert_close(artifact.tensors, expected.tensors, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("engine", ["alone", "stacked"])
def test_the_stored_model_has_the_highest_curve_and_gives_the_stored_logits(trial, engine):
    replicas = models(trial, seeds=(0, 1, 2), epochs=EPOCHS, selection="accuracy")
    for replica, artifact in zip(replicas, fitted(replicas, engine), strict=True):
        dataset = replica.setting.dataset
        model, val = trained(replica.stage, replica.setting, artifact), dataset.val
        (batch,) = chunks(dataset, val, replica.setting.numerics)
        with torch.no_grad():
            logits, _ = model(batch, {}, {}, predict=True)
        torch.testing.assert_close(logits, artifact.tensors["val/logits"], rtol=1e-12, atol=1e-12)
        curve = artifact.records.query("metric == 'accuracy'").set_index("epoch")["value"]
        right = (logits.argmax(1) == val["y"]).double().mean().item()
        assert right == pytest.approx(curve.max())
        assert kept(artifact) == curve.idxmax()


@pytest.mark.parametrize("engine", ["alone", "stacked"])
@pytest.mark.parametrize("method", ["standard", {"name": "adversarial", "update": "projection"}])
def test_the_curve_of_losses_is_the_mean_over_batches_of_the_first_loss(trial, method, engine):
    """Of a network that hardly moves it is the mean over all examples."""
    replicas = models(trial, method=method, epochs=2, lr=1e-12)
    batch, left = divmod(len(replicas[0].setting.dataset.train["y"]), 2)
    assert not left
    replicas = models(trial, method=method, epochs=2, lr=1e-12, batch=batch)
    for replica, artifact in zip(replicas, fitted(replicas, engine), strict=True):
        expected = F.cross_entropy(artifact.tensors["train/logits"], replica.setting.dataset.train["y"]).item()
        losses = artifact.records.query("metric == 'loss'")["value"].tolist()
        assert losses == pytest.approx([expected, expected], rel=1e-6)


@pytest.mark.parametrize(("steps", "taken"), [(0, 12), (12, 12), (13, 24), (30, 36)])
def test_an_epoch_visits_its_rows_until_the_training_has_its_steps(trial, steps, taken):
    """Three epochs of four batches, and progress is the share of the training that is behind a batch."""
    (replica,) = models(trial, seeds=[0], epochs=3)
    rows = len(replica.setting.dataset.train["y"])
    quarter, left = divmod(rows, 4)
    assert not left
    (replica,) = models(trial, seeds=[0], epochs=3, batch=quarter, steps=steps)
    view = replica.stage.view(replica.setting, None, {})
    pack = Pack([replica], [replace(view, columns={"row": torch.arange(rows)})])
    batches = [batch for epoch in range(3) for batch in pack.batches([torch.Generator()], epoch)]
    assert [batch["progress"].unique().item() for batch in batches] == pytest.approx([i / taken for i in range(taken)])
    visits = torch.cat([batch["row"].flatten() for batch in batches]).bincount()
    assert visits.tolist() == [taken / 4] * rows


@pytest.mark.parametrize("engine", ["alone", "stacked"])
def test_how_far_it_is_never_goes_back(trial, engine):
    """Also where data of one's own keep replicas from being trained together."""
    replicas, shares = models(trial, seeds=(0, 1)) + models(trial, seeds=[0], dataset={"bias": 0.7}), []
    for _ in fit(replicas, {r.uid: {} for r in replicas}, engine, lambda message, share: shares.append(share)):
        pass
    assert shares == sorted(shares)
    assert shares[-1] == 1
