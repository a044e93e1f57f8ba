"""How the accuracy on a group goes with a number of the group, its covariate: a line, its interval and its F-test.

Human Imperceptible Attacks and Applications to Improve Fairness, chapter 4: p = beta g + eps, with g the log GDP per
capita of a country. The F(1, 39) there follows from an intercept and 41 countries.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from scipy import stats

from fairray.errors import BadInput
from fairray.statistics import Values

__all__ = ["ERRORS", "Errors", "Line", "fit_line"]

Errors = Literal["printed", "binomial", "clustered"]
ERRORS: tuple[Errors, ...] = ("printed", "binomial", "clustered")


class Line(NamedTuple):
    """The slope (accuracy for each unit of the covariate) with its confidence interval, and the test that it is zero.

    f: with 1 and df degrees of freedom, the square of the slope's t. n: of groups.
    """

    slope: float
    low: float
    high: float
    intercept: float
    f: float
    p: float
    df: int
    n: int


def fit_line(
    accuracy: Values,
    size: Values,
    covariate: Values,
    errors: Errors = "printed",
    names: Sequence[str] = (),
    confidence: float = 0.95,
) -> Line:
    """The groups' accuracies (fractions) on their covariate; the first three have axis (group).

    size: images of a group. names: what the groups are called in a message.
    errors: what the groups' errors are taken to be. "printed": independent, with variances proportional to
        1 / sqrt(size), generalised least squares as in the paper; "binomial": with variances proportional to 1 / size;
        "clustered": nothing but independence between groups, the least squares of the single images with the sandwich
        CR1 (Liang and Zeger, 1986) and the t of one degree less than there are groups (Cameron and Miller, 2015).
    Where all accuracies are equal the slope is 0, and there is no test or interval (nan).
    Raises BadInput for fewer than three groups, a group without images, a covariate that is the same for all or not
    finite, and an accuracy that is not finite.
    """
    p, n, g = (np.asarray(values, float) for values in (accuracy, size, covariate))
    _check(p, n, g, names)
    undefined, clustered = float("nan"), errors == "clustered"
    df = len(p) - 1 if clustered else len(p) - 2
    if np.ptp(p) == 0:
        return Line(0.0, undefined, undefined, float(p[0]), undefined, undefined, df, len(p))
    weights = np.sqrt(n) if errors == "printed" else n
    centre, mean = np.average(g, weights=weights), np.average(p, weights=weights)
    spread = weights @ (g - centre) ** 2
    leverage = weights * (g - centre) / spread
    slope = float(leverage @ (p - mean))
    residuals = p - mean - slope * (g - centre)
    variance = _clustered(leverage, residuals, n) if clustered else float(weights @ residuals**2 / df / spread)
    half = float(stats.t.ppf((1 + confidence) / 2, df) * np.sqrt(variance))
    f = slope**2 / variance if variance else float("inf")
    intercept = float(mean - slope * centre)
    return Line(slope, slope - half, slope + half, intercept, f, float(stats.f.sf(f, 1, df)), df, len(p))


def _clustered(leverage: np.ndarray, residuals: np.ndarray, size: np.ndarray) -> float:
    """The slope's variance by CR1: the sandwich times G / (G - 1) and (N - 1) / (N - 2), for G groups and N images.

    An image's residual is its own part and its group's. Own parts add up to zero in a group, whose images have one
    covariate, so the sandwich needs the groups' residuals alone.
    """
    groups, images = len(size), size.sum()
    correction = groups / (groups - 1) * (images - 1) / (images - 2)
    return float(correction * np.sum((leverage * residuals) ** 2))


def _check(accuracy: np.ndarray, size: np.ndarray, covariate: np.ndarray, names: Sequence[str]) -> None:
    groups = len(accuracy)
    if not groups == len(size) == len(covariate):
        found = f"there are {groups} accuracies, {len(size)} sizes and {len(covariate)} numbers of the covariate"
        raise BadInput("covariate", found, "give one of each for every group, in the same order")
    if groups < 3:
        found = f"a line needs three groups or more, and there are {groups}"
        raise BadInput("covariate", found, "take an attribute with more groups, or leave the regression out")
    if empty := _named(~(size > 0), names):
        raise BadInput("size", f"no image is of {empty}", "leave the group out, or take accuracies on more images")
    if unknown := _named(~np.isfinite(covariate), names):
        raise BadInput("covariate", f"it is no finite number for {unknown}", "give its number, or leave the group out")
    if wrong := _named(~np.isfinite(accuracy), names):
        raise BadInput("accuracy", f"it is no finite number for {wrong}", "leave out the model that failed")
    if np.ptp(covariate) == 0:
        raise BadInput("covariate", f"it is {covariate[0]:g} for every group", "take one in which the groups differ")


def _named(which: np.ndarray, names: Sequence[str]) -> str:
    """The groups that are meant, in words; nothing where there is none."""
    called = names or [f"group {i}" for i in range(len(which))]
    return ", ".join(name for name, meant in zip(called, which, strict=True) if meant)
