"""The command line: what it completes, how quickly it answers, and how it ends."""

import os
import subprocess
import sys
import tomllib
from dataclasses import fields
from importlib.metadata import EntryPoint, version
from pathlib import Path

import pytest
import smoke
from mlflow import MlflowClient

import fairray
from fairray import catalogue, config, evaluation, members
from fairray.cli import main

LOCAL = [*smoke.ARGUMENTS, "launch=local", "launch.threads=1", "methods=[standard, bade]", "seeds=1"]
HEAVY = {"torch", "ray", "mlflow", "pandas", "optuna", "matplotlib", "pydantic"}
LOADED = """
import atexit, os, sys
os._exit = sys.exit  # by which completion ends
atexit.register(lambda: print("loaded", *sys.modules))
from fairray.cli import main
sys.exit(main(sys.argv[1:]))
"""


def completing(line, file):
    """What a shell says to a program that is to complete a line, and where it reads the answer."""
    said = {"_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE_IFS": "\n"}
    return {**os.environ, **said, "_ARGCOMPLETE_STDOUT_FILENAME": str(file)}


@pytest.mark.parametrize(
    ("line", "answers"),
    [
        ("fairray st", {"status "}),
        ("fairray list met", {"methods", "metrics"}),
        ("fairray list methods ba", {"bade "}),
        ("fairray list metrics eq", {"equalized_odds_difference", "equalized_odds_ratio"}),
        ("fairray run bade_back", {"bade_backbones "}),
        ("fairray run bade_benchmarks --scale ", {"paper", "small", "smoke"}),
        ("fairray run bade_benchmarks seeds=3 se", {"seeds=", "search=", "searches=", "selection="}),
        ("fairray run bade_benchmarks --scale smoke se", {"seeds=", "search=", "searches=", "selection="}),
        ("fairray plan bade_benchmarks seeds=3 --json --scale smoke sea", {"search=", "searches="}),
    ],
)
def test_the_shell_completes(line, answers, tmp_path):
    subprocess.run([sys.executable, "-m", "fairray.cli"], env=completing(line, tmp_path / "said"), check=True)
    assert {*(tmp_path / "said").read_text().split("\n")} == answers


@pytest.mark.parametrize("arguments", [["list"], ["--help"], ["submit", "--help"], ["--version"], []])
def test_what_only_lists_loads_nothing_heavy(arguments, tmp_path):
    environment = None if arguments else completing("fairray list methods ", tmp_path / "said")
    command = [sys.executable, "-c", LOADED, *arguments]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    loaded = said[said.index("loaded") :].split()
    assert "fairray.cli" in loaded
    assert not HEAVY & {*loaded}


@pytest.mark.parametrize("family", [family for family in catalogue.FAMILIES if family != "metrics"])
def test_a_summary_is_the_module_s(family):
    docs = {name: members.module(family, name).__doc__ for name in members.names(family)}
    assert catalogue.describe(family) == {name: catalogue.summarize(text) for name, text in docs.items()}


def test_metrics_are_described_each():
    docs = {name: function.__doc__ for name, function in evaluation.metrics().items()}
    assert catalogue.describe("metrics") == {name: catalogue.summarize(text) for name, text in docs.items()}
    assert all(docs.values())


def test_the_keys_of_a_study_file():
    assert catalogue.study_keys() == [field.name for field in fields(config.Keys)]


def test_an_installed_member_is_described_without_its_package(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "heavy").mkdir()
    (tmp_path / "heavy" / "__init__.py").write_text("raise RuntimeError('it was imported')")
    (tmp_path / "heavy" / "mine.py").write_text('"""A method of\nanother package.\n\nAnd more."""')
    points = [EntryPoint(name, value, "fairray.methods") for name, value in (("a", "heavy.mine"), ("b", "gone.away"))]
    monkeypatch.setattr(catalogue, "installed", lambda family: points)
    described = catalogue.describe("methods")
    assert (described["a"], described["b"]) == ("A method of another package.", "")


def test_the_version_stands_once():
    """In the code: the package is built with what stands there."""
    project = tomllib.loads((Path(fairray.__file__).parents[1] / "pyproject.toml").read_text())
    assert project["project"]["dynamic"] == ["version"]
    assert "version" not in project["project"]
    assert project["tool"]["hatch"]["version"] == {"path": "fairray/__init__.py"}
    assert fairray.__version__ == version("fairray")


def test_version(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"fairray {version('fairray')}\n"


@pytest.mark.parametrize("arguments", [["list"], ["--help"], ["list", "methods", "bade"]])
def test_a_closed_pipe_is_no_error(arguments):
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "fairray.cli", *arguments]
    buffered = {**os.environ, "PYTHONUNBUFFERED": ""}
    done = subprocess.run(command, env=buffered, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_study_runs_without_mlflow(fresh, tmp_path):
    program = (
        "import sys\n"
        "for name in [name for name in sys.modules if name.split('.')[0] in ('mlflow', 'ray')]:\n"
        "    del sys.modules[name]\n"  # of what the tests have imported
        "from fairray import config\n"
        "from fairray.launch.study import run_study\n"
        "outcome = run_study(config.load(sys.argv[1], sys.argv[3], sys.argv[4:]))\n"
        "assert (outcome.computed, outcome.files[0].name) == (2, 'report.html')\n"
        "assert not {'mlflow', 'ray'} & sys.modules.keys()\n"
    )
    fresh(program, *LOCAL, "launch.output=runs", "launch.tracking=none", folder=tmp_path)
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["reports", "store"]


# `fairray run`, which writes down what it stores
DRIVER = """
import sys
from fairray.cli import main
from fairray.store import Store
write, log = Store.write, open(sys.argv.pop(1), "a")
Store.write = lambda self, uid, *rest: (write(self, uid, *rest), print(uid, file=log))
sys.exit(main())
"""


@pytest.mark.slow
@pytest.mark.parametrize("count", [3, 16])
def test_drivers_may_start_together(count, tmp_path):
    """On a fresh folder: no error, each stage is stored by one of them, and all tell the same."""
    command = ["run", *LOCAL, f"launch.output={tmp_path / 'runs'}"]
    drivers = []
    for number in range(count):
        program = [sys.executable, "-c", DRIVER, str(tmp_path / f"{number}.log"), *command]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        drivers.append(subprocess.Popen(program, env={**os.environ, "OMP_NUM_THREADS": "1"}, **pipes))
    said = [driver.communicate() for driver in drivers]
    assert [driver.returncode for driver in drivers] == [0] * count, said
    assert not [error for _, error in said if "Traceback" in error or "not shown" in error]
    assert len({table for table, _ in said}) == 1
    stored = [uid for log in tmp_path.glob("*.log") for uid in log.read_text().split()]
    assert sorted(stored) == sorted(path.name for path in (tmp_path / "runs" / "store").glob("??/*"))
    client = MlflowClient(f"sqlite:///{tmp_path / 'runs' / 'mlflow.db'}")
    runs = client.search_runs([client.get_experiment_by_name(LOCAL[0]).experiment_id])
    assert sorted(run.info.status for run in runs) == ["FINISHED"] * (1 + 2 + 2)  # study, methods, trials
