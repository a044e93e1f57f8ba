"""What a search is free to choose: grids, ranges, and members with open values."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from itertools import product
from typing import Any

from fairray.errors import BadInput, unknown
from fairray.members import plain, replaced

__all__ = ["Grid", "Range", "Space", "Template", "is_grid", "is_space", "points", "template"]

WORDS = ("grid", "low", "high", "log")


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Values to try, all of them in a grid search and as categories otherwise."""

    grid: tuple[Any, ...]

    @property
    def ends(self) -> tuple[Any, ...]:
        return self.grid


@dataclass(frozen=True, kw_only=True)
class Range:
    """An interval to search, with both ends in it; of whole numbers where its field is one."""

    low: int | float
    high: int | float
    log: bool = False

    @property
    def ends(self) -> tuple[Any, ...]:
        return self.low, self.high


Space = Mapping[str, Grid | Range]


@dataclass(frozen=True)
class Template:
    """A member with open values.

    corner: the member at the first or lowest of them; a mapping stands for a member of which only some values are
    given. space: the open values, by dotted name in the member.
    """

    corner: Any
    space: Space = field(default_factory=dict)

    def at(self, point: Mapping[str, Any]) -> Any:
        """The member at a point of the space."""
        member = self.corner
        for name, value in point.items():
            member = replaced(member, name, value)
        return member

    @property
    def plain(self) -> dict[str, Any]:
        """The values of the corner, and in place of the open ones what they may be."""
        values = dict(self.corner) if isinstance(self.corner, Mapping) else plain(self.corner)
        return _laid(values, {name: asdict(choice) for name, choice in self.space.items()})


def is_space(value: Any) -> bool:
    """Whether a value stands for many: {grid: [...]} or {low: ..., high: ...}."""
    return isinstance(value, Mapping) and "name" not in value and bool({"grid", "low", "high"} & value.keys())


def is_grid(space: Space) -> bool:
    """Whether there are as many points as its grids have; so has a space in which nothing is open."""
    return all(isinstance(choice, Grid) for choice in space.values())


def points(space: Space) -> list[dict[str, Any]]:
    """Every point of a space that is a grid."""
    return [dict(zip(space, point, strict=True)) for point in product(*(choice.ends for choice in space.values()))]


def template(build: Callable[[Mapping[str, Any]], Any], values: Mapping[str, Any]) -> Template:
    """A template from values of which some stand for many.

    build: the door. Each end of a space goes through it, so that what is tried is what was checked, and has its
    field's type. Raises BadInput, whose `where` is the dotted name of the value that is wrong.
    """
    ends = {name: _ends(name, choice) for name, choice in _spaces(values)}
    first = {name: several[0] for name, several in ends.items()}
    corner = _built(build, _laid(values, first))
    typed = {
        name: [_kept(end, _at(_built(build, _laid(values, first | {name: end})), name)) for end in several]
        for name, several in ends.items()
    }
    return Template(corner, {name: _choice(name, _at(values, name), typed[name]) for name in ends})


def _ends(name: str, choice: Mapping[str, Any]) -> list[Any]:
    allowed = ("grid",) if "grid" in choice else ("low", "high", "log")
    for key in choice:
        if key not in allowed:
            raise unknown(name, "key of a search space", key, allowed)
    if missing := [key for key in allowed if key not in choice and key != "log"]:
        raise BadInput(name, f"{missing[0]} is missing", f"give {missing[0]}: VALUE")
    if "grid" not in choice:
        return [choice["low"], choice["high"]]
    if not isinstance(choice["grid"], list | tuple):
        raise BadInput(name, f"the grid is {choice['grid']!r}", "give a list of values")
    if not choice["grid"]:
        raise BadInput(name, "the grid is empty", "give at least one value")
    return [*choice["grid"]]


def _choice(name: str, choice: Mapping[str, Any], ends: list[Any]) -> Grid | Range:
    if "grid" in choice:
        return Grid(grid=tuple(dict.fromkeys(ends)))
    low, high = ends
    if not all(isinstance(end, int | float) and not isinstance(end, bool) for end in ends):
        raise BadInput(name, f"from {low!r} to {high!r} is no range of numbers", "give grid: [...]")
    if not low < high:
        raise BadInput(name, f"low {low} is not below high {high}", "swap or mend them")
    if not isinstance(log := choice.get("log", False), bool):
        raise BadInput(name, f"log is {log!r}", "give log: true or log: false")
    if log and low <= 0:
        raise BadInput(name, f"low {low} has no logarithm", "let low be above 0")
    return Range(low=low, high=high, log=log)


def _built(build: Callable[[Mapping[str, Any]], Any], values: Mapping[str, Any]) -> Any:
    try:
        return build(values)
    except BadInput as error:
        wrong = _at(values, error.where) if error.where else None
        if isinstance(wrong, Mapping) and "name" not in wrong and wrong:  # it was meant to be a space
            raise unknown(error.where, "key of a search space", next(iter(wrong)), WORDS) from error
        raise


def _kept(end: Any, typed: Any) -> Any:
    """What is tried at an end of a space: a member by its name, anything else as its field has it."""
    return end if is_dataclass(typed) else typed


def _spaces(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    for key, value in values.items():
        if is_space(value):
            yield f"{prefix}{key}", value
        elif isinstance(value, Mapping):
            yield from _spaces(value, f"{prefix}{key}.")


def _laid(values: Mapping[str, Any], point: Mapping[str, Any]) -> dict[str, Any]:
    """The values with a point in the place of their spaces."""
    laid = dict(values)
    for name, value in point.items():
        head, _, rest = name.partition(".")
        laid[head] = _laid(laid[head], {rest: value}) if rest else value
    return laid


def _at(tree: Any, name: str) -> Any:
    """What stands under a dotted name in a member or mapping; None where there is nothing."""
    for part in name.split("."):
        tree = tree.get(part) if isinstance(tree, Mapping) else getattr(tree, part, None)
    return tree
