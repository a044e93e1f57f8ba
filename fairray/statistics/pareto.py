"""Which of several points no other one beats in everything, and how much they beat together."""

import numpy as np

__all__ = ["hypervolume", "pareto_front"]


def pareto_front(points: np.ndarray) -> np.ndarray:
    """Whether each point is on the front: no other is at least as good in every number, and better in one.

    points: axes (point, number), of which higher is better.
    """
    at_least = np.all(points[None] >= points[:, None], axis=-1)
    better = np.any(points[None] > points[:, None], axis=-1)
    return ~np.any(at_least & better, axis=1)


def hypervolume(points: np.ndarray) -> float:
    """The share of the square of side 1 that lies below and left of at least one point: axes (point, two numbers)."""
    front = points[pareto_front(points)]
    x, y = front[np.lexsort(front.T[::-1])].T
    return float(np.diff(x, prepend=0) @ y)
