import ast
import json
import re
import shlex
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import ray
import torch
from PIL import Image

import fairray
from fairray import config
from fairray.cli import main
from fairray.model import Model
from fairray.networks.efficientnet_lite0 import EfficientNetLite0

ROOT = Path(__file__).parents[1]


HERE = {"executor": "local", "tracking": "none"}
BRIEF = {"training": {"epochs": 1}, "seeds": 2}


@pytest.mark.parametrize("page", ["README.md", "docs/python.md"])
def test_the_examples_run(page, folders, monkeypatch):
    """From the first to the last in one process, as in a notebook, on few rows and steps."""
    from_frame, load, declare = fairray.from_frame, fairray.load, fairray.declare
    two = {"methods": ["standard", "bade"]}
    few = {"tasks": {"Adult": "toy"}, "methods": ["standard", "bade_tuned"], "launch": HERE, "seeds": 2}
    monkeypatch.setattr(fairray, "from_frame", lambda *df, **keys: from_frame(*df, **{**two, **keys, **BRIEF}))
    monkeypatch.setattr(fairray, "load", lambda *given, **keys: load(*given, scale="smoke", **{**keys, **few}))
    monkeypatch.setattr(fairray, "declare", lambda **keys: declare(**{**keys, "launch": HERE}))
    space: dict[str, Any] = {}
    examples = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    for example in examples:
        assert example.count("\n") <= 22
        exec(compile(example, page, "exec"), space)
    assert isinstance(space["model"], Model)
    assert (folders / "runs" / "reports").is_dir()


# of the tutorial and the notebook: what makes them small
SHORT = {
    "seeds=5": "seeds=2, training={'epochs': 1, 'steps': 2}",
    "seeds=8": "seeds=3",
    "epochs: 15, steps: 500": "epochs: 1, steps: 2",
    "seeds: 5": "seeds: 2",
}


def shorten(text):
    for long, short in SHORT.items():
        text = text.replace(long, short)
    return text


def test_the_notebook_runs_and_what_a_cell_ends_in_shows_itself(folders):
    cells, space = json.loads((ROOT / "docs/notebook.ipynb").read_text())["cells"], {}
    for cell in cells:
        if cell["cell_type"] == "code":
            shown = run_cell(shorten("".join(cell["source"])), space)
            kept = [output["data"] for output in cell["outputs"] if output["output_type"] == "execute_result"]
            assert [kind for data in kept for kind in data if kind != "text/plain"] == [*kinds(shown)]


def run_cell(source, space):
    """What its last line is, if that is no statement."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "notebook", "exec"), space)
    return eval(compile(ast.Expression(last.value), "notebook", "eval"), space) if last else None


def kinds(shown):
    """Of what a notebook draws of it."""
    for kind, method in {"text/html": "_repr_html_", "image/png": "_repr_png_"}.items():
        if hasattr(shown, method) and getattr(shown, method)():
            yield kind


def test_the_tutorial_runs_from_its_first_step_to_its_last(folders):
    """On few steps of training: python, the study's file and the command line."""
    text, space = (ROOT / "docs/tutorial.md").read_text(), {}
    assert all(long in text for long in SHORT)
    _, *steps = re.findall(r"```(\w+)\n(.*?)```", shorten(text), re.DOTALL)  # the first installs it
    for language, step in steps:
        if language == "python":
            exec(compile(step, "tutorial", "exec"), space)
        elif language == "yaml":
            Path(step.split()[1]).write_text(step)
        else:
            assert [main(shlex.split(line)[1:]) for line in step.splitlines()] == [0] * step.count("\n")
    assert np.mean((space["club"] == "chess") == (space["sex"] == "m")) == pytest.approx(0.95, abs=0.01)
    assert isinstance(space["model"], Model)
    assert all((folders / made).is_file() for made in ("plane.png", "runs/reports/applicants/fixed/report.html"))


def test_the_table_of_results_is_the_printed_one():
    """The README's printed column is conf/printed's."""
    printed = (ROOT / "conf/printed/bade_table3.csv").read_text()
    for method, odds, eacc in re.findall(
        r"\| (\w+)[^|]*\| [^|]*\| ([\d.]+) \| [^|]*\| ([\d.]+) \|", (ROOT / "README.md").read_text()
    ):
        assert f"Adult,{method},odds,{odds}" in printed
        assert f"Adult,{method},eacc,{eacc}" in printed


QUICK = ["--scale", "smoke", "launch=local", "launch.tracking=none"]  # MLflow takes longer than the rest; one has it
TOY = ["tasks.Adult=toy", "--scale", "smoke", "launch.threads=1"]
LOCAL = [*TOY, *QUICK[2:]]
FEW = [f"methods.{one}" for one in ("*.shards=1", "*.saliency=null", "pgd_l2.attack.N=3", "ours_a0.attack.N=3")]
FEW += ["tasks.Photos.size=[64, 64]"]
# by what a command of the README begins with: the arguments that make it small
SMALL = {
    "list": [],
    "plan bade_benchmarks confirm=8": LOCAL,
    "run bade_benchmarks confirm=8": [*LOCAL[:-1], "methods=[standard, bade]"],
    "run bade_benchmarks tasks.MEPS.folder=DIR": ["tasks={MEPS: meps}", *QUICK],
    "run bade_benchmarks --budget": [*LOCAL, "methods=[standard]", "seeds=1"],
    "run bade_benchmarks 'searches={bade_tuned: tpe}'": [
        *LOCAL, "searches.bade_tuned.points=3", "methods=[standard, bade_tuned]"
    ],
    "run bade_benchmarks 'search.stop={rule: halving}'": [*LOCAL, "methods=[standard, bade_tuned]"],
    "run bade_benchmarks 'tasks.Adult={name: table": [*LOCAL[1:], "methods=[standard, bade]"],
    "run bade_benchmarks launch.workers=2": [*TOY, "methods=[standard]", "seeds=1"],
    "run trust_suppression": [
        *QUICK, "methods=[standard]", "seeds=1", "network.channels=2", "training.epochs=1", "methods.*.probe_epochs=1"
    ],
    "run attack_comparison": [*QUICK[2:], "methods=[pgd_l2, ours_a0]", *FEW],
    "run dro_beta seeds=300": [*QUICK, "methods=[ours, pgd]", "seeds=2", "training.epochs=1"],
    "run clarc_correction": [*QUICK, "methods=[vanilla]", "methods.*.lrp=false", "seeds=1", "training.epochs=1"],
    "run bade_triggers": QUICK,
    "status": LOCAL,
    "report": LOCAL,
    "audit": LOCAL,
    "judge": [],
    "doctor": LOCAL,
}  # fmt: skip


def commands():
    """Those of the README, one for each that is written in one line with others."""
    text = (ROOT / "README.md").read_text().split("## On the command line")[1].split("\n`python")[0]
    lines = [line.split("  #")[0].strip() for line in text.splitlines() if line.startswith("    fairray ")]
    for line in lines:
        names = re.match(r"fairray (\w+(?: \| \w+)*)(.*)", line)
        assert names, line
        yield from (f"{name}{names[2]}" for name in names[1].split(" | "))


CLUSTER = "run bade_celeba --scale paper"  # it needs GPUs
# what they run is run by the tests of DRO's studies, of attacks and of searches; here the quick tests only plan it
LONGER = (
    "run dro_beta seeds=300",
    "run attack_comparison",
    "run bade_benchmarks 'searches={bade_tuned: tpe}'",
    "run bade_benchmarks confirm=8",
    "run bade_benchmarks launch.workers=2",
)


@cache
def draw_photographs():
    """Two, and which classes the network reads on them."""
    pixels = np.random.default_rng(1).integers(256, size=(2, 64, 64, 3), dtype=np.uint8)
    network = EfficientNetLite0().build((3, 64, 64), 1000).eval()
    return pixels, network(torch.tensor(pixels).movedim(-1, 1)).argmax(1).tolist()


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Where the README says DIR, my.csv and scores.csv: MEPS, and two photographs that the network reads."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FAIRRAY_CACHE", str(tmp_path / "cache"))
    random = np.random.default_rng(0)
    for split in ("train", "val", "test"):
        columns = {name: random.integers(2, size=200) for name in ("UTILIZATION", "RACE", "AGE", "SEX=1")}
        pd.DataFrame(columns).to_csv(tmp_path / f"meps_{split}.csv", index=False)
    table = {"hired": random.choice(["no", "yes"], 300), "sex": random.choice(["f", "m"], 300)}
    table["years"] = random.integers(40, size=300)
    pd.DataFrame(table).to_csv(tmp_path / "my.csv", index=False)
    pd.DataFrame(table | {"score": random.random(300)}).to_csv(tmp_path / "scores.csv", index=False)
    (tmp_path / "images").mkdir()
    pixels, labels = draw_photographs()
    rows = ["ImageId,TrueLabel,TargetClass", *(f"{i},{label + 1},1" for i, label in enumerate(labels))]
    (tmp_path / "images.csv").write_text("\n".join([*rows, ""]))
    for i, image in enumerate(pixels):
        Image.fromarray(image).save(tmp_path / "images" / f"{i}.png")
    yield tmp_path
    ray.shutdown()


def test_every_command_of_the_readme_is_tried():
    for command in commands():
        assert command.startswith((CLUSTER, *SMALL)), command


def find_small(command):
    return next(more for start, more in reversed(SMALL.items()) if command.startswith(start))


@pytest.mark.parametrize("command", [command for command in commands() if command.startswith(LONGER)])
def test_a_longer_command_of_the_readme_is_planned(command, folders):
    _, *study = shlex.split(command.replace("DIR", str(folders)))
    assert main(["plan", *study, *find_small(command)]) == 0


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(command, marks=pytest.mark.slow if command.startswith(LONGER) else ())
        for command in commands()
        if not command.startswith(CLUSTER)
    ],
)
def test_a_command_of_the_readme_does_what_it_says(command, folders, run_once, capsys):
    small = find_small(command)
    if command.startswith(("report", "status", "audit")):
        _, (_, *small) = run_once(shlex.split(command)[1], *small, "methods=[standard, bade]", "seeds=1")
    assert main([*shlex.split(command.replace("DIR", str(folders))), *small]) == 0
    if command.startswith("run"):
        (page,) = (folders / "runs" / "reports").glob("*/*/report.html")
        assert "did not run" not in page.read_text()


def test_the_command_for_a_cluster_is_a_study(folders):
    (command,) = (shlex.split(c.replace("DIR", str(folders))) for c in commands() if c.startswith(CLUSTER))
    study = config.load("bade_celeba", "paper", [argument for argument in command[4:] if "=" in argument])
    assert (study.launch.workers, study.launch.gpus, study.numerics.device) == ("auto", "auto", "cuda")
    assert {str(member.folder) for member in study.tasks.values()} == {str(folders)}
