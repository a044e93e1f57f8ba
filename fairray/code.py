"""The fingerprint of the code that computes something, so that edited code never meets old results."""

import ast
import hashlib
import sys
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

__all__ = ["fingerprint"]


def fingerprint(modules: Iterable[str]) -> str:
    """A hash of these modules and of all that they import of fairray and of their own packages, however deep.

    Comments, docstrings and layout do not count: only what can change a number does.
    """
    digest = hashlib.sha256()
    for name in sorted(_closure(modules)):
        digest.update(f"{name} {_meaning(_source(name))}".encode())
    return digest.hexdigest()[:16]


def _closure(modules: Iterable[str]) -> set[str]:
    seen: set[str] = set()
    ahead = list(modules)
    packages = {"fairray", *(name.split(".")[0] for name in ahead)}
    while ahead:
        name = ahead.pop()
        if name not in seen:
            seen.add(name)
            ahead += [
                found for found in _imports(_source(name)) if found.split(".")[0] in packages and _is_module(found)
            ]
    return seen


@cache
def _source(module: str) -> Path:
    loaded = sys.modules.get(module)
    origin = loaded.__file__ if loaded is not None else getattr(find_spec(module), "origin", None)
    assert origin is not None, module
    return Path(origin)


@cache
def _tree(path: Path) -> ast.Module:
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False):
            node.body = node.body[1:]
    return tree


@cache
def _meaning(path: Path) -> str:
    return hashlib.sha256(ast.dump(_tree(path)).encode()).hexdigest()


@cache
def _imports(path: Path) -> tuple[str, ...]:
    """What a file names in its import statements: modules, and names in them."""
    found = []
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(found)


@cache
def _is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # its parent is a module, not a package
        return False
