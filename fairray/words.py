"""Words that several rooms write alike."""

from collections.abc import Iterable

__all__ = ["cut", "list_some", "write_bytes", "write_count", "write_work"]

SHOWN = 40
LONGEST = 120


def write_count(number: int, noun: str) -> str:
    """How many of a thing there are: 1 seed, 2 seeds."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def write_work(seconds: float, of: str = "core") -> str:
    """How long one core, or another thing, is kept busy: 12.0 core-seconds, 3.5 core-minutes, 2.0 core-hours."""
    unit, size = next(each for each in (("hour", 3600), ("minute", 60), ("second", 0)) if seconds >= each[1])
    return f"{seconds / (size or 1):.1f} {of}-{unit}s"


def write_bytes(size: int) -> str:
    """How large something is: 3.5 MiB."""
    unit, step = next(
        each for each in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)) if size >= each[1] or each[1] == 2**10
    )
    return f"{size / step:.1f} {unit}"


def list_some(names: Iterable[object], most: int = SHOWN) -> str:
    """Names in a row: the first of them, and how many more there are."""
    every = list(map(str, names))
    more = f" and {len(every) - most:,} more" if len(every) > most else ""
    return ", ".join(map(cut, every[:most])) + more


def cut(text: str) -> str:
    """The beginning of a text, in one line."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..."
