"""Nothing that is read is run, no name leads elsewhere, no label is more than a label, and no secret is said."""

import ast
import base64
import csv
import pickle
import re
import subprocess
import sys
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from silent import Silent

import fairray
from fairray import config, report
from fairray.cli import main
from fairray.contrast import Found
from fairray.errors import BadInput
from fairray.launch import connect, doctor, local, submit, tracking
from fairray.launch import study as launch_study
from fairray.networks._pretrained import parameters
from fairray.report._page import write
from fairray.secrecy import has_password, hide
from fairray.sheets import read_csv, write_csv
from fairray.stages import Artifact
from fairray.store import Damaged
from fairray.study import Launch

HERE = ["launch=local", "launch.threads=1", "launch.tracking=none"]
TOY = {"name": "toy", "size": 256}
BRIEF = {"network": {"name": "mlp", "units": 8, "depth": 1}, "training": {"epochs": 1}, "seeds": 1}
ALONE = {"executor": "local", "tracking": "none"}


class Trap:
    """When it is unpickled, it makes a file."""

    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return Path.touch, (self.place,)


@pytest.mark.parametrize("part", ["artifact.safetensors", "records.parquet", "spec.json"])
def test_a_pickle_in_the_store_is_not_run(part, store, tmp_path):
    """Not even in an entry without checksums, such as earlier versions wrote."""
    store.write("ab", Artifact({"w": torch.ones(1)}, pd.DataFrame({"value": [1.0]})), {})
    folder = Path(store.root, "ab", "ab")
    (folder / "spec.json").write_text("{}")
    (folder / part).write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    with pytest.raises(Damaged):
        store.read("ab")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
def test_a_pickle_for_weights_is_not_run(name, tmp_path):
    torch.save({"w": Trap(tmp_path / "sprung")}, tmp_path / name)
    with pytest.raises(BadInput, match="it holds no weights"):
        parameters(tmp_path / name)
    assert not (tmp_path / "sprung").exists()


def test_no_code_unpickles_but_arrays():
    """torch.load has weights_only; what reads arrays admits nothing else (test_perceptual.py)."""
    for path in sorted(Path(fairray.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name, said = ast.unparse(node.func), {word.arg: ast.unparse(word.value) for word in node.keywords}
            assert name not in ("pickle.load", "pickle.loads", "pd.read_pickle", "joblib.load", "eval", "exec"), path
            assert name != "torch.load" or said.get("weights_only") == "True", path
            assert said.get("allow_pickle", "False") == "False", path
            assert not name.endswith("yaml.load") or ast.unparse(node.args[1]) == "Loader", path


@pytest.mark.parametrize("name", ["../../away", "/away", "..", "a/b", "a\nb", ""])
def test_a_study_s_name_does_not_lead_out_of_its_folder(name, tmp_path):
    output = {**ALONE, "output": str(tmp_path / "deep" / "runs")}
    made = fairray.declare(name=name, tasks={"t": TOY}, methods=["standard"], launch=output, **BRIEF)
    with pytest.raises(BadInput, match="give it a name"):
        made.run(quiet=True)
    assert not (tmp_path / "deep").exists()


@pytest.mark.parametrize(
    ("study", "scale", "key"),
    [
        ("../scale/smoke", "smoke", "seeds=1"),
        ("bade_benchmarks", "../study/bade_benchmarks", "seeds=1"),
        ("bade_benchmarks", "smoke", "printed=../printed/bade_table3"),
        ("bade_benchmarks", "smoke", "network=../network/mlp"),
        ("bade_benchmarks", "smoke", "methods.bade=../method/bade"),
    ],
)
def test_a_name_does_not_lead_out_of_its_group_of_conf(study, scale, key):
    with pytest.raises(BadInput, match="there is no"):
        config.load(study, scale, [key])


HOSTILE = ("=HYPERLINK(1)", "<img src=x onerror=alert(1)>", "</script><script>alert(2)</script>", "@SUM(1)", "-1+cmd")


class Tags(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.found, self.handlers = [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.found.append(tag)
        self.handlers += [name for name, _ in attributes if name.startswith("on")]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A report whose tasks and methods have hostile names, and a section of it that says a secret when it raises."""
    folder = tmp_path_factory.mktemp("hostile")

    class Telling(report.Table):
        def __call__(self, results):
            raise RuntimeError("no answer from https://me:hunter2@host/x, token s3cr3t-token")

    tasks, methods = dict.fromkeys(HOSTILE[:2], TOY), dict.fromkeys(HOSTILE[2:], "standard")
    made = fairray.declare(
        name="<b>study", tasks=tasks, methods=methods, launch={**ALONE, "output": str(folder)}, **BRIEF
    )
    results = made.run(quiet=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MY_API_TOKEN", "s3cr3t-token")
        written = write(results, [report.Tradeoff(), Telling()], folder, Found.of(results).files)
    return folder, made.folder, written


def test_a_label_is_only_a_label_in_a_page(hostile):
    for page in (hostile[0] / "report.html", hostile[1] / "report.html"):
        text = page.read_text()
        tags = Tags(text)
        assert (tags.found.count("script"), tags.found.count("b")) == (1, text.count("<b>"))
        assert "img" not in tags.found
        assert tags.handlers == []
        assert "&lt;img src=x onerror=alert(1)&gt;" in text


def test_a_label_is_no_formula_in_a_csv(hostile):
    """Spreadsheets take a cell that begins with = + - @ for a formula; in their own tables names are as they were."""
    files = [*hostile[0].glob("*.csv"), *hostile[1].glob("*.csv")]
    assert {"records.csv", "table.csv", "chosen.csv"} <= {file.name for file in files}
    found = set()
    for file in files:
        with file.open() as lines:
            cells = [cell for row in csv.reader(lines) for cell in row]
        found |= {cell for cell in cells if cell[:1] == "'"}
        assert not [cell for cell in cells if cell[:1] in "=+-@" and cell[:1] and not is_number(cell)], file
    assert found == {f"'{label}" for label in HOSTILE if label[0] in "=@-"}
    assert {*Found.read(hostile[0]).values["arm"]} == {*HOSTILE[2:]}


def is_number(text):
    return pd.notna(pd.to_numeric(text, errors="coerce"))


def test_a_csv_gives_back_what_it_was_given(tmp_path):
    table = pd.DataFrame({"a": ["=1+1", "-x", "'quoted", None, "-0.5 x"], "b": [-1.0, 2.0, float("nan"), 0.0, 1.5]})
    (tmp_path / "a.csv").write_bytes(write_csv(table))
    pd.testing.assert_frame_equal(read_csv(tmp_path / "a.csv"), table)
    plain = pd.DataFrame({"a": ["x", "y"], "b": ["-1", "+2.5e3"]})
    assert write_csv(plain) == plain.to_csv(index=False).encode()


def test_what_a_section_raises_says_no_secret_on_the_page(hostile):
    text = (hostile[0] / "report.html").read_text() + " ".join(hostile[2].failures)
    assert text.count("no answer from https://***@host/x, token ***") == 3  # its line of code has it, too
    assert "hunter2" not in text
    assert "s3cr3t-token" not in text


def test_what_a_trial_raises_says_no_secret(tmp_path, monkeypatch, capsys):
    """Not in the terminal, not in the store's notes of failures, and not to MLflow."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t-key")

    def fail(*given):
        raise RuntimeError("s3cr3t-key is refused by http://me:hunter2@host")

    shown = []
    monkeypatch.setattr(local, "execute", fail)
    monkeypatch.setattr(Silent, "fail", lambda mirror, trial, error: shown.append(error))
    study = config.load(
        "bade_benchmarks",
        "smoke",
        [*HERE, "tasks.Adult=toy", "methods=[standard]", "seeds=1", f"launch.output={tmp_path}"],
    )
    outcome = launch_study.run(study, Silent())
    (note,) = (tmp_path / "store" / "failures").iterdir()
    said = [capsys.readouterr().err, note.read_text(), *shown, *(error for _, error in outcome.failures)]
    assert len(said) == 4
    for text in said:
        assert "*** is refused by http://***@host" in text
        assert "hunter2" not in text
        assert "s3cr3t-key" not in text


@pytest.mark.parametrize(
    ("uri", "said", "cure"),
    [
        ("http://me:hunter2@127.0.0.1:9", "http://***@127.0.0.1:9", "start it"),
        ("postgresql://me:hunter2@127.0.0.1:9/db", "postgresql://***@127.0.0.1:9/db", "start it"),
        ("mysql+pymysql://me:hun/ter2@127.0.0.1:9/db", "mysql+pymysql://***@127.0.0.1:9/db", "only its server needs"),
    ],
)
def test_a_server_that_does_not_answer_is_said_without_its_password(monkeypatch, capfd, uri, said, cure):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setattr("mlflow.store.db.utils.MAX_RETRY_COUNT", 1)
    with pytest.raises(BadInput) as refused:
        tracking.Mirror(SimpleNamespace(name="x"), uri)
    assert f"MLflow at {said} (launch.tracking): it does not answer" in str(refused.value)
    assert cure in refused.value.cure
    assert not re.search("hunter2|hun/ter2|ter2", str(refused.value) + "".join(capfd.readouterr()))


class Doorkeeper(BaseHTTPRequestHandler):
    """Lets nobody in, and says loudly whom."""

    def do_POST(self):
        who = base64.b64decode(self.headers["Authorization"].removeprefix("Basic "))
        self.send_response(401)
        self.end_headers()
        self.wfile.write(b"no entry for " + who)

    do_GET = do_POST

    def log_message(self, *_):
        """Nothing."""


def test_the_password_of_mlflow_s_variables_is_not_said(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "somebody")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "hunter2-hunter2")
    server = HTTPServer(("127.0.0.1", 0), Doorkeeper)
    Thread(target=server.serve_forever, daemon=True).start()
    with pytest.raises(BadInput) as refused:
        tracking.Mirror(SimpleNamespace(name="x"), f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()
    assert "no entry for somebody:***" in str(refused.value)


def test_a_bucket_s_keys_are_not_said():
    assert doctor._store(Launch(store="memory://AKIA:hun/ter2@bucket/x")) == "memory://***@bucket/x can be written"


def test_a_run_s_page_is_linked_without_a_password():
    uri, one = "http://me:hunter2@127.0.0.1:9", SimpleNamespace(key=("t", "a", "u"))
    mirror = SimpleNamespace(uri=uri, experiment="1", shown={"k": SimpleNamespace(info=SimpleNamespace(run_id="r"))})
    mirror._key = lambda trial: "k"
    found = tracking.Mirror.find_runs(mirror, [one])
    assert found == {("t", "a", "u"): "http://127.0.0.1:9/#/experiments/1/runs/r"}


def test_a_job_s_command_holds_no_password():
    """Whoever sees a cluster's dashboard reads it."""
    with pytest.raises(BadInput, match=r"argument launch\.tracking: whoever sees"):
        submit.submit(SimpleNamespace(), ["seeds=1", "launch.tracking=https://me:hunter2@host"], None)


def test_only_what_is_secret_is_hidden(monkeypatch, tmp_path):
    monkeypatch.setenv("SHORT_TOKEN", "false")
    monkeypatch.setenv("TOKEN_PATH", str(tmp_path))
    monkeypatch.setenv("A_PASSWORD", "long-enough")
    monkeypatch.setenv("B_PASSWORD", "long-enough-and-longer")
    text = f"false, {tmp_path}, https://host/path?mail=a@b, me@host"
    assert hide(text) == text
    assert hide("long-enough-and-longer, long-enough") == "***, ***"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://me:hunter2@host:5000/x", "http://***@host:5000/x"),
        ("postgresql+psycopg://me:hun@ter2@host/db", "postgresql+psycopg://***@host/db"),
        ("s3://AKIA:hun/ter2+x@bucket/store", "s3://***@bucket/store"),
        ("postgresql://host/db?user=me&password=hunter2&x=1", "postgresql://host/db?user=me&password=***&x=1"),
        (
            "https://b.host/k?X-Amz-Credential=AKIA&X-Amz-Signature=ter2",
            "https://b.host/k?X-Amz-Credential=***&X-Amz-Signature=***",
        ),
        ("http://127.0.0.1:5000/path?mail=a@b", "http://127.0.0.1:5000/path?mail=a@b"),
    ],
)
def test_what_a_url_knows_is_hidden(url, said):
    assert hide(f"at '{url}', no") == f"at '{said}', no"
    assert has_password(url) == ("***" in said)


def test_the_ray_of_this_machine_has_no_dashboard(monkeypatch):
    asked = {}
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(connect.ray, "is_initialized", lambda: False)
    monkeypatch.setattr(connect.ray, "init", lambda **given: asked.update(given))
    connect.connect(Launch())
    assert (asked["address"], asked["include_dashboard"]) == ("local", False)


def test_the_command_line_refuses_as_python_does(capsys):
    assert main(["plan", "bade_benchmarks", "--scale", "../study/bade_benchmarks"]) == 2
    assert "there is no scale" in capsys.readouterr().err


STRANGER = "import ray, sys; ray.init(address=sys.argv[1], log_to_driver=False)"


@pytest.mark.slow
def test_whoever_has_no_token_cannot_join_the_ray_of_a_run(monkeypatch, tmp_path):
    """Ray makes a token for the user who starts it; its ports are open to all interfaces."""
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "owner"))
    program = f"""
import ray, subprocess, sys
from fairray.launch.connect import connect
from fairray.study import Launch
connect(Launch())
address = ray.get_runtime_context().gcs_address
for home in sys.argv[1:]:
    said = subprocess.run([sys.executable, "-c", {STRANGER!r}, address], env={{**os.environ, "HOME": home}})
    print("joined", said.returncode)
"""
    program = f"import os{program}"
    command = [sys.executable, "-c", program, str(tmp_path / "stranger"), str(tmp_path / "owner")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout.split() == ["joined", "1", "joined", "0"], done
