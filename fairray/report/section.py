"""What a report is made of."""

from dataclasses import dataclass, field

from fairray.statistics.intervals import Interval

__all__ = ["Section", "percent"]


@dataclass(frozen=True)
class Section:
    """A part of a report. html: its body. files: further forms of it, by file name."""

    title: str
    html: str
    files: dict[str, bytes] = field(default_factory=dict)


def percent(interval: Interval) -> str:
    """A mean with its 95 % interval."""
    if interval.n < 2:
        return f"{interval.mean:.2f}"
    return f"{interval.mean:.2f} [{interval.low:.2f}, {interval.high:.2f}]"
