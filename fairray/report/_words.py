"""How a report writes metrics, their values, and the points of a search."""

from collections.abc import Mapping
from typing import Any

from fairray.costs import dists, lpips, neural, pieapp, ssim  # noqa: F401 (tables speak of costs not measured)
from fairray.measures import find
from fairray.statistics.intervals import Interval

__all__ = ["describe_point", "directed", "label_axis", "named", "number", "shown", "with_unit"]


def named(metric: str) -> str:
    """How a metric is printed."""
    return find(metric).title


def with_unit(metric: str) -> str:
    """How a metric is printed, with what its values are multiplied by."""
    return named(metric) + find(metric).unit.label


def directed(metric: str) -> str:
    """How an axis is labelled."""
    return f"{with_unit(metric)}, {find(metric).better} is better"


def number(metric: str, value: float, sign: str = "") -> str:
    """A value as printed. sign: "+" shows a plus too."""
    unit = find(metric).unit
    small = unit.digits and 0 < abs(value) < 10 ** (unit.digits - 1 - unit.decimals)
    return f"{value:{sign}#.{unit.digits}g}" if small else f"{value:{sign}.{unit.decimals}f}"


def shown(metric: str, interval: Interval, sign: str = "") -> str:
    """A mean with its 95 % interval."""
    mean, low, high = (number(metric, value, sign) for value in (interval.mean, interval.low, interval.high))
    return mean if interval.n < 2 else f"{mean} [{low}, {high}]"


def describe_point(point: Mapping[str, Any]) -> str:
    """A point of a search in words."""
    names = {key.split(".")[-1]: value for key, value in point.items()}
    return ", ".join(f"{k} = {v:g}" if isinstance(v, int | float) else f"{k} = {v}" for k, v in names.items())


def label_axis(key: str) -> str:
    """The name of a searched number."""
    return key.split(".")[-1].replace("_", " ")
