"""One MLflow server on PostgreSQL, as docs/tracking.md starts it, and a team's drivers that speak HTTP to it."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from contextlib import closing, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import pytest
from mlflow import MlflowClient

from fairray import config
from fairray.launch.planning import open_results
from fairray.launch.series import list_finals

DOC = Path(__file__).parents[1] / "docs/tracking.md"
BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
COMMAND = re.search(r"^    (MLFLOW_.*?mlflow server .*?)\n\n", DOC.read_text(), re.MULTILINE | re.DOTALL)[1]
DRIVERS, PATIENCE_S = 4, 120
STUDY = ["bade_benchmarks", "--scale", "smoke", "launch=local", "launch.threads=1", "network.depth=1"]
STUDY += ["tasks={Adult: {name: toy, size: 256}}", "methods=[standard, reweighing]"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not BINARIES, reason="PostgreSQL is not in /usr/lib/postgresql (apt-get install postgresql)"),
    pytest.mark.skipif(not find_spec("psycopg"), reason="psycopg is not here (pip install 'fairray[postgres]')"),
]


def find_port():
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wait(is_ready, process):
    """Until it is, while the process lives."""
    until = time.monotonic() + PATIENCE_S
    while not is_ready():
        assert process.poll() is None, "it has ended"
        assert time.monotonic() < until, "it does not answer"
        time.sleep(0.1)


@contextmanager
def running(command, is_ready, **settings):
    """A process, and all that it starts, until the block ends."""
    process = subprocess.Popen(command, start_new_session=True, **settings)
    try:
        wait(is_ready, process)
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        process.wait(timeout=PATIENCE_S)


@pytest.fixture(scope="module")
def database():
    """A fresh PostgreSQL on loopback that asks for a password: its port, and the file that has the password."""
    import psycopg

    binaries, port = BINARIES[-1].parent, find_port()
    folder = Path(tempfile.mkdtemp(prefix="fairray-postgres-"))  # not in pytest's, which nobody else may enter
    (folder / "password").write_text("hunter2-hunter2")
    passwords = folder / "pgpass"
    passwords.write_text(f"127.0.0.1:{port}:*:mlflow:hunter2-hunter2")
    passwords.chmod(0o600)
    owner = {"user": "nobody"} if os.getuid() == 0 else {}  # it refuses to run as root
    if owner:
        shutil.chown(folder, "nobody")
    asks = ["--auth=scram-sha-256", "--username=mlflow", f"--pwfile={folder}/password"]
    said = subprocess.run(
        [binaries / "initdb", "--no-sync", *asks, folder / "data"], capture_output=True, text=True, **owner, cwd=folder
    )
    assert said.returncode == 0, said.stderr
    place = ["-D", folder / "data", "-k", folder, "-p", str(port), "-h", "127.0.0.1", "-F"]

    def connect():
        try:
            psycopg.connect(f"postgresql://mlflow@127.0.0.1:{port}/postgres", passfile=str(passwords)).close()
        except psycopg.OperationalError:
            return False
        return True

    with running([binaries / "postgres", *place], connect, stderr=subprocess.DEVNULL, cwd=folder, **owner):
        yield port, passwords
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def server(database, tmp_path_factory):
    """The server of docs/tracking.md; its port."""
    folder, (of_database, passwords), port = tmp_path_factory.mktemp("server"), database, find_port()
    places = {
        "//mlflow@127.0.0.1/mlflow": f"//mlflow@127.0.0.1:{of_database}/postgres",
        "/srv/mlflow/artifacts": str(folder / "artifacts"),
        "--port 5000": f"--port {port}",
        "mlflow server": f"exec {sys.executable} -m mlflow server",
    }
    command = COMMAND
    for said, here in places.items():
        assert command.count(said) == 1, said
        command = command.replace(said, here)
    variables = {**os.environ, "PGPASSFILE": str(passwords)}

    def answer():
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{port}/health").status == 200
        except OSError:
            return False

    with (
        (folder / "log").open("w") as log,
        running(["bash", "-c", command], answer, env=variables, stdout=log, stderr=log, cwd=folder),
    ):
        yield port


def drive(folder, tracking):
    """Four drivers of a team, with seeds of their own, at once; each is a process and an output folder."""
    drivers = {}
    for seeds in range(1, DRIVERS + 1):
        told = [*STUDY, f"seeds={seeds}", f"launch.tracking={tracking}", f"launch.output={folder / str(seeds)}"]
        with (folder / f"{seeds}.log").open("w") as log:
            drivers[seeds] = subprocess.Popen([sys.executable, "-m", "fairray", "run", *told], stdout=log, stderr=log)
    return drivers


def count_connections(port, passwords, drivers):
    """The most that PostgreSQL had open while they ran, without ours."""
    import psycopg

    most, url = 0, f"postgresql://mlflow@127.0.0.1:{port}/postgres"
    with closing(psycopg.connect(url, passfile=str(passwords))) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        while any(driver.poll() is None for driver in drivers.values()):
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = 'mlflow' AND pid != pg_backend_pid()")
            most = max(most, cursor.fetchone()[0])
            time.sleep(0.05)
    return most


def test_four_drivers_at_once_are_shown_whole_and_no_password_is_said(database, server, tmp_path):
    """The password of the server's URL is in no log, no folder and no run; there are as many connections as said."""
    drivers = drive(tmp_path, f"http://me:hunter2-hunter2@127.0.0.1:{server}")
    most = count_connections(*database, drivers)
    logs = {seeds: (tmp_path / f"{seeds}.log").read_text() for seeds in drivers}
    assert [driver.returncode for driver in drivers.values()] == [0] * DRIVERS, logs
    assert not [log for log in logs.values() if "in MLflow" in log or "Traceback" in log]
    client = MlflowClient(f"http://127.0.0.1:{server}")
    experiment = client.get_experiment_by_name("bade_benchmarks").experiment_id
    runs = client.search_runs([experiment], max_results=1000)
    keys = [next(key for key in ("trial", "arm", "study") if f"fairray.{key}" in run.data.tags) for run in runs]
    assert Counter(keys) == {"study": DRIVERS, "arm": 2 * DRIVERS, "trial": 2 * DRIVERS}
    assert {run.info.status for run in runs} == {"FINISHED"}
    for run in runs:
        if "fairray.study" in run.data.tags:
            assert "report/report.html" in [one.path for one in client.list_artifacts(run.info.run_id, "report")]
    for seeds in drivers:
        check_trials(tmp_path / str(seeds), seeds, runs)
    said = " ".join([*logs.values(), *(str(run.to_dictionary()) for run in runs)])
    said += "".join(path.read_bytes().decode("latin-1") for path in tmp_path.rglob("*") if path.is_file())
    assert "hunter2" not in said
    print(f"\n{DRIVERS} drivers at once: {most} connections at most")
    assert 0 < most <= 42  # as docs/tracking.md says


def check_trials(output, seeds, runs):
    """Every final number of a driver's trials is in its run, as measured."""
    told = [*STUDY[3:], f"seeds={seeds}", f"launch.output={output}"]
    found = open_results(config.load("bade_benchmarks", "smoke", told))
    for trial in found.trials:
        key = f"{found.study.uid} {trial.task} {trial.arm} {trial.uid}"
        (run,) = (run for run in runs if run.data.tags.get("fairray.trial") == key)
        records = found.records[found.records["trial"] == trial.uid]
        finals = {point.name: point.value for point in list_finals(records)}
        assert finals
        assert {name: run.data.metrics[name] for name in finals} == pytest.approx(finals, nan_ok=True)
