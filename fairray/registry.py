"""Names in conf/ are file names: ``method: bade`` is ``fairray/methods/bade.py``.

A member can also come from another package, through the entry point group ``fairray.<family>``,
or from a file of the user's, by its path (``method: ./mine.py``).
"""

import importlib.util
import pkgutil
import sys
from dataclasses import fields
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from fairray.errors import BadInput, unknown

__all__ = ["FAMILIES", "TAKEN", "arguments", "build", "file", "load", "module", "names", "public"]

FAMILIES = ("methods", "datasets", "networks", "triggers", "attacks", "perceptual", "saliency", "metrics")
# of the members that are arguments of others
TAKEN = {
    "attack": "attacks",
    "cost": "perceptual",
    "judge": "networks",
    "saliency": "saliency",
    "trigger": "triggers",
}


def names(family: str) -> list[str]:
    """Every member of a family, built in or installed."""
    return sorted({*_built_in(family), *(point.name for point in entry_points(group=f"fairray.{family}"))})


def load(family: str, name: str) -> Any:
    """The one public object of a member's module.

    name: a built-in file's name, an entry point's, or the path of a Python file.
    Raises BadInput where there is none.
    """
    return public(module(family, name))


def module(family: str, name: str) -> ModuleType:
    """The module of a member; an entry point names a module. Raises BadInput where there is none."""
    if name.endswith(".py"):
        return file(Path(name).resolve())
    if name in _built_in(family):
        return import_module(f"fairray.{family}.{name}")
    for point in entry_points(group=f"fairray.{family}"):
        if point.name == name:
            return point.load()
    raise unknown(f"fairray/{family}", family.removesuffix("s"), name, names(family))


def build(family: str, spec: dict[str, Any]) -> Any:
    """The member that `spec` names, with the rest of `spec` as its arguments; `trigger: {name: ...}` is built too."""
    arguments = {key: build(TAKEN[key], value) if isinstance(value, dict) else value for key, value in spec.items()}
    return load(family, spec["name"])(**{key: value for key, value in arguments.items() if key != "name"})


def public(where: ModuleType) -> Any:
    """The only name in the module's ``__all__``."""
    exported = getattr(where, "__all__", [])
    if len(exported) != 1:
        raise BadInput(str(where.__file__), f"__all__ has {len(exported)} names, one was expected", "name its class")
    return getattr(where, exported[0])


def arguments(member: Any) -> list[str]:
    """The names of a dataclass's fields, in order."""
    return [field.name for field in fields(member)]


@cache
def _built_in(family: str) -> frozenset[str]:
    path = import_module(f"fairray.{family}").__path__
    return frozenset(m.name for m in pkgutil.iter_modules(path) if not m.name.startswith("_"))


def file(path: Path) -> ModuleType:
    """The module of a Python file, loaded once."""
    name = f"fairray_file_{path.stem}"
    if not path.is_file():
        raise BadInput(str(path), "there is no such file", "give the path of a Python file")
    loaded = sys.modules.get(name)
    if loaded is not None:
        # the name is part of uids, which must not depend on folders
        if loaded.__file__ != str(path) and Path(str(loaded.__file__)).read_bytes() != path.read_bytes():
            raise BadInput(str(path), f"{loaded.__file__} has the same name", "rename one of the two files")
        return loaded
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    fresh = importlib.util.module_from_spec(spec)
    sys.modules[name] = fresh
    spec.loader.exec_module(fresh)
    return fresh
