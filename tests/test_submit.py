"""Studies as Ray jobs: what is checked before, what is uploaded, what is run, and how one comes back."""

import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import zipfile
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import ray
import smoke
from ray._private.ray_constants import get_runtime_env_default_excludes
from ray._private.runtime_env.packaging import create_package
from ray.cluster_utils import Cluster
from ray.job_submission import JobStatus
from ray.runtime_env.runtime_env import _merge_runtime_env

from fairray import config
from fairray.cli import main
from fairray.errors import BadInput
from fairray.launch import connect, submit
from fairray.launch.preflight import Node, check_fits, check_launch, measure_upload
from fairray.launch.resources import Resources
from fairray.store import Store
from fairray.study import Launch

ROOT = Path(__file__).parents[1]
HEAD, CPUS, GPUS = Node({"node:__internal_head__": 1.0}), Node({"CPU": 4.0}), Node({"CPU": 4.0, "GPU": 1.0})
GROWING = Node({}, started=True)


def test_what_the_job_sets_is_left_to_it(monkeypatch, tmp_path, capsys):
    """Ray refuses a driver that sets a variable which its job sets, too."""
    job = {"working_dir": "gcs://x.zip", "env_vars": {"OMP_NUM_THREADS": "2", "MINE": "1"}}
    asked = {}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(connect.ray, "is_initialized", lambda: False)
    monkeypatch.setattr(connect.ray, "init", lambda **given: asked.update(given))
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps({"runtime_env": job, "metadata": {}}))
    connect.connect(Launch())
    merged = _merge_runtime_env(job, asked["runtime_env"])
    assert merged["env_vars"] == {**connect.QUIET, **job["env_vars"]}
    assert f"{tmp_path}/runs goes when Ray deletes this job's files" in capsys.readouterr().err
    connect.connect(Launch(output="/elsewhere"))
    connect.connect(Launch(store="s3://bucket/store"))
    assert capsys.readouterr().err == ""


@pytest.fixture
def folder(tmp_path):
    """What one works in: files that travel, and files that .gitignore, .rayignore and Ray keep at home."""
    kept = ["study.py", "conf/study/mine.yaml", "data/größe.csv", "data/keep/few.bin"]
    left = [".git/config", ".venv/lib.py", "a/__pycache__/b.pyc", "runs/x", "data/many.bin", "data/deep/huge.npz"]
    for number, name in enumerate([*kept, *left], 1):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * number * 1000)
    (tmp_path / "empty").mkdir()
    (tmp_path / ".gitignore").write_text("runs/\n")
    (tmp_path / "data/.gitignore").write_text("many.bin\n")
    (tmp_path / "data/.rayignore").write_text("*.npz\n")
    return tmp_path


@pytest.mark.parametrize("obeyed", [True, False])
def test_the_upload_is_counted_as_ray_zips_it(obeyed, folder, tmp_path_factory, monkeypatch):
    monkeypatch.setenv("RAY_RUNTIME_ENV_IGNORE_GITIGNORE", "0" if obeyed else "1")
    made = tmp_path_factory.mktemp("zip") / "package.zip"
    create_package(str(folder), made, include_gitignore=obeyed, excludes=get_runtime_env_default_excludes())
    upload = measure_upload(folder)
    with zipfile.ZipFile(made) as package:
        assert upload.sizes == {one.filename: one.file_size for one in package.infolist()}
    assert upload.size == made.stat().st_size
    assert ("runs/x" in upload.sizes) is not obeyed
    assert "data/deep/huge.npz" not in upload.sizes


def test_what_travels(folder):
    upload = measure_upload(folder)
    there = [name for name in ("study.py", "data", "data/keep", "data/many.bin", "runs") if upload.holds(folder / name)]
    assert there == ["study.py", "data", "data/keep"]
    assert not upload.holds(folder.parent)


def test_an_upload_that_is_too_large_is_refused(tmp_path):
    (tmp_path / "data").mkdir()
    for number in range(12):
        (tmp_path / "data" / f"{number}.bin").write_bytes(b"x" * (number + 1))
    with (tmp_path / "data" / "large.npz").open("wb") as file:
        file.truncate(100 * 2**20)
        spare = measure_upload(tmp_path).size - 100 * 2**20
        file.truncate(100 * 2**20 - spare)  # a hole: it takes no disk
        measure_upload(tmp_path).check()
        file.truncate(100 * 2**20 - spare + 1)
    with pytest.raises(BadInput, match=r"100.0 MiB\s+data/large.npz") as error:
        measure_upload(tmp_path).check()
    assert error.value.problem.count(" data/") == 10
    assert "data/1.bin" not in error.value.problem
    assert ".rayignore" in error.value.cure


@pytest.mark.parametrize(
    ("need", "nodes"),
    [
        ((0, 1, 0.0), [HEAD, CPUS]),
        ((0, 4, 0.0), [CPUS]),
        ((2, 3, 0.0), [CPUS, CPUS]),
        ((1, 1, 1.0), [HEAD, CPUS, GPUS]),
        ((4, 1, 0.25), [GPUS]),
        ((1, 1, 8.0), [HEAD, GROWING]),  # what comes is the autoscaler's
    ],
)
def test_a_job_that_fits(need, nodes):
    check_fits([Resources(*need)], nodes)


@pytest.mark.parametrize(
    ("need", "nodes", "said"),
    [
        ((0, 1, 0.0), [HEAD], "0 CPUs and 0 GPUs"),
        ((0, 5, 0.0), [CPUS, CPUS], "needs 5 CPU"),  # together they have 8, and none has 5
        ((2, 3, 0.0), [CPUS], "2 workers of 3 CPU"),
        ((1, 1, 1.0), [HEAD, CPUS], "4 CPUs and 0 GPUs"),
    ],
)
def test_a_job_that_fits_nowhere(need, nodes, said):
    with pytest.raises(BadInput, match=said):
        check_fits([Resources(*need)], nodes)


def test_a_launch_in_one_process():
    with pytest.raises(BadInput, match="on the head"):
        check_launch(Launch(executor="local"), [CPUS])


@pytest.mark.parametrize("nodes", [[HEAD, CPUS], [GROWING]])
@pytest.mark.parametrize(
    ("launch", "key"),
    [
        ({}, "launch.output"),
        ({"store": "kept"}, "launch.store"),
        ({"output": "/shared/runs", "store": "kept"}, "launch.store"),
        ({"output": "/shared/runs"}, None),
        ({"store": "/shared/store"}, None),
        ({"store": "s3://bucket/store"}, None),
    ],
)
def test_a_store_that_several_nodes_must_share(launch, key, nodes):
    check_launch(Launch(**launch), [CPUS])
    if key is None:
        check_launch(Launch(**launch), nodes)
        return
    with pytest.raises(BadInput) as error:
        check_launch(Launch(**launch), nodes)
    assert error.value.where == key


TABLE = "tasks={{Mine: {{name: table, path: '{}', target: hired, protected: sex}}}}"


@pytest.mark.parametrize("place", ["here/of mine.csv", "here/a.csv", "elsewhere.csv", "here/runs/ignored.csv"])
@pytest.mark.parametrize("results", [[], ["launch.store=kept"], ["launch.store=s3://bucket/kept"]])
def test_the_job_means_what_was_meant_here(place, results, tmp_path, monkeypatch):
    """Read where the upload lies on the cluster, its command names the same results, and the data or their copy."""
    (tmp_path / "here" / "runs").mkdir(parents=True)
    (tmp_path / "here" / ".gitignore").write_text("runs/\n")
    (tmp_path / place).write_text("hired,sex\n")
    monkeypatch.chdir(tmp_path / "here")
    arguments = [TABLE.format(os.path.relpath(tmp_path / place)), "seeds=2", *results]
    study, upload = config.load("bade_benchmarks", "smoke", arguments), measure_upload(Path.cwd())
    command = submit.make_command(study, arguments, submit.list_places(study, upload))
    assert command[:4] == ["python", "-m", "fairray", "run"]
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    monkeypatch.chdir(tmp_path / "there")
    name, _, scale, *settings = command[4:]
    there = config.load(name, scale, settings)
    moved = place.startswith("here") and "runs" not in place
    assert there.tasks["Mine"].path == tmp_path / (place.replace("here", "there") if moved else place)
    assert there.seeds == 2
    if results == ["launch.store=s3://bucket/kept"]:
        assert there.launch.store_root == "s3://bucket/kept"
    else:
        assert there.launch.folder == tmp_path / "here" / "runs"
        assert there.launch.store_root == str(tmp_path / "here" / ("kept" if results else "runs/store"))


def test_a_command_is_one_word_for_each_setting():
    study = SimpleNamespace(name="mine", scale="small")
    command = submit.make_command(study, ["seeds=2", "launch.output=old"], {"launch.output": Path("/a b/c")})
    assert command[3:] == ["run", "mine", "--scale", "small", "seeds=2", 'launch.output="/a b/c"']


@contextmanager
def answering(status, body):
    """A server on this machine that says one thing."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def refusal(address, monkeypatch):
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", "http://127.0.0.1:1")  # what is asked for comes first
    with pytest.raises(BadInput) as error:
        submit._reach(address)
    assert error.value.where == f"cluster at {address}"
    return error.value


def test_an_address_that_nobody_answers(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert "no Ray cluster answers" in refusal(f"http://127.0.0.1:{port}", monkeypatch).problem
    with answering(404, "not found") as address:
        assert "no Ray cluster answers" in refusal(address, monkeypatch).problem
    assert "no Ray cluster answers" in refusal("http://no.such.host.invalid:8265", monkeypatch).problem


def test_a_cluster_that_asks_for_a_token(monkeypatch):
    with answering(401, "Unauthorized: Missing authentication token") as address:
        error = refusal(address, monkeypatch)
    assert "authentication" in error.problem
    assert "\n" not in error.problem
    assert "RAY_AUTH_MODE=token" in error.cure
    assert "ray get-auth-token --generate" in error.cure


class Jobs:
    """A client whose only job says something and then ends, or is interrupted, or is lost."""

    def __init__(self, status, code=None, raises=None):
        self.info, self.raises = SimpleNamespace(status=status, driver_exit_code=code), raises

    def get_address(self):
        return "http://far:8265"

    def get_job_info(self, job):
        return self.info

    async def tail_job_logs(self, job):
        yield "done Adult bade\n"
        if self.raises:
            raise self.raises


@pytest.mark.parametrize(
    ("client", "code"),
    [
        (Jobs(JobStatus.SUCCEEDED, 0), 0),
        (Jobs(JobStatus.FAILED, 2), 2),
        (Jobs(JobStatus.FAILED), 1),  # the node of its driver died
        (Jobs(JobStatus.STOPPED, -15), 1),
    ],
)
def test_the_exit_code_is_the_job_s(client, code, capsys):
    assert submit._follow(client, "x") == code
    assert capsys.readouterr().out == "done Adult bade\n"


@pytest.mark.parametrize(("raised", "code"), [(KeyboardInterrupt(), 130), (RuntimeError("connection closed"), 1)])
def test_whoever_goes_is_told_how_to_come_back(raised, code, capsys):
    assert submit._follow(Jobs(JobStatus.RUNNING, raises=raised), "ray_7") == code
    assert "ray job logs --follow --address http://far:8265 ray_7" in capsys.readouterr().err


def test_the_report_of_a_bucket_is_made_here(tmp_path, monkeypatch):
    arguments = ["methods=[standard]", "seeds=1", "launch=local", f"launch.output={tmp_path}"]
    monkeypatch.setattr(submit, "_stamp", lambda study: None)  # the job wrote it elsewhere
    monkeypatch.setenv("FAIRRAY_CACHE", str(tmp_path / "cache"))
    for store, made in (("memory://fetched", True), (str(tmp_path / "store"), False)):
        given = [*smoke.ARGUMENTS[3:4], *arguments, f"launch.store={store}"]
        assert main(["run", "bade_benchmarks", "--scale", "smoke", *given, "launch.tracking=none"]) == 0
        shutil.rmtree(tmp_path / "reports")
        said = submit._fetch(config.load("bade_benchmarks", "smoke", given), None)
        assert (tmp_path / "reports/bade_benchmarks/smoke/report.html").exists() is made
        assert said.startswith("report: " if made else "the report is on the cluster: ")


def test_python_m_fairray():
    done = subprocess.run([sys.executable, "-m", "fairray", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("fairray ")


@pytest.mark.slow
def test_what_a_node_does_not_see(tmp_path, monkeypatch):
    """Two raylets as two nodes: a folder below /proc/self/cwd is another one in each process."""
    (tmp_path / "my.csv").write_text("hired,sex\nyes,f\n")
    seen = [TABLE.format(tmp_path / "my.csv"), f"launch.output={tmp_path}"]
    study = config.load("bade_benchmarks", "smoke", seen)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    try:
        cluster.add_node(num_cpus=1)
        monkeypatch.chdir(tmp_path)
        ray.init(address=cluster.address, runtime_env={"env_vars": connect.QUIET})
        connect.check_reach(study, Store(str(tmp_path / "store")))
        assert not list((tmp_path / "store").glob(".probe*"))
        with pytest.raises(BadInput, match="does not see what is written") as error:
            connect.check_reach(study, Store("/proc/self/cwd/store"))
        assert error.value.where == "launch.store"
        object.__setattr__(study.tasks["Mine"], "path", Path("/proc/self/cwd/my.csv"))
        with pytest.raises(BadInput, match=r"does not have /proc/self/cwd/my\.csv") as error:
            connect.check_reach(study, Store(str(tmp_path / "store")))
        assert error.value.where == "tasks.Mine.path"
    finally:
        ray.shutdown()
        cluster.shutdown()


@pytest.mark.slow
def test_a_cluster_of_this_machine_from_nothing_to_the_report(tmp_path):
    settings = ["methods=[standard, reweighing, bade, bade_tuned]", "launch.engine=alone"]
    done = subprocess.run([ROOT / "deploy/try_locally.sh", tmp_path, *settings], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all of it worked" in done.stdout
    whole, stopped = (
        pd.read_csv(tmp_path / one / "reports/bade_benchmarks/smoke/records.csv") for one in ("whole", "stopped")
    )
    pd.testing.assert_frame_equal(whole, stopped, rtol=0, atol=1e-12)
