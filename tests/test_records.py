"""One tidy table: its columns, what a headline is, and measures that say themselves how they are printed."""

import numpy as np
import pandas as pd
import pytest
import torch
from conformance import DATA, quick, served

from fairray import members
from fairray.errors import BadInput
from fairray.evaluation import Evaluation, measure_all, metrics
from fairray.measures import NUMBER, PERCENT, Measure, Unit, find, measure
from fairray.metrics import Predictions
from fairray.records import COLUMNS, DETAILS, headline, join, rows
from fairray.signs import SIGNS
from fairray.training.stage import TrainStage
from fairray.trial import dataset, execute, results, stages

metrics()  # declares them


def test_a_row_for_each_value_with_every_column_and_its_type():
    table = rows({"odds": 0.1, "eacc": torch.tensor([0.8, 0.9])[0]}, split="val")
    assert list(table.columns) == [*COLUMNS]
    assert {name: str(kind) for name, kind in table.dtypes.items()} == COLUMNS
    assert table[["metric", "value", "split"]].to_numpy().tolist() == [
        ["odds", 0.1, "val"],
        ["eacc", pytest.approx(0.8), "val"],
    ]
    assert table[[*DETAILS]].isna().all(axis=None)
    images = rows({"accuracy": torch.tensor([True, False])}, split="test", sample=torch.tensor([7, 9]))
    assert images[["value", "sample"]].to_numpy().tolist() == [[1.0, 7.0], [0.0, 9.0]]
    assert {name: str(kind) for name, kind in join([]).dtypes.items()} == COLUMNS


def test_a_measure_that_nothing_declares_is_an_error_everywhere():
    with pytest.raises(BadInput, match="there is no measure 'oods'") as error:
        rows({"oods": 0.1})
    assert "did you mean 'odds'" in error.value.cure
    with pytest.raises(BadInput, match="there is no measure 'oods'"):
        find("oods")


@pytest.mark.parametrize("detail", DETAILS)
def test_a_headline_is_of_nothing_special(detail):
    value = 1 if DETAILS[detail] == "float64" else "all"
    table = join([rows({"odds": 0.1}, split="test"), rows({"odds": 0.2}, split="test", **{detail: value})])
    assert headline(table)["value"].tolist() == [0.1]


def test_a_group_may_be_called_all():
    """It was a word for every group, and a legal name of one."""
    logits = torch.tensor([[[0.0, 1], [1, 0], [0, 1], [1, 0]]])
    seen = Predictions(logits, torch.tensor([1, 0, 0, 1]), torch.tensor([0, 0, 1, 1]), 2)
    table = join(measure_all(seen, metrics("binary").values(), ("all", "some"), split="test"))
    whole = headline(table).set_index("metric")["value"]
    assert whole["accuracy"] == 0.5
    assert "group_accuracy" not in whole
    groups = table[table["metric"] == "group_accuracy"].set_index("group")["value"]
    assert groups.to_dict() == {"all": 1.0, "some": 0.0}


def test_a_measure_says_how_it_is_printed():
    assert (find("odds").title, find("odds").best, find("odds").unit) == ("Odds", "low", PERCENT)
    assert (find("mse").title, find("mse").unit) == ("MSE", NUMBER)
    assert find("eacc").problems == ("binary", "multiclass")
    assert list(metrics("regression")) == [
        "balanced_mse", "group_mse", "group_rmse", "mse", "mse_difference", "rmse", "rmse_difference"
    ]  # fmt: skip


def test_a_name_has_one_meaning():
    Measure("own_in_test", "Own", Unit(" (points)", 10.0))
    Measure("own_in_test", "Own", Unit(" (points)", 10.0))
    with pytest.raises(BadInput, match="measure own_in_test"):
        Measure("own_in_test", "Own", NUMBER)

    @measure("Marked", unit=NUMBER, best="low", problems=("regression",))
    def marked_in_test(p):
        """A metric of somebody's."""

    told = Measure("marked_in_test", "Marked", NUMBER, "low", ("regression",), by_group=True)  # as most metrics are
    assert find("marked_in_test") == told


def test_every_metric_declares_what_it_is():
    for name, metric in metrics().items():
        assert metric.measure is find(name)
        assert metric.__name__ == name


# where a model predicts one class alone
UNDEFINED = ("predictive_parity_difference", "demographic_parity_ratio", "equalized_odds_ratio")


@pytest.mark.parametrize("method", members.names("methods"))
def test_every_stage_s_records_have_the_same_columns(method, trial, store):
    kind = served(method)[0]
    one = trial(quick(method), seeds=[0], dataset=DATA[kind], epochs=1)
    execute([one], store)
    every = stages(one.ends)
    own = {measure.name for replica in every.values() for measure in getattr(replica.stage, "measures", ())}
    declared = {*metrics(), *own, "loss", "kept_epoch"}
    for uid, replica in every.items():
        table = store.records(uid)
        assert {name: str(kind) for name, kind in table.dtypes.items()} == COLUMNS, replica.stage.name
        assert set(table["metric"]) <= declared, replica.stage.name
    found = results(one, store)
    assert not found.duplicated(["uid", "metric", "split", *DETAILS]).any()
    test = headline(found).query("split == 'test'")
    assert test["metric"].is_unique
    defined = ~test["metric"].isin(UNDEFINED)
    assert np.isfinite(test["value"][defined]).all()


def test_every_trained_model_has_every_fairness_metric(trial, store):
    """BaDe's teacher, and the model that is probed, not only what a chain ends in."""
    one, other = trial("bade", seeds=[0]), trial({"name": "suppress", "probe_epochs": 1}, seeds=[0])
    execute([one, other], store)
    for made, model in ((one, "teacher"), (other, "suppressed")):
        found = results(made, store).query("split == 'test' and model == @model")
        assert set(found["metric"]) == {*metrics("binary"), *(sign.name for sign in SIGNS)}
        uid = next(uid for uid, replica in stages(made.ends).items() if replica.stage.name == model)
        logits, data = store.read(uid).tensors["test/logits"], made.data.test
        seen = Predictions(logits[None], data["y"], data["group"], 2)
        odds = found[(found["metric"] == "odds")]["value"].item()
        assert odds == pytest.approx(metrics()["odds"](seen).item())


def test_records_of_a_study_may_be_joined_with_none():
    assert len(join([pd.DataFrame(), rows({"odds": 0.1})])) == 1


def test_predictions_of_several_splits_have_the_examples_of_each_in_turn():
    data = dataset({"name": "toy", "size": 256})
    seen = Predictions.of(torch.zeros(1, len(data.val["y"]) + len(data.test["y"]), 2), data, "val", "test")
    for name in ("y", "group"):
        assert torch.equal(getattr(seen, name), torch.cat([data.val[name], data.test[name]]))
    assert not torch.equal(data.val["y"], data.test["y"])


def test_every_model_that_is_trained_is_measured(trial):
    """Those before what the method ends in, too."""
    one = trial("artificial_bias", seeds=[0, 1])
    models = {uid for uid, replica in one.needed.items() if isinstance(replica.stage, TrainStage)}
    assert len(models) == 4
    assert {end.parents["model"].uid for end in one.ends if isinstance(end.stage, Evaluation)} == models
