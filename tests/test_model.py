"""The trained network of a trial, taken out: it predicts from new rows what the trial's own rows were predicted."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open

import fairray
from fairray.datasets._cells import match_values
from fairray.errors import BadInput
from fairray.model import Model, take_model
from fairray.trial import Trial, dataset, execute

TABLE = {"name": "table", "target": "hired", "protected": "sex", "categories": ["code"], "missing": [-9]}


@pytest.fixture(scope="module")
def rows():
    """With gaps, text, numbers as people write them, and numbers that are names."""
    random = np.random.default_rng(0)
    count = 400
    frame = pd.DataFrame({"sex": random.choice(["f", "m"], count), "years": random.integers(30, size=count)})
    frame["pay"] = [f"{pay:,}" for pay in random.integers(900, 90_000, count)]
    frame["town"] = random.choice(["a", "b", None], count)
    frame["skill"] = np.where(random.random(count) < 0.1, np.nan, random.normal(size=count))
    frame["age"] = np.where(random.random(count) < 0.1, -9, random.integers(20, 60, count))
    frame["code"] = random.integers(3, size=count)
    frame["hired"] = np.where(frame["years"] + random.normal(size=count) > 14, "yes", "no")
    return frame


def take(member, method, store, seed=0, **keys):
    """The model of a trial that was run, and the trial."""
    keys = {"network": {"name": "mlp", "units": 8, "depth": 1}, "training": {"epochs": 2, "lr": 0.01}, **keys}
    trial = Trial("t", "a", member, method, seeds=(0, 1), **keys)
    execute([trial], store)
    return take_model(trial, seed, store.read), trial


def stored_logits(trial, store, seed=0):
    return store.read(trial.replicas[seed].parents["model"].uid).tensors["test/logits"]


@pytest.mark.parametrize(
    ("member", "method", "keys"),
    [
        ("toy", "standard", {}),
        ("toy", "bade", {}),
        ("toy", "adversarial", {}),
        ("toy", "rnf", {}),
        ("toy", "standard", {"numerics": {"dtype": "float64"}}),
        ("toy", "standard", {"numerics": {"dtype": "bfloat16"}}),
        ({"name": "toy", "side": 8}, "bade", {"network": {"name": "small_cnn", "channels": 2}}),
    ],
)
def test_it_predicts_the_test_rows_as_the_trial_did(member, method, keys, store):
    model, trial = take(member, method, store, seed=1, **keys)
    with torch.no_grad():
        logits = model(trial.data.test["x"])
    rough = 0.02 if keys.get("numerics") == {"dtype": "bfloat16"} else 1e-5
    torch.testing.assert_close(logits, stored_logits(trial, store, 1), rtol=rough, atol=rough)
    said = model.predict(trial.data.test["x"].numpy())
    assert [*said["label"]] == [trial.data.classes[i] for i in stored_logits(trial, store, 1).argmax(-1)]
    np.testing.assert_allclose(said[["0", "1"]].sum(axis=1), 1)


def test_new_rows_are_encoded_as_the_training_rows_were(rows, store, tmp_path):
    rows.to_csv(tmp_path / "rows.csv", index=False)
    model, trial = take({**TABLE, "path": tmp_path / "rows.csv"}, "standard", store)
    data = trial.data
    own = rows.iloc[data.test["id"].numpy()]
    x = torch.from_numpy(model._encode(own[[*reversed(own.columns)]]))
    assert torch.equal(x, data.test["x"])
    labels = [data.classes[i] for i in stored_logits(trial, store).argmax(-1)]
    said = model.predict(own)
    assert [*said["hired"]] == labels
    assert said.index.equals(own.index)
    as_floats = own.assign(code=own["code"].astype(float), pay=own["pay"].str.replace(",", "").astype(int))
    assert [*model.predict(as_floats)["hired"]] == labels
    single = model.predict(own.iloc[:1].assign(town=None, skill=None))  # a column may be all gaps
    assert len(single) == 1


def test_a_number_is_predicted_in_its_own_unit(rows, store, tmp_path):
    rows.to_csv(tmp_path / "rows.csv", index=False)
    spec = {**TABLE, "path": tmp_path / "rows.csv", "target": "years", "problem": "regression"}
    model, trial = take(spec, "standard", store)
    data = trial.data
    train = rows.iloc[data.train["id"].numpy()]["years"]
    assert (model.about.zero, model.about.unit) == (pytest.approx(train.mean()), pytest.approx(train.std(ddof=0)))
    said = model.predict(data.test["x"])["years"]
    logits = stored_logits(trial, store)[:, 0].numpy()
    np.testing.assert_allclose(said, logits * train.std(ddof=0) + train.mean(), rtol=1e-4)


def test_it_is_saved_and_loaded_without_data(rows, store, tmp_path):
    path = tmp_path / "rows.csv"
    rows.to_csv(path, index=False)
    model, _ = take({**TABLE, "path": path}, "standard", store)
    file = model.save(tmp_path / "model.safetensors")
    path.unlink()
    state = torch.get_rng_state()
    again = fairray.load_model(file)
    assert torch.equal(torch.get_rng_state(), state)
    assert again.about == model.about
    pd.testing.assert_frame_equal(again.predict(rows), model.predict(rows))
    with safe_open(file, "pt") as held:
        assert json.loads(held.metadata()["fairray"])["classes"] == ["no", "yes"]


def test_what_it_cannot_do_is_told(rows, store, tmp_path):
    rows.to_csv(tmp_path / "rows.csv", index=False)
    model, trial = take({**TABLE, "path": tmp_path / "rows.csv"}, "standard", store)
    (tmp_path / "no.safetensors").write_bytes(b"x")
    tries = {
        "there is no column 'pay'": lambda: model.predict(rows.drop(columns="pay")),
        r"rows \(years\): it holds non-numeric values": lambda: model.predict(rows.assign(years="many")),
        r"they have the shape \(4, 3\)": lambda: model.predict(torch.zeros(4, 3)),
        "there is no seed 7": lambda: take_model(trial, 7, store.read),
        "it is no model": lambda: Model.load(tmp_path / "no.safetensors"),
        "not one network that predicts": lambda: take("toy", "artificial_bias", store),
    }
    for says, fails in tries.items():
        with pytest.raises(BadInput, match=says):
            fails()


def test_a_network_that_is_given_more_than_the_inputs_is_refused(store):
    """The teacher of BaDe sees a trigger that depends on the group, in images of the same shape."""
    one = Trial("t", "a", {"name": "toy", "side": 8}, "bade", {"name": "small_cnn", "channels": 2}, {"epochs": 1})
    execute([one], store)
    (teacher,) = [end for end in one.ends if end.stage.model.name == "teacher"]
    object.__setattr__(one, "replicas", [teacher])
    with pytest.raises(BadInput, match="not one network that predicts"):
        take_model(one, 0, store.read)


def test_the_data_set_says_how_it_was_encoded(rows, tmp_path):
    rows.to_csv(tmp_path / "rows.csv", index=False)
    data = dataset({**TABLE, "path": tmp_path / "rows.csv"})
    columns = {column.name: column for column in data.columns}
    assert columns["town"].levels == ("?", "a", "b")
    assert columns["code"].levels == ("0", "1", "2")
    assert columns["skill"].width == 2
    assert columns["years"].mean == pytest.approx(rows["years"].iloc[data.train["id"].numpy()].mean())


def test_numbers_are_the_categories_that_they_equal_however_they_are_written():
    cells = pd.Series(["1.0", "2", "3", "x"], dtype="category")
    assert match_values(cells, ["1", "2.0", "x"]).tolist() == ["1", "2.0", "3", "x"]
