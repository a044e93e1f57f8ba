"""Rules of the house that the linter does not know."""

import ast
from pathlib import Path

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
