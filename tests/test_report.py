"""From a run on the command line to the report, the mirror, and back to nothing to do."""

import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from mlflow import MlflowClient

from fairray.cli import main
from fairray.statistics.intervals import mean_interval

ARGUMENTS = ["bade_benchmarks", "--scale", "smoke", "tasks.Adult=toy", "launch=local", "launch.threads=1"]


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    assert main(["run", *ARGUMENTS, f"launch.output={folder}"]) == 0
    return folder


@pytest.fixture
def reports(output):
    return output / "reports" / "bade_benchmarks" / "smoke"


@pytest.fixture
def client(output):
    return MlflowClient(tracking_uri=f"sqlite:///{output / 'mlflow.db'}")


@pytest.fixture
def runs(client):
    experiment = client.get_experiment_by_name("bade_benchmarks")
    return list(client.search_runs([experiment.experiment_id], max_results=1000))


def test_the_table_is_the_mean_of_the_records(reports):
    table = pd.read_csv(reports / "table.csv").set_index(["method", "metric"])
    records = pd.read_csv(reports / "records.csv")
    rows = records.query("arm == 'reweighing' and split == 'test' and metric == 'odds' and epoch.isna()")
    expected = mean_interval(100 * rows["value"])
    assert table.loc[("reweighing", "odds"), "mean"] == pytest.approx(expected.mean)
    assert table.loc[("reweighing", "odds"), "high"] == pytest.approx(expected.high)
    assert table.loc[("standard", "odds"), "printed"] == 4.92
    assert table.loc[("bade", "eacc"), "printed"] == 79.23
    assert (reports / "table.tex").read_text().count(r"\\") == 6
    assert (reports / "table.md").read_text().count("\n") == 7


def test_the_page_stands_alone(reports):
    page = (reports / "report.html").read_text()
    assert not re.findall(r"(?:src|href)=['\"](?!data:)", page)
    assert "Which method lowers bias" in page
    for part in ("Verdict", "Table", "Accuracy and fairness", "Search", "What was run", "git_sha", "uids"):
        assert part in page
    assert page.count("data:image/png;base64,") == 2
    assert "MEPS was left out" in page
    uid = pd.read_csv(reports / "records.csv")["uid"].iloc[0]
    assert uid in page


def test_runs_are_nested(runs):
    by_id = {run.info.run_id: run for run in runs}
    parent = [run for run in runs if "fairray.study" in run.data.tags]
    arms = [run for run in runs if "fairray.arm" in run.data.tags]
    trials = [run for run in runs if "fairray.trial" in run.data.tags]
    assert (len(parent), len(arms), len(trials)) == (1, 5, 9)
    assert {run.data.tags["mlflow.parentRunId"] for run in arms} == {parent[0].info.run_id}
    assert {by_id[run.data.tags["mlflow.parentRunId"]].info.run_name for run in trials} == {
        "standard", "undersampling", "reweighing", "bade", "bade_tuned"
    }  # fmt: skip
    assert {run.info.status for run in runs} == {"FINISHED"}


def test_a_trial_shows_everything(client, runs, reports):
    [run] = [run for run in runs if run.info.run_name == "Adult strength=0.25" or run.info.run_name.endswith("=0.25")]
    assert run.data.params["method.strength"] == "0.25"
    assert run.data.params["training.lr"] == "0.001"
    assert {"git_sha", "git_dirty", "torch", "seeds", "fairray.uids"} <= set(run.data.tags)
    metrics = run.data.metrics
    assert metrics["test_odds/n"] == 2
    mean = (metrics["test_odds/seed0"] + metrics["test_odds/seed1"]) / 2
    assert metrics["test_odds"] == pytest.approx(mean)
    assert metrics["test_odds/low"] <= mean <= metrics["test_odds/high"]
    assert {"test_true_positive_rate/0", "val_eacc", "test_auc"} <= set(metrics)
    curve = client.get_metric_history(run.info.run_id, "student/val_odds")
    assert [point.step for point in curve] == [0, 1]


def test_the_report_is_kept_with_the_study(client, runs):
    [parent] = [run for run in runs if "fairray.study" in run.data.tags]
    kept = {file.path for file in client.list_artifacts(parent.info.run_id, "report")}
    assert {"report/report.html", "report/tradeoff.png", "report/table.csv"} <= kept


def test_again_shows_nothing_new(output, runs, client, capsys):
    assert main(["run", *ARGUMENTS, f"launch.output={output}"]) == 0
    assert "everything is stored: 8 trials, 0 to run" in capsys.readouterr().err
    experiment = client.get_experiment_by_name("bade_benchmarks")
    assert len(client.search_runs([experiment.experiment_id], max_results=1000)) == len(runs)


def test_status_and_report(output, capsys):
    assert main(["status", *ARGUMENTS, f"launch.output={output}"]) == 0
    assert capsys.readouterr().out.count("100%") == 5
    assert main(["report", *ARGUMENTS, f"launch.output={output}"]) == 0
    assert "| Adult | standard | 2 |" in capsys.readouterr().out
    assert main(["report", *ARGUMENTS, f"launch.output={output}", "seeds=3"]) == 2


def test_doctor(output, capsys):
    assert main(["doctor", *ARGUMENTS, f"launch.output={output}"]) == 0
    assert "Adult: label ~ attribute, 1024 training rows" in capsys.readouterr().out
    assert main(["doctor", *ARGUMENTS, f"launch.output={output}", "tasks.MEPS.folder=/nowhere"]) == 1
    assert "FAIL data: /nowhere/meps_train.csv" in capsys.readouterr().out


def test_list(capsys):
    assert main(["list"]) == 0
    listed = capsys.readouterr().out
    for name in ("bade_benchmarks", "reweighing", "adult", "mlp", "worst_group_accuracy"):
        assert name in listed


def test_the_script_is_the_command(output):
    """python studies/NAME.py is fairray run NAME: here all of it is stored already."""
    script = Path(__file__).parents[1] / "studies" / "bade_benchmarks.py"
    command = [sys.executable, str(script), *ARGUMENTS[1:], f"launch.output={output}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "everything is stored: 8 trials, 0 to run" in done.stderr
    assert "| Adult | standard | 2 |" in done.stdout
