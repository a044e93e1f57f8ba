"""By which rule a point of a search is chosen: pure functions of the points' objectives."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge

__all__ = ["RULES", "Selection", "place"]

Rule = Literal["sum", "constraint", "utopia", "hypervolume", "z"]


@dataclass(frozen=True, kw_only=True)
class Selection:
    """How one point of a search is chosen, by its objectives' means over seeds.

    rule: "sum" of the objectives, those to be low counted negative; "constraint": the best of the last objective among
    the points whose first is `within` so much of the best, in its unit of print; "utopia": least distance to the point
    that has the best of each; "hypervolume": most volume between the point and the worst of each; "z": the sum of
    z-scores over the points, the rule of BaDe's authors. What utopia and hypervolume measure is in shares of the range
    of each objective.
    oracle: on test data, as those authors do; then what is reported is too good, and marked wherever it stands.
    """

    rule: Rule = "sum"
    within: Annotated[float, Ge(0)] = 1.0
    oracle: bool = False

    @property
    def split(self) -> Literal["val", "test"]:
        """The data that points are chosen by."""
        return "test" if self.oracle else "val"

    @property
    def said(self) -> str:
        """On which data points are chosen, in words."""
        return "chosen on TEST data (oracle)" if self.oracle else "chosen on validation"


def place(points: np.ndarray) -> np.ndarray:
    """The points in the box between the worst of each objective, 0, and the best, 1; both axes (point, objective)."""
    low, high = points.min(0), points.max(0)
    return (points - low) / np.where(high > low, high - low, 1)


def _constrain(points: np.ndarray, within: float) -> np.ndarray:
    return np.where(points[:, 0] >= points[:, 0].max() - within, points[:, -1], -np.inf)


# of points of which high values are better, axes (point, objective), a score each; within: of the first objective
RULES: dict[Rule, Callable[[np.ndarray, float], np.ndarray]] = {
    "sum": lambda points, within: points.sum(1),
    "constraint": _constrain,
    "utopia": lambda points, within: -np.linalg.norm(np.where(np.ptp(points, 0) > 0, 1 - place(points), 0), axis=1),
    "hypervolume": lambda points, within: place(points).prod(1),
    "z": lambda points, within: ((points - points.mean(0)) / (points.std(0) + 1e-5)).sum(1),
}
