"""What decides a result: values, what is in files, and the code that computes; a uid is a hash of all three."""

import ast
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType
from typing import Any

from fairray.errors import BadInput

__all__ = [
    "INERT", "SCHEME", "USER_FILE", "closure", "content", "describe", "digest", "field_names", "field_values",
    "fingerprint", "meanings", "modules", "name", "source",
]  # fmt: skip

SCHEME = 2  # how uids are made; results of another scheme cannot be told from their uids
USER_FILE = "fairray_file_"  # with it begin the names of modules that are files of the user's (see members.py)

PLAIN, SEVERAL = (bool, int, float, str), (tuple, list)

# what results pass through, or are refused by, and what therefore changes no number
INERT = frozenset(
    f"fairray{name}"
    for name in (
        "",
        ".catalogue",
        ".checkpoints",
        ".errors",
        ".files",
        ".identity",
        ".measures",
        ".members",
        ".memory",
        ".pixels",
    )
)


def digest(value: Any) -> str:
    """The name of a value: a hash of all that decides what it does."""
    return name(describe(value))


def name(described: Any) -> str:
    """The name of what is described already."""
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:20]


def describe(value: Any) -> Any:
    """A value as JSON: dataclasses by class and fields, files by what they hold, functions by name.

    A dataclass may have a `key` in place of its fields, which says what is in files that it finds elsewhere.
    Raises TypeError for anything else: an object without a lasting name would give a result another one every time.
    """
    if value is None or isinstance(value, PLAIN):
        return value
    if isinstance(value, FunctionType) and "<" not in value.__qualname__:
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, SEVERAL):
        return [describe(inner) for inner in value]
    if isinstance(value, Path):
        return {"content": content(value)}
    if isinstance(value, Mapping):
        return {_checked_key(key): describe(inner) for key, inner in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        inner = getattr(value, "key", None) or field_values(value)
        return {"class": f"{type(value).__module__}.{type(value).__qualname__}", **describe(inner)}
    problem = f"{value!r} is a {type(value).__name__}"
    raise TypeError(f"{problem}; what decides a result is a number, a text, a dataclass, a function or a Path")


def modules(value: Any) -> set[str]:
    """The modules of all classes and functions in a value: their code decides what it does."""
    if value is None or isinstance(value, PLAIN):
        return set()
    if isinstance(value, FunctionType):
        return {value.__module__}
    if isinstance(value, SEVERAL):
        return {module for inner in value for module in modules(inner)}
    if isinstance(value, Mapping):
        return {module for inner in value.values() for module in modules(inner)}
    if is_dataclass(value) and not isinstance(value, type):
        return {type(value).__module__, *modules(field_values(value))}
    return set()


def field_values(value: Any) -> dict[str, Any]:
    """Of a dataclass, as they are, by name."""
    return {name: getattr(value, name) for name in field_names(value.__class__)}


@cache
def field_names(cls: type) -> tuple[str, ...]:
    """Of a dataclass, in order."""
    return tuple(field.name for field in fields(cls))


def content(path: Path) -> str:
    """A hash of a file's bytes, or of all files of a folder; read once, and again where a file was written over."""
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        return digest([[str(file.relative_to(path)), content(file)] for file in files])
    if not path.is_file():
        raise BadInput(str(path), "there is no such file", "give the path of a file")
    stat = path.stat()
    return _hashed(path, (stat.st_size, stat.st_mtime_ns))


@cache
def _hashed(path: Path, version: tuple[int, int]) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def fingerprint(names: Iterable[str]) -> str:
    """A hash of the code of modules and of all that they import of fairray, of their own packages, and of files
    beside a user's file, however deep.

    Comments, docstrings, layout, what an error says and how a measure is printed do not count, nor do the modules of
    `INERT`: only what can change a number does. Equal in every version of Python.
    """
    return _fingerprint(frozenset(names))


def meanings(names: Iterable[str]) -> dict[str, str]:
    """The hash of each module that `fingerprint` counts."""
    return dict(_meanings(frozenset(names)))


@cache
def _meanings(names: frozenset[str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, _meaning(_source(name))[:12]) for name in sorted(closure(names)))


@cache
def source(path: Path) -> bytes:
    """The text of a module as it was when it was first asked for: what runs, and what its uids are made of."""
    return path.read_bytes()


@cache
def _fingerprint(names: frozenset[str]) -> str:
    digest = hashlib.sha256()
    for name in sorted(closure(names)):
        digest.update(f"{name} {_meaning(_source(name))}".encode())
    return digest.hexdigest()[:16]


def closure(names: Iterable[str]) -> set[str]:
    """These modules, and those that they import whose code counts."""
    seen: set[str] = set()
    ahead = [*names]
    packages = {"fairray", *(name.split(".")[0] for name in ahead)}
    beside = {_source(name).parent for name in ahead if name.startswith(USER_FILE)}
    while ahead:
        name = ahead.pop()
        if name in seen or name in INERT:
            continue
        seen.add(name)
        for found in _imports(name):
            top = found.split(".")[0]
            if (top in packages or any(_holds(folder, top) for folder in beside)) and _is_module(found):
                ahead.append(found)
    return seen


@cache
def _source(module: str) -> Path:
    loaded = sys.modules.get(module)
    origin = getattr(loaded, "__file__", None) or getattr(find_spec(module), "origin", None)
    if origin is None:
        raise BadInput(f"module {module}", "its code is in no file", "put the class in a file of its own")
    return Path(origin)


@cache
def _imports(module: str) -> tuple[str, ...]:
    """What a module names in its import statements: modules, and names in them."""
    path, found = _source(module), []
    for node in ast.walk(ast.parse(source(path))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(filter(None, [_package(module, path, node.level), node.module]))
            found += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return tuple(found)


def _package(module: str, path: Path, level: int) -> str:
    """What the dots of a relative import stand for."""
    if level == 0:
        return ""
    is_package = path.name == "__init__.py" or (module.startswith(USER_FILE) and "." not in module)
    parts = module.split(".")
    return ".".join(parts[: len(parts) - level + is_package])


def _holds(folder: Path, name: str) -> bool:
    return (folder / f"{name}.py").is_file() or (folder / name / "__init__.py").is_file()


@cache
def _is_module(name: str) -> bool:
    """Whether there is one. What its parent holds, which is no package, is not: that is told without importing it."""
    parent = name.rpartition(".")[0]
    if parent and not (_is_module(parent) and getattr(find_spec(parent), "submodule_search_locations", None)):
        return False
    return find_spec(name) is not None


@cache
def _meaning(path: Path) -> str:
    return hashlib.sha256("".join(_dump(ast.parse(source(path)))).encode()).hexdigest()


def _dump(node: Any) -> Iterator[str]:
    """The syntax tree as text, without what is empty: newer Pythons have fields that older ones lack."""
    if isinstance(node, list):
        for item in node:
            yield from _dump(item)
    elif not isinstance(node, ast.AST):
        yield f" {type(node).__name__} {node!a}"
    elif isinstance(node, ast.Raise):
        yield "(Raise)"
    else:
        yield f"({type(node).__name__}"
        for name, value in _parts(node):
            yield f" {name}="
            yield from _dump(value)
        yield ")"


def _parts(node: ast.AST) -> Iterator[tuple[str, Any]]:
    for name, value in ast.iter_fields(node):
        if name == "kind" or (isinstance(node, ast.Assert) and name == "msg"):  # u"" and "" are the same text
            continue
        if name == "body" and isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            value = value[ast.get_docstring(node, clean=False) is not None :]
        if name == "decorator_list":
            value = [one for one in value if not _declares_measure(one)]
        if value is not None and value != []:
            yield name, value


def _declares_measure(node: ast.expr) -> bool:
    """Whether it says how a number is printed, which changes none."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "measure"


def _checked_key(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(f"{key!r} is a key, and no text")
    return key
