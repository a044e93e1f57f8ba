"""What a report is made of, and how it writes metrics and their values."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from fairray.evaluation import unit
from fairray.statistics.intervals import Interval

__all__ = ["LOWER_IS_BETTER", "Section", "joined", "named", "number", "shown", "with_unit"]

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
    """How a metric is printed, with what its values are multiplied by."""
    return named(metric) + UNITS.get(int(unit(metric)), "")


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


def joined(title: str, sections: Sequence[Section], text: str) -> Section:
    """Several sections as one, with a paragraph under them."""
    files = {name: content for section in sections for name, content in section.files.items()}
    return Section(title, "".join(section.html for section in sections) + f"<p>{text}</p>", files)
