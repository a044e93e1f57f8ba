"""What can be set of a member, in words: its fields, what each may be, and the defaults."""

import json
from dataclasses import MISSING, fields
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from fairray.members import Of, as_plain

__all__ = ["describe_fields"]

SIGNS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}


def describe_fields(cls: Any) -> list[str]:
    """A line for each field: its name, what it may be, and its default."""
    hints, rows = get_type_hints(cls, include_extras=True), []
    for field in fields(cls):
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        shown = "(required)" if default is MISSING else json.dumps(as_plain(default))
        rows.append((field.name, _describe(hints[field.name]), shown))
    widths = [max((len(row[i]) for row in rows), default=0) for i in (0, 1)]
    return [f"  {name:<{widths[0]}}  {kind:<{widths[1]}}  {default}".rstrip() for name, kind, default in rows]


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
