"""What the site says of the code is complete and true: methods, their settings, error messages; and where it builds, it
builds without a warning."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from fairray import catalogue, config, members
from fairray.concepts.vectors import fit_cav
from fairray.errors import BadInput
from fairray.listing import list_settings, split_docstring
from fairray.model import Model

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
METHODS = catalogue.names("methods")
sys.path.insert(0, str(DOCS))
import messages  # noqa: E402


def parts(name):
    """The text below each heading of a method's page."""
    title, *found = (DOCS / f"methods/{name}.md").read_text().split("\n## ")
    assert title.startswith(f"# {name}\n\n```{{member}} methods {name}\n```")
    return {heading: text.strip() for heading, text in (part.split("\n", 1) for part in found)}


def test_every_method_has_a_page_and_every_page_a_method():
    assert sorted(path.stem for path in DOCS.glob("methods/*.md")) == METHODS


@pytest.mark.parametrize("name", METHODS)
def test_a_method_s_page_says_all_of_it(name):
    said = parts(name)
    assert [*said] == ["Equation", "Paper", "When it fails", "What can be set"]
    assert said["Equation"].count("$$") >= 2
    assert re.search(r"\b(19|20)\d\d\b", said["Paper"])
    assert len(re.findall(r"^- ", said["When it fails"], re.MULTILINE)) >= 2
    assert said["What can be set"] == f"```{{settings}} methods {name}\n```"


@pytest.mark.parametrize("name", METHODS)
def test_every_setting_of_a_method_is_explained(name):
    assert [one.name for one in list_settings(members.load("methods", name)) if not one.said] == []


def test_a_docstring_is_split_by_the_names_that_it_explains():
    text = "What it is: all.\n\nrate: of learning,\n    at most 1: see rate. low, high: its ends.\n\nAnd more."
    said = {"rate": "of learning, at most 1: see rate.", "low": "its ends.", "high": "its ends."}
    assert split_docstring(text, {"rate", "low", "high"}) == ("What it is: all.", said)
    assert split_docstring(text, set()) == (text, {})


def test_every_message_has_a_place():
    found = messages.list_messages()
    assert {message.place for message in found} == {*messages.PLACES}
    raising = [path for path in ROOT.glob("fairray/**/*.py") if re.search(r"\braise BadInput\(", path.read_text())]
    relays = {"fairray/errors"}  # it says where another's error is
    files = {path.relative_to(ROOT).with_suffix("").as_posix() for path in raising}
    assert files - relays <= {f"fairray/{message.file}" for message in found}


@pytest.mark.parametrize(
    "provoke",
    [
        lambda: config.load("bade_benchmarks", "smoke", ["seeds"]),
        lambda: config.load("bade_benchmark", "smoke", []),
        lambda: config.load("bade_benchmarks", "smoke", ["methods.bade.strength={low: 0, high: 1}"]),
        lambda: members.build("methods", {"strength": 1}),
        lambda: members.build("datasets", {"name": "table", "path": "no.csv", "target": "y", "protected": "g"}).load(),
        lambda: Model.load("no.safetensors"),
        lambda: fit_cav(torch.zeros(4, 2), torch.tensor([False] * 4), "signal"),
    ],
)
def test_what_is_raised_is_in_the_index(provoke):
    with pytest.raises(BadInput) as raised:
        provoke()
    said = (raised.value.problem, raised.value.cure)
    assert any(all(map(fits, said, texts)) for _, *texts in messages.list_messages())


def fits(said, texts):
    """Whether a text is one of these, whatever stands where only an error knows it."""
    patterns = (re.sub(r"\\\{\w+\\\}|…", ".*", re.escape(text)) for text in texts if text.strip("…"))
    return any(re.fullmatch(pattern, said, re.DOTALL) for pattern in patterns)


@pytest.mark.slow  # the whole site: a minute
@pytest.mark.skipif(find_spec("sphinx") is None, reason="make docs installs it")
def test_the_site_builds_without_a_warning(tmp_path):
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", tmp_path / "doctrees"]
    subprocess.run([*command, "-c", DOCS, ROOT, tmp_path / "site"], check=True, cwd=ROOT)
    pages = [*(tmp_path / "site").rglob("*.html")]
    assert len(pages) > len(METHODS)
    for page in pages:  # what a browser would fetch from elsewhere
        assert re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="(?:https?:)?//[^"]+"', page.read_text()) == []
