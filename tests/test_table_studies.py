"""Tables in studies: names of any kind, weights, numbers as targets, and what a reader is told."""

import numpy as np
import pandas as pd
import pytest
import torch
from mlflow.utils.validation import _validate_metric_name

from fairray import config
from fairray.card import count_cells, describe_data
from fairray.cli import main
from fairray.datasets.table import Table
from fairray.errors import BadInput
from fairray.evaluation import metrics
from fairray.launch.doctor import checks
from fairray.launch.tracking import clean_name
from fairray.records import headline
from fairray.trial import Trial, execute, results

DOTTED = "default.payment.next.month"


@pytest.fixture
def path(tmp_path):
    """A file with a sex, two bits, a third that tells little, a weight, a wage, and two names with dots."""
    rng = np.random.default_rng(0)
    bits = {name: rng.integers(0, 2, 480) for name in ("a", "b", "edu.c")}
    sex = rng.choice(["f", "m"], 480)
    y = (bits["a"] + bits["b"] + (sex == "m") + rng.normal(size=480) > 1.5).astype(int)
    more = {"w": rng.integers(1, 4, 480), "wage": 50_000 + 9_000 * bits["a"] + 100 * rng.normal(size=480).round(2)}
    part = np.repeat(["train", "val", "test"], [240, 120, 120])
    frame = pd.DataFrame({"sex": sex, **bits, DOTTED: y, **more, "part": part})
    frame.to_csv(tmp_path / "t.csv", index=False)
    return tmp_path / "t.csv"


@pytest.fixture
def study(path, tmp_path):
    def make(task, *overrides):
        spec = f"{{name: table, path: {path}, target: {DOTTED}, protected: sex, without: [w, wage, part]}}"
        fixed = ["launch=local", f"launch.output={tmp_path / 'runs'}", "launch.tracking=none"]
        return config.load("bade_benchmarks", "smoke", [f"tasks={{{task}: {spec}}}", *fixed, *overrides])

    return make


ONE = ("methods=[standard]",)


@pytest.mark.parametrize(
    ("task", "label", "overrides"),
    [
        ("Credit v1.0", "Credit v1.0", ["tasks.Credit v1.0.seed=3"]),
        ("Credit v1.0", "Credit v1.0", ['tasks."Credit v1.0".seed=3']),
        ("Credit v1.0", "Credit v1.0", ["tasks.*.seed=3"]),
        ("a/b (é) *", "a/b (é) *", ['tasks."a/b (é) *".seed=3']),
        ("X", "X", ["tasks.X.where={edu.c: [0, 1]}", 'tasks.X.where."edu.c"=[1]', "tasks.X.seed=3"]),
        ("X", f"X {DOTTED}/edu.c", ["tasks.X.protected=[edu.c, sex]", "tasks.X.seed=3"]),
        ("X", f"X {DOTTED}/sex and edu.c", ["tasks.X.protected=[{sex, edu.c}, sex]", "tasks.X.seed=3"]),
        ("X", "X", ["tasks.X.protected={edu.c: [0.5]}", "tasks.X.inputs=[a, b]", "tasks.X.seed=3"]),
    ],
)
def test_any_name_works_on_the_command_line(study, task, label, overrides):
    made = study(f'"{task}"', *ONE, *overrides)
    made.check()
    assert label in made.tasks
    assert {data.seed for data in made.tasks.values()} == {3}
    if "where" in str(overrides):
        assert made.tasks[label].where == {"edu.c": (1,)}


def test_methods_with_dots_in_their_names(study):
    methods = "methods={standard: standard, bade0.5: {name: bade, strength: {grid: [0.5, 1]}}}"
    made = study(
        "X", methods, 'methods."bade0.5".temperature=2', "searches={bade0.5: tpe}", 'searches."bade0.5".points=1'
    )
    arm = next(arm for arm in made.arms() if arm.name == "bade0.5")
    assert (arm.corner.method.temperature, made.searches["bade0.5"].points) == (2.0, 1)
    assert made.where("methods.bade0.5.temperature") == "command line (methods.bade0.5.temperature)"
    with pytest.raises(BadInput, match="stands for all"):
        study('"*"')
    with pytest.raises(BadInput, match="put it in quotes"):
        study("X", "tasks.X.target=yes")


@pytest.mark.parametrize("task", ["v1.0/(é) *", "a//b", "../x", "%$"])
def test_mlflow_takes_the_names_of_metrics(task):
    name = clean_name(f"{task}/test_eacc/low")
    _validate_metric_name(name)
    assert name.endswith("/test_eacc/low")
    assert clean_name("Adult race/test_eacc") == "Adult race/test_eacc"


def test_a_study_with_such_names_reaches_its_end(study, capsys, path, tmp_path):
    spec = f"{{name: table, path: {path}, target: {DOTTED}, protected: [sex, edu.c], without: [w, wage]}}"
    arguments = [f'tasks={{"v1.0/(é)": {spec}}}', "methods={bade0.5: standard}", "baseline=null", "seeds=1"]
    where = ["launch=local", f"launch.output={tmp_path / 'runs'}", "launch.tracking=none"]
    assert main(["run", "bade_benchmarks", "--scale", "smoke", *arguments, *where]) == 0
    said = capsys.readouterr()
    assert f"v1.0/(é) {DOTTED}/edu.c | bade0.5 | 1 |" in said.out
    assert said.err.count("note: v1.0/(é)") == len({line for line in said.err.splitlines() if line.startswith("note:")})


def weighted(path, method, **arguments):
    return Trial(
        task="t",
        arm="a",
        dataset={
            "name": "table", "path": path, "target": DOTTED, "protected": "sex", "inputs": ["a", "b", "edu.c"],
            "split": "part", **arguments,
        },
        method=method,
        network={"name": "mlp", "units": 4, "depth": 1},
        training={"epochs": 3, "batch": 10_000, "lr": 0.1, "selection": "last"},
        numerics={"dtype": "float64"},
        seeds=(0,),
    )  # fmt: skip


@pytest.mark.parametrize("method", ["standard", "reweighing", "adversarial"])
def test_a_row_that_weighs_three_is_three_rows(method, path, store):
    frame = pd.read_csv(path)
    frame.loc[frame.index.repeat(frame["w"])].to_csv(path.with_name("repeated.csv"), index=False)
    values = []
    for one in (
        weighted(path, method, weights="w"),
        weighted(path.with_name("repeated.csv"), method),
        weighted(path, method),
    ):
        execute([one], store)
        rows = headline(results(one, store).query("split == 'test' and stage == 'evaluation'"))
        rows = rows[rows["metric"].isin([*metrics("binary")])]
        values.append(rows.set_index("metric")["value"].sort_index())
    pd.testing.assert_series_equal(values[0], values[1], rtol=1e-6)
    assert not np.allclose(values[0], values[2], rtol=1e-3)


def test_methods_that_do_not_heed_weights_refuse_them(study):
    made = study("X", "tasks.X.weights=w", "tasks.X.without=[wage, part]", "methods.bade_tuned.strength=1")
    cure = r"methods=\[standard, reweighing, adversarial, rnf, bade, bade_tuned\]"
    with pytest.raises(BadInput, match=f"(?s)undersampling.*does not heed .* weigh.*{cure}"):
        made.check()


def test_what_cannot_serve_is_named_with_what_can(study):
    made = study("X", "tasks.X.problem=regression", "tasks.X.target=wage", "tasks.X.without=[w, part]", "baseline=mfd")
    cure = r"methods=\[standard, bade, bade_tuned\]' baseline=null"
    with pytest.raises(BadInput, match=f"(?s)it is a regression.*{cure}"):
        made.check()


def test_a_regression_is_learnt_and_shown_in_its_unit(study, path, store, tmp_path, capsys):
    spec = f"{{name: table, path: {path}, target: wage, protected: sex, inputs: [a, b], problem: regression}}"
    fixed = ["launch=local", f"launch.output={tmp_path / 'runs'}", "launch.tracking=none", "methods=[standard, bade]"]
    chosen = [
        "objectives=[rmse, rmse_difference]",
        "seeds=1",
        "training.epochs=12",
        "training.lr=0.02",
        "training.batch=48",
    ]
    assert main(["run", "bade_benchmarks", "--scale", "smoke", f"tasks={{X: {spec}}}", *fixed, *chosen]) == 0
    said = capsys.readouterr().out
    assert "| task | method | seeds | RMSE | RMSE difference |" in said
    page = (tmp_path / "runs/reports/bade_benchmarks/smoke/report.html").read_text()
    assert "Nothing was measured" not in page
    records = pd.read_csv(tmp_path / "runs/reports/bade_benchmarks/smoke/records.csv")
    rmse = records.query("metric == 'rmse' and split == 'test' and arm == 'standard' and epoch.isna() and model.isna()")
    wage = pd.read_csv(path)["wage"]
    assert 90 < rmse["value"].mean() < 0.2 * wage.std()  # the noise is 100


def test_notes_are_on_the_page_and_cells_too(study, tmp_path, capsys):
    made = study("X", *ONE, "tasks.X.without=[w]")
    assert main(["run", "bade_benchmarks", "--scale", "smoke", *overrides_of(made, tmp_path)]) == 0
    page = (tmp_path / "runs/reports/bade_benchmarks/smoke/report.html").read_text()
    data = made.datasets()["X"]
    assert all(note.split("'")[0] in page for note in data.notes)
    assert f"<td>{count_cells(data)['train'].iloc[0]}</td>" in page
    assert capsys.readouterr().err.count("few rows, over which rates say little") == 1


def overrides_of(study, tmp_path):
    data = study.tasks["X"]
    spec = f"{{name: table, path: {data.path}, target: {DOTTED}, protected: sex, without: [w]}}"
    return [f"tasks={{X: {spec}}}", *ONE, "launch=local", f"launch.output={tmp_path / 'runs'}", "launch.tracking=none"]


def test_the_doctor_shows_what_was_read(study, path):
    frame = pd.read_csv(path)
    frame["extra"] = "same"
    frame.loc[:9, "a"] = None
    frame.to_csv(path, index=False)
    found = {name: (finding, cure) for name, finding, cure in checks(study("X", *ONE, "tasks.X.without=[w, part]"))}
    said, cure = found["data X"]
    assert cure is None
    lines = [line.strip() for line in said.splitlines()]
    assert lines[0] == f"{DOTTED} ~ sex: train 288, val 96, test 96 rows"
    assert "a: number, 10 missing" in lines
    assert "note: 'extra' is no input: it has the one value 'same'" in lines
    data = study("X", *ONE, "tasks.X.without=[w, part]").datasets()["X"]
    counts = count_cells(data)
    assert counts.to_numpy().sum() == 480
    for label, group in counts.index:
        of = (frame[DOTTED] == int(label)) & (frame["sex"] == group)
        assert counts.loc[label, group].sum() == of.sum()
        assert f"{label} {group} " in " ".join(" ".join(line.split()) for line in lines)


def test_the_doctor_goes_on_where_one_table_is_broken(study, path):
    path.write_text(path.read_text().replace("sex,a,", "sex,", 1))
    found = {name: (finding, cure) for name, finding, cure in checks(study("X", *ONE))}
    assert "its first line has 7 names, and a row has 8 values" in found["data X"][0]
    assert found["report"][1] is None


def test_many_subgroups_are_told_by_the_smallest(path):
    frame = pd.read_csv(path)
    pd.concat([frame.assign(sex=frame["sex"] + str(i)) for i in range(10)]).to_csv(path, index=False)
    data = Table(path=path, target=DOTTED, protected={"sex": None, "w": (1.5, 2.5)}, inputs=("a",)).load()
    assert len(data.groups) == 60
    assert torch.unique(data.train["group"]).tolist() == [*range(60)]
    counts = count_cells(data)
    said = next(line for line in describe_data(data) if "subgroups" in line)
    assert said.startswith("120 subgroups (label, group), with the fewest rows in a split: ")
    assert f"({counts.to_numpy().min()})" in said
