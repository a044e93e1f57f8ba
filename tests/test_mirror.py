"""MLflow shows what the store holds: every metric of every stage, equal to the records; one study of each paper."""

from contextlib import contextmanager

import numpy as np
import pytest
import smoke
from mlflow import MlflowClient

from fairray import config
from fairray.evaluation import metrics
from fairray.launch import progress, tracking
from fairray.launch.doctor import checks
from fairray.launch.planning import open_results, stored_records
from fairray.launch.study import run
from fairray.launch.tracking import Mirror
from fairray.matrices import find_matrices
from fairray.records import DETAILS
from fairray.results import change_of, interval_of
from fairray.soundness import describe_doubts

BY_GROUP = ("_rate", "group_accuracy", "predictive_value", "group_calibration_error")
ATTACKS = ["attack_comparison", "--scale", "smoke", *smoke.HERE, "methods=[pgd_l2, ours_a0]"]


@pytest.fixture(scope="module", params=[smoke.LOCAL, smoke.SUPPRESSION, ATTACKS], ids=lambda arguments: arguments[0])
def shown(request, run_once):
    """A study that ran, and its runs in MLflow."""
    folder, (name, _, scale, *overrides) = run_once(*request.param)
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name(name)
    return config.load(name, scale, overrides), client.search_runs([experiment.experiment_id], max_results=1000)


def metrics_of(study, runs):
    """By task, arm and trial, what MLflow shows."""
    key = "fairray.trial"
    return {tuple(run.data.tags[key].rsplit(" ", 1))[1]: run.data.metrics for run in runs if key in run.data.tags}


def test_what_is_no_result_has_a_tag_that_says_why(shown):
    """At smoke scale hardly anything is one."""
    study, runs = shown
    results = open_results(study)
    tags = [one.data.tags for one in runs]
    found = {of["fairray.trial"]: of.get("fairray.doubt", "") for of in tags if "fairray.trial" in of}
    assert found == {
        f"{study.uid} {trial.task} {trial.arm} {trial.uid}": describe_doubts(
            results.doubts.get((trial.task, trial.arm, trial.uid), ())
        )
        for trial in results.trials
    }
    arms = {of["fairray.arm"].split()[-1]: of.get("fairray.doubt", "") for of in tags if "fairray.arm" in of}
    for task, arm in results.chosen:
        assert results.doubt(task, arm) in arms[arm]
    if study.name == "bade_benchmarks":
        assert any("it predicts one class" in doubt for doubt in found.values())


def test_every_metric_of_every_stage_is_there_and_equal_to_the_records(shown):
    study, runs = shown
    told = metrics_of(study, runs)
    records, trials = stored_records(study)
    of = [name for name in DETAILS if name not in ("epoch", "sample")]
    assert told.keys() == {trial.uid for trial in trials}
    for trial, rows in records[records["sample"].isna()].groupby("trial"):
        found = told[trial]
        rows = rows[rows["arm"] == rows["arm"].iloc[0]]  # two arms can have the same trial
        expected = {}
        finals = rows[rows["epoch"].isna()]
        for (split, metric, *places), values in finals.groupby(["split", "metric", *of], dropna=False):
            labels = dict(zip(of, places, strict=True))
            model = labels.pop("model")
            start = [model] if isinstance(model, str) else []
            named = [f"{name} {place}" for name, place in labels.items() if isinstance(place, str)]
            name = "/".join([*start, f"{split}_{metric}", *named])
            expected[name] = values["value"].mean()
            expected |= {f"{name}/seed{seed}": value for seed, value in zip(values["seed"], values["value"])}
            if name == f"{split}_{metric}":  # a result: of all groups, of the model that the trial ends in
                interval = interval_of(metric, values["value"].dropna())
                expected |= {f"{name}/{part}": getattr(interval, part) for part in ("low", "high", "n")}
        curves = rows[rows["epoch"].notna() & (rows["metric"] != "kept_epoch")]
        last = curves[curves["epoch"] == curves.groupby("stage")["epoch"].transform("max")]
        for (stage, split, metric), values in last.groupby(["stage", "split", "metric"]):
            expected[f"{stage}/{split}_{metric}"] = values["value"].mean()
        assert found.keys() == expected.keys()
        assert np.allclose([found[name] for name in expected], [*expected.values()], equal_nan=True)


def test_every_trained_model_shows_every_metric_that_its_problem_has(shown):
    study, runs = shown
    told = metrics_of(study, runs)
    for trial in stored_records(study)[1]:
        ends = {name.rsplit("/", 1)[-1] for name in told[trial.uid]}
        if len(trial.data.groups) > 1:
            assert {"odds", "eacc"} <= metrics(trial.data.problem).keys()
            whole = {name for name in metrics(trial.data.problem) if not name.endswith(BY_GROUP)}
            assert {f"test_{name}" for name in whole} <= ends
    assert any(len(trial.data.groups) > 1 for trial in stored_records(study)[1])


def test_differences_to_the_baseline_are_on_the_arm_s_run(shown):
    study, runs = shown
    results = open_results(study)
    arms = {run.info.run_name: run.data.metrics for run in runs if "fairray.arm" in run.data.tags}
    task, metric = next(iter(study.tasks)), study.objectives[-1]
    for arm in set(study.methods) - {study.baseline}:
        name = f"{task}/test_{metric}_minus_{study.baseline}"
        own, base = (results.values(task, one, metric) for one in (arm, study.baseline))
        change = change_of(metric, (own - base).dropna())
        assert arms[arm][name] == pytest.approx(change.mean, abs=1e-12)
        assert arms[arm][f"{name}/n"] == change.n
    for matrix in find_matrices(results):
        assert arms[matrix.arm][f"{matrix.family}/test_trust_matrix"] == pytest.approx(matrix.score.mean)


def test_the_doctor_opens_the_database_alone(tmp_path, monkeypatch):
    """As the first start does: MLflow makes its tables step by step. Here it has as many experiments as locks."""
    held = []
    lock = contextmanager(lambda path: (held.append(path), (yield), held.pop()))
    monkeypatch.setattr(tracking, "FileLock", lock)
    monkeypatch.setattr("mlflow.MlflowClient.search_experiments", lambda self: held)
    study = config.load("bade_benchmarks", "smoke", ["tasks.Adult=toy", "launch=local", f"launch.output={tmp_path}"])
    (finding,) = (finding for name, finding, _ in checks(study) if name == "mlflow")
    assert finding.endswith("mlflow.db, 1 experiment")
    assert not held


def test_a_failed_trial_is_a_failed_run(tmp_path, monkeypatch):
    from fairray.launch import local

    def breaks(trials, *rest):
        raise RuntimeError("this one breaks")

    study = config.load(
        "bade_benchmarks", "smoke",
        ["tasks.Adult=toy", "methods=[standard]", "launch=local", f"launch.output={tmp_path}"],
    )  # fmt: skip
    compute = local.execute
    monkeypatch.setattr(local, "execute", breaks)
    run(study, Mirror(study, study.launch.tracking_uri))
    client = MlflowClient(study.launch.tracking_uri)
    experiments = [client.get_experiment_by_name("bade_benchmarks").experiment_id]
    trials = [one for one in client.search_runs(experiments) if "fairray.trial" in one.data.tags]
    assert [one.info.status for one in trials] == ["FAILED"]
    assert "this one breaks" in trials[0].data.tags["fairray.error"]
    assert trials[0].data.tags["fairray.kind"] == "bug"
    monkeypatch.setattr(local, "execute", compute)
    run(study, Mirror(study, study.launch.tracking_uri))
    trials = [one for one in client.search_runs(experiments) if "fairray.trial" in one.data.tags]
    assert sorted(one.info.status for one in trials) == ["FAILED", "FINISHED"]


@pytest.mark.parametrize("every_s", [0.0, 1000.0])
def test_the_study_s_run_says_how_far_it_is(tmp_path, monkeypatch, every_s):
    """While it runs every so often, and at its end."""
    monkeypatch.setattr(progress, "EVERY_S", every_s)
    arguments = ["tasks.Adult=toy", "methods=[standard, reweighing]", "launch=local", f"launch.output={tmp_path}"]
    study = config.load("bade_benchmarks", "smoke", arguments)
    mirror = Mirror(study, study.launch.tracking_uri)
    run(study, mirror)
    told = mirror.client.get_run(mirror.parent).data.metrics
    assert {name.removeprefix("progress/"): value for name, value in told.items() if "per_minute" not in name} == {
        "trials_done": 2, "trials_failed": 0, "trials_left": 0, "jobs_running": 0, "slots": 1, "share": 1
    }  # fmt: skip
    history = mirror.client.get_metric_history(mirror.parent, "progress/trials_done")
    assert ({point.value for point in history} >= {1, 2}) == (every_s == 0)
