"""Members: what a name in conf/ stands for. ``method: bade`` is ``fairray/methods/bade.py``.

A member can also come from another package, through the entry point group ``fairray.<family>``, or from a file of the
user's, by its path (``method: ./mine.py``). Wherever its values come from, it is built here: checked against the
annotations of its class, the members in it too.
"""

import importlib.util
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, TypeVar, get_args, get_type_hints

from pydantic import PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import core_schema

from fairray import catalogue, identity
from fairray.catalogue import FAMILIES, names
from fairray.errors import BadInput, said_of, unknown
from fairray.identity import field_names, field_values

__all__ = [
    "FAMILIES", "Of", "arguments", "as_plain", "build", "checked", "families", "file", "label", "load", "module",
    "names", "plain", "public", "replaced",
]  # fmt: skip

T = TypeVar("T")


@dataclass(frozen=True)
class Of:
    """Says in an annotation that a field holds a member: ``Annotated[Trigger, Of("triggers")]``."""

    family: str

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.with_info_plain_validator_function(self._build)

    def _build(self, value: Any, info: core_schema.ValidationInfo) -> Any:
        with said_of(info.field_name or ""):
            return build(self.family, value)


def build(family: str, value: Any) -> Any:
    """A member from its name, from a mapping with its `name` and its values, or from one that is built already.

    Raises BadInput, whose `where` is the dotted name of the value that is wrong.
    """
    if is_dataclass(value) and not isinstance(value, type):
        _check_family(family, value)
        return checked(type(value), value)
    spec = {"name": value} if isinstance(value, str) else value
    if not isinstance(spec, Mapping):
        raise BadInput("", f"got {value!r}", f"name one of fairray/{family}, or give its values")
    if "name" not in spec:
        raise BadInput("", "it has no name", f"give name: one of {', '.join(names(family))}")
    return checked(load(family, spec["name"]), {key: inner for key, inner in spec.items() if key != "name"})


def checked(cls: type[T], values: Mapping[str, Any] | T) -> T:
    """A dataclass from values for its fields: each is converted to its field's type, or refused with a BadInput."""
    if not is_dataclass(cls):
        raise BadInput("", f"{cls!r} is not a dataclass", "name a frozen dataclass in __all__")
    given = values if isinstance(values, Mapping) else field_values(values)
    for name in given:
        if name not in arguments(cls):  # pydantic passes over what a dataclass does not know
            raise unknown(str(name), "key", name, arguments(cls))
        if isinstance(given[name], bool) and name in _numbers(cls):  # pydantic takes true for 1
            raise BadInput(name, f"got {given[name]!r}, expected a number", "mend the value")
    try:
        made = _adapter(cls).validate_python({name: _checked_part(cls, name, part) for name, part in given.items()})
    except ValidationError as error:
        raise _explained(cls, error) from error
    for name, value in field_values(made).items():
        if isinstance(value, Path):  # workers stand elsewhere
            object.__setattr__(made, name, value.expanduser().resolve())
    return made


def _checked_part(cls: type, name: str, value: Any) -> Any:
    """The values of a dataclass in a field as that dataclass, so that of these none is passed over either."""
    if not isinstance(value, Mapping) or (part := _parts(cls).get(name)) is None:
        return value
    with said_of(name):
        return checked(part, value)


def replaced(member: Any, name: str, value: Any) -> Any:
    """The member, or mapping, with another value under a dotted name, checked."""
    head, _, rest = name.partition(".")
    values = dict(member) if isinstance(member, Mapping) else field_values(member)
    values[head] = replaced(values[head], rest, value) if rest else value
    return values if isinstance(member, Mapping) else checked(type(member), values)


def plain(member: Any) -> dict[str, Any]:
    """A member as values that travel, and that `build` takes: its name and its fields, the members in it likewise."""
    return {"name": _name(member.__class__), **{key: as_plain(value) for key, value in field_values(member).items()}}


def as_plain(value: Any) -> Any:
    """A value of a member as one that travels: members in it as `plain` has them, Paths as text."""
    if is_dataclass(value):
        return plain(value)
    if isinstance(value, tuple | list):
        return [as_plain(inner) for inner in value]
    return str(value) if isinstance(value, Path) else value


def label(member: Any) -> str:
    """What a member is called in tables: the name of its file."""
    return type(member).__module__.rsplit(".", 1)[-1].removeprefix(identity.USER_FILE)


def families(cls: Any) -> dict[str, str]:
    """Of each field that holds members, their family."""
    hints = get_type_hints(cls, include_extras=True) if is_dataclass(cls) else {}
    return {name: leaf.family for name, hint in hints.items() for leaf in _leaves(hint) if isinstance(leaf, Of)}


def load(family: str, name: str) -> Any:
    """The one public object of a member's module.

    name: a built-in file's name, an entry point's, or the path of a Python file.
    Raises BadInput where there is none.
    """
    return public(module(family, name))


def module(family: str, name: str) -> ModuleType:
    """The module of a member; an entry point names a module. Raises BadInput where there is none."""
    if str(name).endswith(".py"):
        return file(Path(name).resolve())
    if name in catalogue.built_in(family):
        return import_module(f"fairray.{family}.{name}")
    for point in catalogue.installed(family):
        if point.name == name:
            return point.load()
    raise unknown("name", family.removesuffix("s"), name, names(family))


def public(where: ModuleType) -> Any:
    """The only name in the module's ``__all__``."""
    exported = getattr(where, "__all__", [])
    if len(exported) != 1:
        raise BadInput(str(where.__file__), f"__all__ has {len(exported)} names, one was expected", "name its class")
    return getattr(where, exported[0])


def arguments(cls: Any) -> list[str]:
    """The names of a dataclass's fields, in order."""
    return [*field_names(cls)]


def file(path: Path) -> ModuleType:
    """The module of a Python file, loaded once; it may import what lies beside it."""
    name = f"{identity.USER_FILE}{path.stem}"
    if not path.is_file():
        raise BadInput(str(path), "there is no such file", "give the path of a Python file")
    if name in sys.modules:
        _check_same(sys.modules[name], path)
        return sys.modules[name]
    # a package, so that `from .helper import f` finds what lies beside it
    folder, loader = str(path.parent), _Exact(name, str(path))
    spec = importlib.util.spec_from_file_location(name, path, loader=loader, submodule_search_locations=[folder])
    assert spec
    assert spec.loader
    fresh = importlib.util.module_from_spec(spec)
    sys.modules[name] = fresh
    try:
        with _finding(folder):
            spec.loader.exec_module(fresh)
            for beside in identity.closure([name]) - {name}:
                own = path.parent / f"{beside.split('.')[-1]}.py"
                if not beside.startswith("fairray.") and own.is_file():
                    _check_same(import_module(beside), own)
    except BaseException:
        del sys.modules[name]
        raise
    return fresh


def _check_same(loaded: ModuleType, path: Path) -> None:
    """Raise BadInput where a module of this name is another: uids say names of modules, and not their folders."""
    if loaded.__file__ != str(path) and Path(str(loaded.__file__)).read_bytes() != path.read_bytes():
        raise BadInput(str(path), f"{loaded.__file__} has the same name", "rename one of the two files")


class _Exact(SourceFileLoader):
    """Runs the very text that uids are made of: no later one, and no compiled one of the same second and length."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(identity.source(Path(self.path)), self.path)


@dataclass(frozen=True)
class _Beside:
    """Finds the modules that lie in a folder, and what is in its packages."""

    folder: str

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        parent = sys.modules.get(name.rpartition(".")[0])
        if parent is not None and not isinstance(parent.__loader__, _Exact):
            return None
        spec = PathFinder.find_spec(name, [self.folder] if parent is None else path)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = _Exact(name, spec.loader.path)
        return spec


@contextmanager
def _finding(folder: str) -> Iterator[None]:
    """What lies in a folder is found before what is installed."""
    finder = _Beside(folder)
    sys.meta_path.insert(sys.meta_path.index(PathFinder), finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


def _check_family(family: str, value: Any) -> None:
    home = type(value).__module__.split(".")
    if home[0] == "fairray" and home[1:2] != [family]:
        problem = f"got {value!r}, which is none of fairray/{family}"
        raise BadInput("", problem, f"name one of {', '.join(names(family))}")


def _explained(cls: Any, error: ValidationError) -> BadInput:
    """The first thing that pydantic finds wrong, with the cure."""
    first = error.errors()[0]
    name, *rest = map(str, first["loc"] or ("",))
    if first["type"] == "missing":
        return BadInput(name, "it is missing", f"give {name}: VALUE")
    default = {field.name: field.default for field in fields(cls)}.get(name, MISSING)
    hint = "" if default is MISSING else f"; the default is {default!r}"
    expected = first["msg"].replace("Input should be ", "").replace("valid ", "")
    if "dict" in str(get_type_hints(cls).get(name)):  # whose keys are names that the user gave
        name = ".".join([name, *rest])
    cure = "put it in quotes" if first["type"] == "string_type" else "mend the value"
    return BadInput(name, f"got {first['input']!r}, expected {expected}", f"{cure}{hint}")


@cache
def _name(cls: type) -> str:
    """By which `load` finds a class."""
    where = cls.__module__
    if where.startswith("fairray."):
        return where.rsplit(".", 1)[-1]
    if where.startswith(identity.USER_FILE):
        return str(sys.modules[where].__file__)
    for family in FAMILIES:
        for point in catalogue.installed(family):
            if point.value == where:
                return point.name
    raise BadInput(f"{where}.{cls.__name__}", "workers cannot import it", "put it in a file of its own, and name that")


@cache
def _adapter(cls: type) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(cls)
    except PydanticUserError as error:
        problem = f"the fields of {cls.__name__} cannot be checked: {str(error).splitlines()[0]}"
        raise BadInput(f"module {cls.__module__}", problem, "let them be numbers, texts, Paths or members") from error


@cache
def _numbers(cls: type) -> frozenset[str]:
    """The fields that hold nothing but a number."""
    leaves = {name: {*_leaves(hint)} for name, hint in get_type_hints(cls).items()}
    return frozenset(name for name, kinds in leaves.items() if kinds & {int, float} and not kinds & {bool, str, Any})


@cache
def _parts(cls: type) -> dict[str, type]:
    """The dataclasses that fields hold which are no members, by field."""
    found = ((name, leaf) for name, hint in get_type_hints(cls).items() for leaf in _leaves(hint))
    return {name: leaf for name, leaf in found if isinstance(leaf, type) and is_dataclass(leaf)}


def _leaves(hint: Any) -> Iterator[Any]:
    """What an annotation is made of, such as float, None and what `Annotated` adds."""
    inner = get_args(hint)
    for part in inner:
        yield from _leaves(part)
    if not inner:
        yield hint
