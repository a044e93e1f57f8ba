"""What a report is made of, and how it writes metrics and their values."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from fairray.measures import find
from fairray.statistics.intervals import Interval

__all__ = ["Section", "joined", "named", "number", "shown", "with_unit"]


@dataclass(frozen=True)
class Section:
    """A part of a report. html: its body. files: further forms of it, by file name."""

    title: str
    html: str
    files: dict[str, bytes] = field(default_factory=dict)


def named(metric: str) -> str:
    """How a metric is printed."""
    return find(metric).title


def with_unit(metric: str) -> str:
    """How a metric is printed, with what its values are multiplied by."""
    return named(metric) + find(metric).unit.label


def number(metric: str, value: float, sign: str = "") -> str:
    """A value as printed. sign: "+" shows a plus too."""
    unit = find(metric).unit
    small = unit.digits and 0 < abs(value) < 10 ** (unit.digits - 1 - unit.decimals)
    return f"{value:{sign}#.{unit.digits}g}" if small else f"{value:{sign}.{unit.decimals}f}"


def shown(metric: str, interval: Interval, sign: str = "") -> str:
    """A mean with its 95 % interval."""
    mean, low, high = (number(metric, value, sign) for value in (interval.mean, interval.low, interval.high))
    return mean if interval.n < 2 else f"{mean} [{low}, {high}]"


def joined(title: str, sections: Sequence[Section], text: str) -> Section:
    """Several sections as one, with a paragraph under them."""
    files = {name: content for section in sections for name, content in section.files.items()}
    return Section(title, "".join(section.html for section in sections) + f"<p>{text}</p>", files)
