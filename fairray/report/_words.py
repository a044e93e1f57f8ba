"""How a report writes metrics, their values, and the points of a search."""

from collections.abc import Mapping
from typing import Any

from fairray.evaluation import unit
from fairray.statistics.intervals import Interval

__all__ = ["LOWER_IS_BETTER", "describe_point", "directed", "named", "number", "shown", "with_unit"]

LOWER_IS_BETTER = {
    "artificial_bias",
    "balanced_mse",
    "data_bias",
    "demographic_parity_difference",
    "deo_max",
    "dists",
    "equalized_odds_difference",
    "group_mse",
    "l1",
    "l2",
    "leaked_accuracy",
    "linf",
    "lpips",
    "mse",
    "mse_difference",
    "neural",
    "odds",
    "pieapp",
    "saliency_l1",
    "saliency_l2",
    "saliency_linf",
    "saliency_ssim",
    "ssim",
}
DISTANCES = {"l1": "L1", "l2": "L2", "linf": "L∞", "ssim": "1 - SSIM"}
NAMES = {
    "auc": "AUC",
    "dists": "DISTS",
    "eacc": "EAcc",
    "judged": "still read right",
    "lpips": "LPIPS",
    "mse": "MSE",
    "neural": "neural distance",
    "odds": "Odds",
    "pieapp": "PieAPP",
    "trust": "trust score",
    **DISTANCES,
    **{f"saliency_{metric}": f"saliency {name}" for metric, name in DISTANCES.items()},
}
UNITS = {100: " (%)", 1000: " (×1000)"}
SUMS = {"l1", "l2", "saliency_l1", "saliency_l2"}  # over all pixels: their numbers are not small


def named(metric: str) -> str:
    """How a metric is printed."""
    return NAMES.get(metric, metric.replace("_", " ").replace("mse", "MSE"))


def with_unit(metric: str) -> str:
    """How a metric is printed, with what its values are multiplied by."""
    return named(metric) + UNITS.get(int(unit(metric)), "")


def directed(metric: str) -> str:
    """How an axis is labelled."""
    return f"{with_unit(metric)}, {'lower' if metric in LOWER_IS_BETTER else 'higher'} is better"


def number(metric: str, value: float, sign: str = "") -> str:
    """A value as printed: percents, thousandths and sums over pixels with two decimals, other numbers with four.

    What is no percent has two significant digits where these are not enough. sign: "+" shows a plus too.
    """
    decimals = 2 if unit(metric) > 1 or metric in SUMS else 4
    small = unit(metric) != 100 and 0 < abs(value) < 10 ** (1 - decimals)
    return f"{value:{sign}#.2g}" if small else f"{value:{sign}.{decimals}f}"


def shown(metric: str, interval: Interval, sign: str = "") -> str:
    """A mean with its 95 % interval."""
    mean, low, high = (number(metric, value, sign) for value in (interval.mean, interval.low, interval.high))
    return mean if interval.n < 2 else f"{mean} [{low}, {high}]"


def describe_point(point: Mapping[str, Any]) -> str:
    """A point of a search in words."""
    names = {key.split(".")[-1]: value for key, value in point.items()}
    return ", ".join(f"{k} = {v:g}" if isinstance(v, int | float) else f"{k} = {v}" for k, v in names.items())
