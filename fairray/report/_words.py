"""How a report writes metrics, their values, and the points of a search."""

from collections.abc import Mapping, Sequence
from typing import Any

from fairray.costs import dists, lpips, neural, pieapp, ssim  # noqa: F401 (tables speak of costs not measured)
from fairray.measures import find
from fairray.statistics.intervals import Interval

__all__ = [
    "describe_metric", "describe_point", "express", "express_interval", "name_key", "name_metric", "name_with_unit",
    "refuse_verdict", "write_interval", "write_p", "write_printed", "write_value",
]  # fmt: skip


def name_metric(metric: str) -> str:
    """How a metric is called in print."""
    return find(metric).title


def name_with_unit(metric: str) -> str:
    """How a metric is called in print, with the unit of its values."""
    return name_metric(metric) + find(metric).unit.label


def describe_metric(metric: str) -> str:
    """A metric's name and unit, and which of its values are better."""
    return f"{name_with_unit(metric)}, {find(metric).better} is better"


def express(metric: str, values: Any) -> Any:
    """Measured values in the unit of print: of figures, whose axes say it, and of a table's numbers."""
    return find(metric).unit.express(values)


def express_interval(metric: str, interval: Interval) -> Interval:
    """A measured mean and its interval in the unit of print."""
    mean, low, high = (express(metric, value) for value in (interval.mean, interval.low, interval.high))
    return Interval(mean, low, high, interval.n)


def write_value(metric: str, value: float, sign: str = "") -> str:
    """A measured value in print. sign: "+" shows a plus too."""
    return write_printed(metric, express(metric, value), sign)


def write_printed(metric: str, value: float, sign: str = "") -> str:
    """A value that is in the unit of print already, as a paper's is. sign: "+" shows a plus too."""
    return find(metric).unit.write(value, sign)


def write_interval(metric: str, interval: Interval, sign: str = "") -> str:
    """A measured mean with its 95 % interval in print; alone where it has none, as values have that are all equal, or a
    dash for a mean of nothing.

    An interval that is too narrow for the digits of the mean is its half width, so that it never looks like none.
    """
    if interval.n == 0:
        return "–"
    mean, low, high = (write_value(metric, value, sign) for value in (interval.mean, interval.low, interval.high))
    if interval.low != interval.low:
        return mean
    return f"{mean} [{low}, {high}]" if low != high else f"{mean} ± {express(metric, interval.half):.1g}"


def write_p(p: float) -> str:
    """The p of a test; nothing where it is not defined."""
    return "" if p != p else f"{p:.2g}" if p >= 1e-4 else "< 0.0001"


def describe_point(point: Mapping[str, Any]) -> str:
    """A point of a search in words."""
    names = {key.split(".")[-1]: value for key, value in point.items()}
    return ", ".join(f"{k} = {v:g}" if isinstance(v, int | float) else f"{k} = {v}" for k, v in names.items())


def name_key(key: str) -> str:
    """The name of a searched number."""
    return key.split(".")[-1].replace("_", " ")


def refuse_verdict(doubtful: Sequence[str]) -> str:
    """Why neither of two methods is called better, by those that are no results."""
    return f"no verdict, as {' and '.join(doubtful)} {'is no result' if len(doubtful) == 1 else 'are no results'}"
