"""Which of several points no other one beats in everything."""

import numpy as np

__all__ = ["pareto_front"]


def pareto_front(points: np.ndarray) -> np.ndarray:
    """Whether each point is on the front: no other is at least as good in every number, and better in one.

    points: axes (point, number), of which higher is better.
    """
    at_least = np.all(points[None] >= points[:, None], axis=-1)
    better = np.any(points[None] > points[:, None], axis=-1)
    return ~np.any(at_least & better, axis=1)
