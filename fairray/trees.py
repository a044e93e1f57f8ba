"""Nested values by dotted names."""

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["flatten", "list_differences"]


def flatten(tree: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of nested mappings, under its dotted name."""
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


def list_differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """What two trees have otherwise: a dotted name and both values, None where one has no such name."""
    ours, theirs = dict(flatten(first)), dict(flatten(second))
    for name in dict.fromkeys([*ours, *theirs]):
        if ours.get(name) != theirs.get(name):
            yield name, ours.get(name), theirs.get(name)
