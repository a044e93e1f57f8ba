"""docs/coverage.md names what is there: studies, files, tests and decisions; and no doc promises more than it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/coverage.md").read_text()
STATES = {"done", "otherwise", "partly", "not done", "holds", "fails", "undecided"}
OPEN = {"partly", "not done"}
PROMISE = re.compile(r"\bevery (table|figure)( and (table|figure))?\b[^.]* is a study", re.IGNORECASE)


def rows(text: str) -> list[list[str]]:
    """The cells of each row of the tables in it, without their heads."""
    lines = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith(("| ---", "| item"))]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [row for row in cells if row[0] != "place"]


def papers() -> dict[str, str]:
    """The part of the page that is of each doc, by the doc's name: those that the headings of papers lead to."""
    parts = [part.split("\n", 1) for part in PAGE.split("\n## ")[1:]]
    return {doc: text for heading, text in parts for doc in re.findall(r"\]\((\w+\.md)\)", heading)}


def is_there(named: str) -> bool:
    """Whether it is a study, a file, or a test of a file ("tests/test_x.py::test_y")."""
    path, _, test = named.partition("::")
    if not test:
        return (ROOT / path).is_file() or (ROOT / f"studies/{path}.py").is_file()
    return (ROOT / path).is_file() and f"def {test}(" in (ROOT / path).read_text()


@pytest.mark.parametrize("named", sorted({*re.findall(r"`([^`]+)`", PAGE)}))
def test_what_is_named_is_there(named):
    assert is_there(named)


def test_decisions_that_are_named_are_there():
    decided = (ROOT / "docs/decisions.md").read_text().replace("\n  ", " ")
    named = re.findall(r'decision "("?[^"|]+(?:"[^"|]+")?[^"|]*"?)"(?=[;:, ]|$)', PAGE, re.MULTILINE)
    assert len(named) == PAGE.count('decision "')
    assert [name for name in named if f"**{name}" not in decided] == []


def test_every_study_has_a_place():
    assert [path.stem for path in ROOT.glob("studies/*.py") if f"`{path.stem}`" not in PAGE] == []


def test_each_row_has_a_state_and_says_where_or_why():
    for row in rows(PAGE):
        assert len(row) == 3, row
        assert row[1] in STATES, row
        assert row[2], row
        assert row[1] != "otherwise" or 'decision "' in row[2], row


def test_items_are_as_many_as_it_says():
    assert len(rows("\n".join({*papers().values()}))) == int(re.search(r"(\d+) items", PAGE).group(1))


@pytest.mark.parametrize("doc", sorted(papers()))
def test_a_doc_promises_everything_only_where_nothing_is_open(doc):
    still_open = [row[0] for row in rows(papers()[doc]) if row[1] in OPEN]
    assert not (PROMISE.search((ROOT / "docs" / doc).read_text()) and still_open)


def test_the_readme_promises_no_more():
    assert not PROMISE.search((ROOT / "README.md").read_text())


@pytest.mark.parametrize(
    "text", ["Every table and figure is a study", "Every figure of BaDe is a study", "every table\nof it is a study"]
)
def test_what_a_promise_is(text):
    assert PROMISE.search(text)
