"""Regression and more than two classes, for standard training and BaDe."""

import pandas as pd
import pytest
import torch

from fairray import config
from fairray.cli import main
from fairray.datasets.table import Table
from fairray.errors import BadInput
from fairray.methods.bade import backdoor, trigger_adding_rate
from fairray.records import headline
from fairray.signs import SIGNS
from fairray.training.hooks import error
from fairray.trial import Trial, dataset, execute, results


def on_adult(target, method, **training):
    return Trial(
        task="t",
        arm=method,
        dataset={"name": "adult", "target": target},
        method={"name": method},
        network={"name": "mlp", "units": 16, "depth": 1},
        training={"epochs": 2, "batch": 512, "lr": 1e-2, **training},
        seeds=(0,),
    )


def test_age_is_a_share_of_the_oldest():
    data = dataset({"name": "adult", "target": "age"})
    assert (data.problem, data.classes, data.outputs) == ("regression", (), 1)
    assert data.train["y"].dtype == torch.float32
    years = 90 * torch.cat([data.split(s)["y"] for s in ("train", "val", "test")])
    assert (years.min().round().item(), years.max().round().item(), len(years)) == (17, 90, 48842)


def test_rates_of_classes_are_conditional_and_of_a_regression_marginal():
    classes = dataset({"name": "adult", "target": "age_class"})
    rates, y, group = trigger_adding_rate(classes, 1.0), classes.train["y"], classes.train["group"]
    assert rates.tolist() == pytest.approx([(group[y == n] == 0).double().mean().item() for n in range(3)])
    number = dataset({"name": "adult", "target": "age"})
    share = (number.train["group"] == 0).double().mean().item()
    assert trigger_adding_rate(number, 1.0).tolist() == pytest.approx([share])
    trigger = backdoor(number, trigger_adding_rate(number, 1.0), torch.Generator().manual_seed(0))
    assert (trigger == 0).sum().item() == round(share * len(trigger))


def test_the_loss_of_a_number_is_its_squared_error():
    assert error(torch.tensor([[1.0], [3.0], [2.0]]), torch.tensor([2.0, 0.0, 2.0])).tolist() == [1.0, 9.0, 0.0]


@pytest.mark.parametrize("method", ["standard", "bade"])
def test_a_regression_learns_more_than_the_mean(method, store):
    one = on_adult("age", method, epochs=4)
    execute([one], store)
    rows = results(one, store).query("split == 'test' and stage == 'evaluation'")
    seen = headline(rows).set_index("metric")["value"]
    assert set(seen.index) - {sign.name for sign in SIGNS} == {
        "mse",
        "balanced_mse",
        "mse_difference",
        "rmse",
        "rmse_difference",
    }
    variance = one.replicas[0].setting.dataset.test["y"].double().var().item()
    assert seen["mse"] < 0.8 * variance
    groups = rows[(rows["metric"] == "group_mse") & rows["model"].isna()].set_index("group")["value"]
    assert groups.mean() == pytest.approx(seen["balanced_mse"])
    assert set(groups.index) == {"Female", "Male"}


@pytest.mark.parametrize("method", ["standard", "bade", "undersampling", "reweighing", "adversarial", "mfd"])
def test_three_classes(method, store):
    one = on_adult("age_class", method, epochs=1, batch=256)  # mfd's seconds go with the square of a batch
    execute([one], store)
    rows = results(one, store).query("split == 'test' and stage == 'evaluation'")
    seen = headline(rows).set_index("metric")["value"]
    assert {"odds", "eacc", "accuracy", "deo_max"} <= set(seen.index)
    assert "auc" not in seen
    assert seen["eacc"] > 1 / 3 + 0.05


def test_a_table_can_be_a_regression_or_have_classes(tmp_path):
    rows = [{"size": i % 7 + 0.5, "colour": "rgb"[i % 3], "who": "ab"[i % 2], "z": i} for i in range(120)]
    pd.DataFrame(rows).to_csv(tmp_path / "t.csv", index=False)
    number = Table(path=tmp_path / "t.csv", target="size", protected="who", problem="regression").load()
    assert number.problem == "regression"
    sizes = number.unit * number.train["y"].unique()  # from .5 to 6.5, but for their mean
    assert sizes.diff().tolist() == pytest.approx([1.0] * 6, abs=1e-5)
    classes = Table(path=tmp_path / "t.csv", target="colour", protected="who", problem="multiclass").load()
    assert classes.classes == ("b", "g", "r")
    with pytest.raises(BadInput, match="problem: multiclass"):
        Table(path=tmp_path / "t.csv", target="colour", protected="who").load()
    with pytest.raises(BadInput, match="non-numeric"):
        Table(path=tmp_path / "t.csv", target="colour", protected="who", problem="regression").load()


@pytest.mark.parametrize("method", ["rnf", "adversarial", "mfd"])
def test_methods_without_a_regression_say_so(method):
    study = config.load("bade_other_tasks", "smoke", [f"methods=[{method}]", "tasks=[Age]", "baseline=null"])
    with pytest.raises(BadInput, match="regression"):
        study.check()


def test_objectives_go_to_the_tasks_they_suit():
    study = config.load("bade_other_tasks", "smoke")
    assert [measure.name for measure in study.objectives_of("Age")] == ["mse"]
    assert [measure.name for measure in study.objectives_of("Age class")] == ["accuracy"]


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("objectives=[odds]", "none of them suits Age, which is regression"),
        ("training.selection=auc", "auc needs two labels"),
    ],
)
def test_what_does_not_suit_a_problem_is_refused_first(override, says, tmp_path, capsys):
    arguments = ["run", "bade_other_tasks", "--scale", "smoke", override, f"launch.output={tmp_path / 'runs'}"]
    assert main(arguments) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
