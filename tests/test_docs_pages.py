"""What pages show is right: small commands run, those that take what is not here are planned, links lead somewhere.

What the README, the tutorial and python.md show is run by test_readme.py, what CONTRIBUTING.md shows by
test_contributing.py, the server of tracking.md by test_postgres.py.
"""

import ast
import re
import shlex
import tomllib
from contextlib import nullcontext
from pathlib import Path
from textwrap import dedent

import numpy as np
import pandas as pd
import pytest
import torch
from test_attack_datasets import own, paint, published  # noqa: F401
from test_benchmarks import write_domainbed, write_subpopbench
from test_geo_datasets import photos, street  # noqa: F401
from test_readme import commands as commands_of_readme
from test_stamped_datasets import collars, write_isic  # noqa: F401

from fairray import cli, config
from fairray.launch.failures import COUNTED
from fairray.networks.torchvision import models

ROOT = Path(__file__).parents[1]
PAGES = [page for page in sorted(ROOT.glob("docs/*.md")) if page.stem != "tutorial"]
EVERY = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])

HERE = ["launch=local", "launch.threads=1", "launch.tracking=none"]
LOCAL = ["--scale", "smoke", *HERE]
# by what a command begins with: the arguments that make it small
RUN = {
    "doctor attack_comparison": HERE,
    "doctor bade_benchmarks": LOCAL,
    "judge": [],
    "list": [],
    "run bade_benchmarks": [*LOCAL, "methods=[standard, bade]", "seeds=2"],
    "run bade_celeba": [*LOCAL, "methods=[standard]", "seeds=1"],
}
PLAIN = ("distances=[ssim]", "saliency=null")
# what takes minutes, weights or published data is planned: who makes its data in miniature, and what suits them
PLANNED = {
    "run attack_comparison": ("own", []),
    "run attack_comparison --scale paper": (
        "published", ["network.model=squeezenet1_1", "methods=[pgd_l2]", *(f"methods.*.{of}" for of in PLAIN)]
    ),
    "run attack_ssim_mnist": (None, []),
    "run clarc_correction": (None, []),
    "run clarc_correction --scale paper": ("lesions", ["tasks.*.p=0.5", "tasks.*.size=[32, 32]"]),
    "run clarc_correction 'tasks={CelebA": ("collars", ["tasks.CelebA.every=3"]),
    "run dro_beta": (None, []),
    "run dro_beta --scale paper": ("photos", ["methods=[pgd, plain]"]),
    "run dro_geo_bias 'tasks={Homes": ("street", []),
    "run dro_geo_bias 'tasks={Mine": ("photos", []),
}  # fmt: skip
PARSED = ("submit",)  # what takes a cluster
# of what is quoted in a sentence
PLACEHOLDERS = {"STUDY.zip": "study.zip", "STUDY": "bade_benchmarks", "KIND": COUNTED[0]}


def commands():
    """Those of the pages' blocks, without comments, each in one line."""
    for page in PAGES:
        lines = iter(page.read_text().splitlines())
        for line in lines:
            if re.match(r"(    )?fairray [a-z]+ .*", line):
                while (words := split(line)) is None:
                    line = f"{line.rstrip(chr(92))} {next(lines).strip()}"
                yield shlex.join(words[1:])


def split(line):
    """A line's words, unless it goes on in the next."""
    try:
        return shlex.split(line, comments=True)
    except ValueError:
        return None


def find(table, command):
    """What a table says of a command, by the longest beginning."""
    return table[max((start for start in table if command.startswith(start)), key=len)]


SHOWN = sorted({*commands()} - {*commands_of_readme()})


def pick(*kinds):
    return [command for command in SHOWN if command.startswith(tuple(kinds))]


def test_every_command_is_tried():
    assert pick(*RUN, *PLANNED, *PARSED) == SHOWN
    assert all(pick(start) for start in (*RUN, *PLANNED, *PARSED))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """What pages call my.csv, photos and faces.csv, and runs of other benchmarks."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FAIRRAY_CACHE", str(tmp_path / "cache"))
    random = np.random.default_rng(0)
    table = pd.DataFrame({"hired": ["no", "yes"] * 60, "sex": ["f", "f", "m", "m"] * 30, "years": random.random(120)})
    table.to_csv("my.csv", index=False)
    (tmp_path / "photos").mkdir()
    return tmp_path


@pytest.fixture
def faces(folder):
    rows = [(f"{kind}/{i}.png", kind, "mf"[i % 2]) for kind in ("no", "yes") for i in range(20)]
    for i, (name, *_) in enumerate(rows):
        (folder / "photos" / name).parent.mkdir(exist_ok=True)
        paint(folder / "photos" / name, (6 * i, 40, 200))
    pd.DataFrame(rows, columns=["file", "smiles", "sex"]).to_csv("faces.csv", index=False)


@pytest.mark.parametrize("command", pick(*RUN))
def test_a_command_runs(command, folder, faces):
    write_domainbed(folder / "train_output")
    write_subpopbench(folder / "output/vanilla_attrYes")
    assert cli.main([*shlex.split(command), *find(RUN, command)]) == 0
    for page in folder.glob("runs/reports/*/*/report.html"):
        assert "did not run" not in page.read_text()


@pytest.fixture
def lesions(tmp_path):
    write_isic(tmp_path / "lesions", 160)
    return tmp_path / "lesions"


@pytest.mark.parametrize("command", pick(*PLANNED))
def test_a_command_is_planned(command, folder, request):
    fixture, more = find(PLANNED, command)
    if "FILE" in command:
        torch.save(models.squeezenet1_1().state_dict(), "FILE")
    if fixture:
        command = command.replace("DIR", str(request.getfixturevalue(fixture)))
    assert cli.main(["plan", *shlex.split(command)[1:], *more]) == 0


@pytest.mark.parametrize("command", pick(*PARSED))
def test_a_command_is_read(command, folder):
    options = cli._parse(shlex.split(command))
    assert config.load(options.study, options.scale, options.overrides).arms()


@pytest.mark.parametrize("page", EVERY, ids=lambda page: page.name)
def test_what_a_sentence_quotes_is_read(page):
    for text in re.findall(r"`(?:\w+=\w+ )?fairray ([^`]+)`", page.read_text()):
        for word, stands_for in PLACEHOLDERS.items():
            text = text.replace(word, stands_for)
        words = [word.split("|")[0] for word in shlex.split(text) if word != "..."]
        try:
            cli._parse(words)
        except SystemExit:  # it may leave out which study, or all but the verb
            with pytest.raises(SystemExit, match="0") if len(words) == 1 else nullcontext():
                cli._parse([*words, "--help" if len(words) == 1 else "bade_benchmarks"])


def test_python_that_reads_what_a_run_left_can_be_read():
    """Its names are there; what stands in fences is run by other tests."""
    blocks = [block for page in EVERY for block in page.read_text().split("\n\n")]
    programs = [ast.parse(dedent(block)) for block in blocks if re.match(r"    (?:from|import) ", block)]
    assert programs
    for program in programs:
        space: dict[str, object] = {}
        imports = [line for line in program.body if isinstance(line, ast.Import | ast.ImportFrom)]
        exec(compile(ast.Module(imports, []), "page", "exec"), space)
        made = {node.id for node in ast.walk(program) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        assert {node.id for node in ast.walk(program) if isinstance(node, ast.Name)} <= {*space} | made


def slugs(page):
    """The anchors of its headings, as GitHub and the site name them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.S | re.M)
    for heading in re.findall(r"^#+ (.*)", text, re.M):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", EVERY, ids=lambda page: page.name)
def test_links_and_named_files_lead_somewhere(page):
    text = page.read_text()
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", text):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in slugs(target), link
    for file in re.findall(r"\b(?:benchmarks|studies|tests|conf|deploy)/[\w/]+\.\w+", text):
        assert (ROOT / file).exists() or "NAME" in file, file


def test_what_the_notebook_shows_leads_nowhere_by_itself():
    """Its tables come without the page that they would lead to."""
    assert 'href=\\"#' not in (ROOT / "docs/notebook.ipynb").read_text()


def test_extras_that_are_to_be_installed_are_declared():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for page in EVERY:
        assert {*re.findall(r"'(?:fairray|\.)\[(\w+)\]'", page.read_text())} <= {*declared}
