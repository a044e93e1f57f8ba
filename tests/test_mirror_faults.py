"""What goes wrong with MLflow costs the computation nothing, and the next start mends what is shown."""

import re
import shutil
from collections import Counter
from dataclasses import replace

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from fairray import config
from fairray.errors import BadInput, Fatal
from fairray.files import holder
from fairray.launch import local, tracking
from fairray.launch import study as launch_study
from fairray.launch.tracking import Mirror
from fairray.store import Store

TOY = ["tasks={Adult: {name: toy, size: 256}}", "methods=[standard, reweighing]", "seeds=1", "network.depth=1"]
KEYS = ("fairray.trial", "fairray.arm", "fairray.study")
GONE = f"{holder().rsplit(' ', 1)[0]} {2**22 + 1}"  # more than Linux has


def load(folder):
    return config.load(
        "bade_benchmarks", "smoke", [*TOY, "launch=local", "launch.threads=1", f"launch.output={folder}"]
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with a study that has ended."""
    folder = tmp_path_factory.mktemp("finished")
    study = load(folder)
    mirror = Mirror(study, study.launch.tracking_uri)
    launch_study.run(study, mirror)
    mirror.finish({arm: {} for arm in study.methods}, [], {})
    return folder


@pytest.fixture
def study(finished, tmp_path):
    """A copy of it; its MLflow is one that somebody gave, so that it is no folder that was moved."""
    shutil.copytree(finished, tmp_path / "runs")
    copied = load(tmp_path / "runs")
    return replace(copied, launch=replace(copied.launch, tracking=copied.launch.tracking_uri))


@pytest.fixture
def client(study):
    return MlflowClient(study.launch.tracking_uri)


def open_mirror(study):
    return Mirror(study, study.launch.tracking_uri)


def search(client):
    experiment = client.get_experiment_by_name("bade_benchmarks")
    return client.search_runs([experiment.experiment_id])


def key_of(run):
    return next(key for key in KEYS if key in run.data.tags)


def forget_trials(study, client):
    """As if none had been shown."""
    for run in search(client):
        if key_of(run) == "fairray.trial":
            client.delete_run(run.info.run_id)


def test_a_deleted_experiment_is_restored(study, client):
    shown = {run.info.run_id for run in search(client)}
    client.delete_experiment(client.get_experiment_by_name("bade_benchmarks").experiment_id)
    launch_study.run(study, open_mirror(study))
    assert {run.info.run_id for run in search(client)} == shown


def test_a_folder_that_was_moved_is_shown_and_written_where_it_is(study, client, finished, tmp_path):
    """What was shown before the move keeps a name of its own."""
    study = load(study.launch.folder)
    (before,) = client.search_experiments(filter_string="name = 'bade_benchmarks'")
    page = tmp_path / "report.html"
    page.write_text("new")
    mirror = open_mirror(study)
    launch_study.run(study, mirror)
    mirror.finish({}, [page], {})
    now = client.get_experiment_by_name("bade_benchmarks")
    assert now.artifact_location == (study.launch.folder / "mlartifacts").as_uri()
    assert [path.read_text() for path in study.launch.folder.glob("mlartifacts/**/report.html")] == ["new"]
    assert not [*finished.glob("mlartifacts/**/report.html")]
    assert Counter(map(key_of, search(client)))["fairray.trial"] == 2
    assert "before its folder was moved" in client.get_experiment(before.experiment_id).name
    assert open_mirror(study).experiment == now.experiment_id


def test_trials_are_hung_anew_where_what_they_hung_on_was_deleted(study, client):
    for run in search(client):
        if key_of(run) != "fairray.trial":
            client.delete_run(run.info.run_id)
    launch_study.run(study, open_mirror(study))
    runs = {run.info.run_id: run for run in search(client)}
    for run in runs.values():
        parents = {"fairray.trial": "fairray.arm", "fairray.arm": "fairray.study"}
        if key_of(run) in parents:
            assert key_of(runs[run.data.tags["mlflow.parentRunId"]]) == parents[key_of(run)]
    assert Counter(map(key_of, runs.values())) == {"fairray.trial": 2, "fairray.arm": 2, "fairray.study": 1}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_drivers_at_once_show_one_set_of_runs(order, study, client, monkeypatch):
    """Both look before either of them shows anything."""
    forget_trials(study, client)
    (parent,) = (run.info.run_id for run in search(client) if key_of(run) == "fairray.study")
    client.set_tag(parent, "fairray.driver", GONE)
    both = []
    for place in (0, 1):
        monkeypatch.setattr(tracking, "holder", lambda place=place: f"elsewhere {place}")
        both.append(open_mirror(study))
    for place in order:
        launch_study.run(study, both[place])
    assert Counter(map(key_of, search(client))) == {"fairray.trial": 2, "fairray.arm": 2, "fairray.study": 1}


def test_an_experiment_that_another_driver_makes_meanwhile_is_used(study, client, monkeypatch):
    """It is looked for, and not there; when it is to be made, it is. A server takes no lock of a file."""
    look, found = MlflowClient.get_experiment_by_name, [None]
    monkeypatch.setattr(
        MlflowClient, "get_experiment_by_name", lambda self, name: found.pop() if found else look(self, name)
    )
    assert open_mirror(study).experiment == client.get_experiment_by_name("bade_benchmarks").experiment_id


@pytest.mark.parametrize(
    ("tags", "status"),
    [
        ({"fairray.study": "of other code", "fairray.driver": GONE}, "KILLED"),
        ({"fairray.arm": "of other code", "fairray.driver": GONE}, "KILLED"),
        ({"fairray.trial": "half shown", "fairray.driver": holder()}, "KILLED"),
        ({"fairray.study": "of other code", "fairray.driver": holder()}, "RUNNING"),
        ({"fairray.study": "of other code", "fairray.driver": "another machine 1"}, "RUNNING"),
    ],
)
def test_the_next_start_ends_what_a_dead_driver_left(study, client, tags, status):
    experiment = client.get_experiment_by_name("bade_benchmarks").experiment_id
    left = client.create_run(experiment, tags=tags).info.run_id
    open_mirror(study)
    assert client.get_run(left).info.status == status


def test_a_server_that_goes_away_is_asked_once_and_that_is_said_once(study, client, monkeypatch, capsys):
    asked = []

    def away(*_, **__):
        asked.append(1)
        raise MlflowException("the server is away")

    forget_trials(study, client)
    mirror = open_mirror(study)
    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "log_batch", away)
        launch_study.run(study, mirror)
        mirror.finish({"standard": {"value": 1.0}}, [], {})
    assert len(asked) == 1
    assert capsys.readouterr().err.count("the server is away") == 1
    launch_study.run(study, open_mirror(study))
    assert Counter((key_of(run), run.info.status) for run in search(client))["fairray.trial", "FINISHED"] == 2


def test_what_mlflow_refuses_is_said_and_the_rest_is_shown(study, client, monkeypatch, capsys):
    forget_trials(study, client)
    log = MlflowClient.log_batch

    def refuse(self, run, *arguments, **values):
        if "standard" in self.get_run(run).data.tags.get("fairray.trial", ""):
            raise MlflowException("Invalid metric name", error_code=1000)
        return log(self, run, *arguments, **values)

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "log_batch", refuse)
        launch_study.run(study, open_mirror(study))
    assert "Invalid metric name" in capsys.readouterr().err
    ended = Counter((key_of(run), run.info.status) for run in search(client))
    assert ended["fairray.trial", "FINISHED"] == 1


def test_artefacts_that_cannot_be_written_cost_nothing(study, monkeypatch, capsys):
    def refuse(*_, **__):
        raise FileNotFoundError("/gone/mlartifacts")

    mirror = open_mirror(study)
    monkeypatch.setattr(MlflowClient, "log_artifact", refuse)
    mirror.finish({}, [study.launch.folder / "mlflow.db"], {})
    assert "/gone/mlartifacts" in capsys.readouterr().err


def test_a_database_that_cannot_be_made_is_one_error(study):
    with pytest.raises(BadInput, match=re.escape("(launch.tracking)")):
        Mirror(study, "sqlite:////proc/nowhere/mlflow.db")


def test_a_database_of_another_version_is_one_error_with_mlflow_s_cure(study, monkeypatch):
    monkeypatch.setattr("mlflow.store.db.utils._get_latest_schema_revision", lambda: "the next one")
    shutil.copy(study.launch.folder / "mlflow.db", study.launch.folder / "old.db")  # MLflow keeps what it has opened
    with pytest.raises(BadInput, match="mlflow db upgrade"):
        Mirror(study, f"sqlite:///{study.launch.folder / 'old.db'}")


@pytest.mark.parametrize(("raised", "status"), [(KeyboardInterrupt, "KILLED"), (RuntimeError, "FAILED")])
def test_no_run_stays_running_after_a_stop_or_when_all_has_failed(study, client, monkeypatch, raised, status):
    shutil.rmtree(study.launch.store_root)
    for run in search(client):
        client.delete_run(run.info.run_id)

    def stop(*_):
        raise raised

    monkeypatch.setattr(local, "execute", stop)
    try:
        launch_study.run_study(study)
    except KeyboardInterrupt:
        assert raised is KeyboardInterrupt
    ended = Counter((key_of(run), run.info.status) for run in search(client))
    assert ended["fairray.study", status] == 1
    assert not any(status == "RUNNING" for _, status in ended)


@pytest.fixture
def unwritten(monkeypatch):
    """No report is written, which takes its time."""
    monkeypatch.setattr("fairray.report.write_report", lambda results, sections: ([], []))


def test_mirror_fills_it_in_and_computes_nothing(study, client, monkeypatch, unwritten):
    """What is stored and what failed, each once however often it is asked for."""
    forget_trials(study, client)
    lost, store = next(arm.corner for arm in study.arms() if arm.name == "reweighing"), Store(study.launch.store_root)
    store.remove(lost.replicas[0].uid)
    store.note_failure(lost.replicas[0].uid, "memory", "it was full")
    monkeypatch.setattr(launch_study, "_execute", None)
    for _ in range(2):
        outcome = launch_study.mirror_study(study)
        assert (outcome.trials, [trial.uid for trial, _ in outcome.failures]) == (1, [lost.uid])
        trials = [run for run in search(client) if key_of(run) == "fairray.trial"]
        assert {run.info.status: run.data.tags.get("fairray.kind") for run in trials} == {
            "FINISHED": None, "FAILED": "memory"
        }  # fmt: skip
        assert len(trials) == 2


def test_what_cannot_be_mirrored_is_one_error(study):
    with pytest.raises(BadInput, match=re.escape("launch.tracking: it is none")):
        launch_study.mirror_study(replace(study, launch=replace(study.launch, tracking="none")))
    shutil.rmtree(study.launch.store_root)
    with pytest.raises(BadInput, match="nothing of it is stored yet"):
        launch_study.mirror_study(study)


def test_a_mirror_that_goes_away_is_an_error_where_it_is_all_that_was_asked_for(study, client, monkeypatch, unwritten):
    def away(*_, **__):
        raise MlflowException("the server is away")

    forget_trials(study, client)
    monkeypatch.setattr(MlflowClient, "log_batch", away)
    with pytest.raises(Fatal, match="it went away before all was shown"):
        launch_study.mirror_study(study)
