"""Rules of the house that the linter does not know."""

import ast
from pathlib import Path

import fairray

FILES = sorted(Path(fairray.__file__).parent.rglob("*.py"))


def functions(path):
    tree = ast.parse(path.read_text())
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def test_no_function_is_longer_than_a_screen():
    long = [f"{path.name}: {f.name}" for path in FILES for f in functions(path) if f.end_lineno - f.lineno >= 40]
    assert long == []
