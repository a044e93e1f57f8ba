"""What a report is made of, and how it writes metrics and their values."""

from dataclasses import dataclass, field

from fairray.evaluation import unit
from fairray.statistics.intervals import Interval

__all__ = ["LOWER_IS_BETTER", "Section", "named", "number", "shown", "with_unit"]

LOWER_IS_BETTER = {
    "artificial_bias",
    "balanced_mse",
    "data_bias",
    "demographic_parity_difference",
    "deo_max",
    "equalized_odds_difference",
    "group_mse",
    "leaked_accuracy",
    "mse",
    "mse_difference",
    "odds",
}
NAMES = {"trust": "trust score", "odds": "Odds", "eacc": "EAcc", "mse": "MSE", "auc": "AUC"}


@dataclass(frozen=True)
class Section:
    """A part of a report. html: its body. files: further forms of it, by file name."""

    title: str
    html: str
    files: dict[str, bytes] = field(default_factory=dict)


def named(metric: str) -> str:
    """How a metric is printed."""
    return NAMES.get(metric, metric.replace("_", " ").replace("mse", "MSE"))


def with_unit(metric: str) -> str:
    """How a metric is printed, with the unit of its values where they are fractions."""
    return f"{named(metric)} (%)" if unit(metric) == 100 else named(metric)


def number(metric: str, value: float, sign: str = "") -> str:
    """A value as printed: percents with two decimals, other numbers with four. sign: "+" shows a plus too."""
    return f"{value:{sign}.{2 if unit(metric) == 100 else 4}f}"


def shown(metric: str, interval: Interval, sign: str = "") -> str:
    """A mean with its 95 % interval."""
    mean, low, high = (number(metric, value, sign) for value in (interval.mean, interval.low, interval.high))
    return mean if interval.n < 2 else f"{mean} [{low}, {high}]"
