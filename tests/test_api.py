"""fairray in Python: what `import fairray` gives, and that it is the same as on the command line."""

import runpy
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

import fairray
from fairray import catalogue, config, report
from fairray.cli import main
from fairray.errors import BadInput
from fairray.identity import field_values
from fairray.measures import find
from fairray.networks.mlp import Mlp
from fairray.records import headline
from fairray.report import _figures
from fairray.trial import dataset

HEAVY = "torch", "ray", "mlflow", "pandas", "numpy", "optuna", "matplotlib", "pydantic"


def test_importing_fairray_loads_nothing_heavy():
    program = f"import fairray, sys; dir(fairray); print([name for name in {HEAVY} if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        _ = fairray.lod


def test_it_says_that_it_is_typed():
    assert Path(fairray.__file__).with_name("py.typed").is_file()


def test_arguments_of_python_are_those_of_the_command_line(tmp_path):
    said = ["training.epochs=3", "seeds=3", "methods=[standard, bade]", f"tasks.MEPS.folder={tmp_path}"]
    keys = {"training.epochs": 3, "tasks.MEPS.folder": tmp_path}
    study = fairray.load("bade_benchmarks", keys, scale="smoke", seeds=3, methods=("standard", "bade"))
    assert field_values(study) == field_values(config.load("bade_benchmarks", "smoke", said)) | {"where": study.where}


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: fairray.load("bade_benchmark"), "did you mean 'bade_benchmarks'"),
        (lambda: fairray.load("none.yaml"), "none.yaml: there is no such file"),
        (lambda: fairray.load("bade_benchmarks", scale="fixed"), "there is no scale 'fixed'"),
        (lambda: fairray.load("bade_benchmarks", sedes=3), r"argument \(sedes\): there is no key 'sedes'"),
        (lambda: fairray.load("bade_benchmarks", seeds=0), r"argument \(seeds\): got 0"),
        (lambda: fairray.declare(tasks=["toy"], methods=["badde"]), r"argument \(methods.badde\): .*'badde'"),
        (lambda: fairray.declare(tasks=[], methods=["bade"]), r"argument \(tasks\): got \[\]"),
        (lambda: fairray.declare(tasks=["toy"], methods=["bade"], network={"name": "mlp", "unit": 0}), "network.unit"),
        (lambda: fairray.declare(tasks=["toy"], methods=["bade"], scales={"small": {}}), "no scale changes"),
    ],
)
def test_wrong_values_are_told_with_their_place(make, says):
    with pytest.raises(BadInput, match=says):
        make()


@pytest.mark.parametrize("name", catalogue.studies())
def test_a_saved_study_is_the_same_at_every_scale(name, tmp_path):
    study = config.load(name, "smoke")
    path = tmp_path / "saved.yaml"
    path.write_text(config.dump(study))
    again = config.load(str(path))
    kept = ("name", "question", "scale", "families", "left_out", "networks", "trainings", "searches", "printed_tasks")
    assert replace(again, **{key: getattr(study, key) for key in kept}) == study
    assert [(arm.parts, arm.fixed) for arm in again.arms()] == [(arm.parts, arm.fixed) for arm in study.arms()]
    with pytest.raises(BadInput, match="it has no scales, and paper was asked for"):
        config.load(str(path), "paper")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return fairray.declare(
        tasks={"Toy": {"name": "toy", "size": 256}},
        methods={"standard": "standard", "bade": {"name": "bade", "strength": {"grid": [0.0, 1.0]}}},
        network=Mlp(units=8, depth=1),
        training={"epochs": 2, "lr": 0.01},
        seeds=2,
        launch={"executor": "local", "tracking": "none", "output": str(tmp_path_factory.mktemp("runs"))},
    )


@pytest.fixture(scope="module")
def results(study):
    with pytest.raises(BadInput, match="nothing of it is stored"):
        study.results()
    assert study.plan().trials == 3
    return study.run(quiet=True)


def test_a_quiet_run_says_nothing_and_another_how_far_it_is(study, results, capsys):
    study.run(quiet=True)
    assert capsys.readouterr() == ("", "")
    study.run()
    assert "everything is stored" in capsys.readouterr().err


def test_results_are_frames(results):
    table, verdict = results.table("eacc"), results.verdict("eacc", "odds")
    chosen = results.best("Toy", "bade")
    assert chosen.point["method.strength"] in (0.0, 1.0)
    rows = headline(results.records).query("trial == @chosen.uid and split == 'test' and metric == 'eacc'")
    assert {*rows["seed"]} == {0, 1}
    row = table[table["method"] == "bade"].iloc[0]
    assert (row["mean"], row["n"]) == (pytest.approx(100 * rows["value"].mean()), 2)
    assert row["low"] < row["mean"] < row["high"]
    assert row["doubt"] == results.doubt("Toy", "bade")
    assert [*zip(verdict["method"], verdict["against"], verdict["metric"])] == [
        ("bade", "standard", "eacc"), ("bade", "standard", "odds")
    ]  # fmt: skip
    for wrong in (("Toi", "bade"), ("Toy", "bad")):
        with pytest.raises(BadInput, match="did you mean"):
            results.best(*wrong)


def test_the_model_of_a_chosen_trial_predicts(results):
    model = results.model("Toy", "bade", seed=1)
    stored = results.read(results.best("Toy", "bade").replicas[1].parents["model"].uid).tensors["test/logits"]
    assert [*model.predict(dataset({"name": "toy", "size": 256}).test["x"])["label"].astype(int)] == [*stored.argmax(1)]


def test_a_plot_is_a_figure_that_a_notebook_shows(results):
    figure = results.plot("odds", "accuracy")
    assert isinstance(figure, Figure)
    (axes,) = figure.axes
    assert find("odds").title in axes.get_xlabel()
    assert find("accuracy").title in axes.get_ylabel()
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_a_notebook_keeps_its_way_to_draw(monkeypatch):
    used: list[str] = []
    monkeypatch.setattr(mpl, "use", used.append)
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    runpy.run_path(_figures.__file__)
    assert used == []
    monkeypatch.delenv("MPLBACKEND")
    runpy.run_path(_figures.__file__)
    assert used == ["agg"]


def test_a_notebook_shows_what_there_is(study, results):
    assert "strength of 0.0 or 1.0" in study._repr_html_()
    assert "bade" in repr(study)
    assert "stages to compute" in str(study.plan())
    plan = study.plan()
    assert "<td>Toy</td>" in plan._repr_html_()
    assert "{" not in plan._repr_html_()
    lost = replace(plan, arms=[replace(plan.arms[0], failed={"error": 2, "memory": 1})])
    assert "<td>2 (error), 1 (memory)</td>" in lost._repr_html_()
    assert "<td>Toy</td>" in results._repr_html_()
    assert "<a href" in next(iter(report.Table()(results))).html
    assert "<a href" not in results._repr_html_()  # there is no page


def test_a_saved_study_is_stored_already_for_the_command_line(study, results, tmp_path, capsys):
    with pytest.raises(BadInput, match=r"call it mine\.yaml"):
        study.save(tmp_path / "mine.txt")
    assert main(["run", str(study.save(tmp_path / "mine.yaml"))]) == 0
    assert "everything is stored" in capsys.readouterr().err
