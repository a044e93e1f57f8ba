"""Words that several rooms write alike."""

from collections.abc import Iterable

__all__ = ["cut", "list_some", "write_count"]

SHOWN = 40
LONGEST = 120


def write_count(number: int, noun: str) -> str:
    """How many of a thing there are: 1 seed, 2 seeds."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def list_some(names: Iterable[object], most: int = SHOWN) -> str:
    """Names in a row: the first of them, and how many more there are."""
    every = list(map(str, names))
    more = f" and {len(every) - most:,} more" if len(every) > most else ""
    return ", ".join(map(cut, every[:most])) + more


def cut(text: str) -> str:
    """The beginning of a text, in one line."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..."
