import pytest
import torch

from fairray.training.fit import fit
from fairray.training.objective import chunks, trained

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
        (batch,) = chunks(dataset, {**val, "x": val["x"].double()})
        with torch.no_grad():
            logits, _ = model(batch, {}, {}, predict=True)
        torch.testing.assert_close(logits, artifact.tensors["val/logits"], rtol=1e-12, atol=1e-12)
        curve = artifact.records.query("metric == 'accuracy'").set_index("epoch")["value"]
        right = (logits.argmax(1) == val["y"]).double().mean().item()
        assert right == pytest.approx(curve.max())
        assert kept(artifact) == curve.idxmax()
