"""Bad input: one clear message with the cure, exit code 2, and nothing started."""

import pytest

from fairray.cli import main


@pytest.fixture
def refused(tmp_path, capsys):
    """Runs a study that must be refused; gives the message."""

    def go(*arguments, study="bade_benchmarks"):
        output = tmp_path / "runs"
        code = main(["run", study, "--scale", "smoke", f"launch.output={output}", *arguments])
        message = capsys.readouterr().err
        assert code == 2
        assert message.count("error:") == message.count("cure:") == 1
        assert "Traceback" not in message
        assert not output.exists()
        return message

    return go


@pytest.mark.parametrize(
    ("arguments", "where", "says"),
    [
        (["methods.bade=bdae"], "command line (methods.bade)", "did you mean 'bade'"),
        (["methods.bade.temperature=hot"], "command line (methods.bade.temperature)", "got 'hot', expected a number"),
        (["methods.bade.temprature=2"], "methods.bade.temprature", "did you mean 'temperature'"),
        (["methods.bade.strength=1.5"], "methods.bade.strength", "less than or equal to 1"),
        (["methods.bade.strength={low: 0.5, high: 1.5}", "search=tpe"], "methods.bade.strength", "got 1.5"),
        (["methods.bade.strength={low: 0.9, high: 0.5}", "search=tpe"], "methods.bade.strength", "not below"),
        (["methods.bade.strength={low: 0, high: 0.5, log: true}", "search=tpe"], "strength", "has no logarithm"),
        (["methods.bade.strength={low: 0.0, high: 0.5}"], "strength", "needs a grid"),
        (["methods.bade.strength={grid: []}"], "strength", "the grid is empty"),
        (["methods.bade.strength={gird: [1]}"], "strength", "did you mean 'grid'"),
        (["tasks.MEPS.folder=/nowhere"], "/nowhere/meps_train.csv", "no such file"),
        (["tasks.Adult=adlut"], "tasks.Adult", "did you mean 'adult'"),
        (["tasks.Adult.protected=age"], "tasks.Adult.protected", "'sex', 'race'"),
        (["tasks.Adult=adult_race", "tasks.Adult.privileged=Martian"], "protected: race", "no value 'Martian'"),
        (["tasks.Adult.protected=race"], "(methods.bade) on adult (income ~ race)", "5 groups"),
        (["training.epochs=0"], "training.epochs", "greater than or equal to 1"),
        (["training.epohcs=1"], "training.epohcs", "did you mean 'epochs'"),
        (["numerics.dtype=float16"], "numerics.dtype", "'float32'"),
        (["numerics.device=cuda", "launch.gpus=0"], "numerics.device", "jobs are given no GPU"),
        (["numerics.device=tpu"], "numerics.device", "'cpu' or 'cuda'"),
        (["seeds=0"], "seeds", "greater than or equal to 1"),
        (["seeds"], "command line (seeds)", "not key=value"),
        (["launch.workers=-1"], "launch.workers", "greater than or equal to 0"),
        (
            ["tasks={T: {name: toy, side: 8}}", "network=resnet18", "launch.workers=2"],
            "launch.workers",
            "normalises by batch",
        ),
        (["launch=nowhere"], "launch", "there are: cluster, local, ray"),
        (["objectives=[oods]"], "objectives", "did you mean 'odds'"),
        (["objectives=[]"], "objectives", "at least 1"),
        (["baseline=none_such"], "baseline", "no method of this study"),
        (["sclae=small"], "sclae", "no key 'sclae'"),
        (["methods.bade.strength.deep=1"], "methods.bade.strength.deep", "has no keys"),
    ],
)
def test_refused(refused, arguments, where, says):
    message = refused(*arguments)
    assert where in message
    assert says in message


def test_a_tracking_server_that_is_not_there(refused, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    message = refused("tasks.Adult=toy", "launch.tracking=http://127.0.0.1:9")
    assert "MLflow at http://127.0.0.1:9 (launch.tracking): it does not answer" in message


def test_a_misspelt_study(refused):
    assert "did you mean 'bade_benchmarks'" in refused(study="bade_benchmark")


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ("age,sex,hired", "no column 'income'"),
        ("income,sex,hired", "the one value 'f'"),
    ],
)
def test_a_table_that_cannot_be_used(refused, tmp_path, columns, says):
    path = tmp_path / "jobs.csv"
    path.write_text(columns + "\n" + "1,f,yes\n0,f,no\n" * 50)
    message = refused(f"tasks.Adult={{name: table, path: {path}, target: income, protected: sex}}")
    assert str(path) in message
    assert says in message


def test_a_file_that_is_not_yaml(refused, tmp_path, monkeypatch):
    from fairray import catalogue

    folder = tmp_path / "conf" / "method"
    folder.mkdir(parents=True)
    (folder / "broken.yaml").write_text("name: [bade")
    monkeypatch.setattr(catalogue, "ROOTS", (tmp_path, *catalogue.ROOTS))
    assert "broken.yaml: it is not yaml" in refused("methods.bade=broken")
    (folder / "broken.yaml").write_text("name: bade\nstrenght: 1.0\n")
    message = refused("methods.bade=broken")
    assert "broken.yaml (methods.bade.strenght)" in message
    assert "did you mean 'strength'" in message
