"""Rules of the house that the linter does not know."""

import ast
from pathlib import Path

from mutants import MUTANTS

import fairray

FILES = sorted(Path(fairray.__file__).parent.rglob("*.py"))
SCREEN = 40  # lines


def functions(path):
    tree = ast.parse(path.read_text())
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def length(function):
    """Lines from its name to its end, without those of its docstring."""
    said = (ast.get_docstring(function, clean=False) or "").count("\n") + 1 if ast.get_docstring(function) else 0
    return function.end_lineno - function.lineno + 1 - said


def test_no_function_is_longer_than_a_screen():
    assert [f"{path.name}: {f.name}" for path in FILES for f in functions(path) if length(f) > SCREEN] == []


ABOVE = {"api.py", "cli.py"}  # what stands above launch/ and report/, which nothing below imports


def imported(path):
    """What a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_nothing_below_imports_what_launches_or_reports():
    root = Path(fairray.__file__).parent
    allowed = {"launch": ("launch", "report"), "report": ("report",)}
    for path in FILES:
        room = path.relative_to(root).parts[0]
        wrong = {"api", "launch", "report"} - {*allowed.get(room, ())}
        if room not in ABOVE | {"__init__.py"}:
            found = [name for name in imported(path) if name.split(".")[:1] == ["fairray"]]
            assert [name for name in found if name.split(".")[1] in wrong] == [], path


def test_what_mutants_replace_stands_once():
    for mutant in MUTANTS:
        text = (Path(fairray.__file__).parent / mutant.file).read_text()
        assert text.count(mutant.old) == 1, mutant
