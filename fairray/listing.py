"""What can be set of a member, in words: its fields, what each may be, the defaults, and what is said of each."""

import inspect
import json
import re
from dataclasses import MISSING, fields
from types import UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from fairray.members import Of, as_plain

__all__ = ["Setting", "describe_fields", "list_settings", "split_docstring"]

SIGNS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}


class Setting(NamedTuple):
    """A field of a member. kind: what it may be. default: as JSON. said: of it in the docstrings, or nothing."""

    name: str
    kind: str
    default: str
    said: str


def list_settings(cls: Any) -> list[Setting]:
    """Every field of a member, in the order of its class."""
    hints, said, found = get_type_hints(cls, include_extras=True), _read_docstrings(cls), []
    for field in fields(cls):
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        shown = "(required)" if default is MISSING else json.dumps(as_plain(default))
        found.append(Setting(field.name, _describe(hints[field.name]), shown, said.get(field.name, "")))
    return found


def describe_fields(cls: Any) -> list[str]:
    """A line for each field: its name, what it may be, and its default."""
    rows = list_settings(cls)
    widths = [max((len(row[i]) for row in rows), default=0) for i in (0, 1)]
    return [f"  {row.name:<{widths[0]}}  {row.kind:<{widths[1]}}  {row.default}".rstrip() for row in rows]


def split_docstring(text: str, names: set[str]) -> tuple[str, dict[str, str]]:
    """What a docstring says of the whole, and of each of these names: "rate: of learning. low, high: its ends."."""
    known = "|".join(map(re.escape, sorted(names, key=len, reverse=True))) or "(?!)"
    starts = [*re.finditer(rf"(?:(?<=\. )|(?<=\n)|\A)((?:{known})(?:, (?:{known}))*): ", text)]
    ends = [*(start.start() for start in starts[1:]), len(text)]
    said = {
        name: " ".join(text[start.end() : end].split("\n\n")[0].split())
        for start, end in zip(starts, ends)
        for name in start[1].split(", ")
    }
    return text[: starts[0].start() if starts else None].strip(), said


def _read_docstrings(cls: Any) -> dict[str, str]:
    """What is said of fields by the class and by those that it inherits them from."""
    names = {field.name for field in fields(cls)}
    said: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        said |= split_docstring(inspect.cleandoc(base.__doc__ or ""), names)[1]
    return said


def _describe(hint: Any) -> str:
    """What a field may be, in words."""
    inner, origin, marks = get_args(hint), get_origin(hint), getattr(hint, "__metadata__", ())
    for mark in marks:
        if isinstance(mark, Of):
            return f"of {mark.family}"
    if marks:
        bounds = [
            f"{sign} {getattr(mark, key):g}" for mark in marks for key, sign in SIGNS.items() if hasattr(mark, key)
        ]
        return " ".join([_describe(inner[0]), ", ".join(bounds)])
    if origin is Literal:
        return " | ".join(map(str, inner))
    if origin in (Union, UnionType):
        return " | ".join(map(_describe, inner))
    if origin is tuple:
        return "(" + ", ".join("..." if part is ... else _describe(part) for part in inner) + ")"
    return "null" if hint is type(None) else getattr(hint, "__name__", str(hint))
