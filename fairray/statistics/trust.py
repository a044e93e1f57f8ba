"""The trust score: how near a matrix of accuracies is to that of models that learnt nothing beyond their tasks.

Is my Deep Learning Model Learning more than I want it to? (PreserveTask), section 4.1. The ratio that is printed there
is the deviation; the scores are one minus it, with weights of 4 on the diagonal for five tasks.
"""

from collections.abc import Sequence

import numpy as np

__all__ = ["BANDS", "band", "ideal", "row_trust", "trust_score"]

BANDS = {"highly desirable": 0.9, "acceptable": 0.8, "poor": 0.0}


def ideal(classes: Sequence[int]) -> np.ndarray:
    """What models would have that learnt their own task alone, with axes (preserved task, probed task).

    classes: how many each task has; of a task that was not learnt, one in so many is guessed right.
    """
    chance = np.broadcast_to(1 / np.asarray(classes, float), (len(classes), len(classes)))
    return np.where(np.eye(len(classes), dtype=bool), 1.0, chance)


def trust_score(matrix: np.ndarray, classes: Sequence[int]) -> float:
    """1 - sum(W |M - T|) / sum(W), with T the ideal and W = k - 1 on the diagonal and 1 elsewhere, for k tasks.

    matrix: accuracies M as fractions, with axes (preserved task, probed task), both in the order of `classes`.
    """
    return float(np.mean([row_trust(row, classes, task) for task, row in enumerate(matrix)]))


def row_trust(row: np.ndarray, classes: Sequence[int], task: int) -> float:
    """The score of one model alone: as all rows weigh alike, a matrix's is the mean of its rows'.

    row: accuracies of the probes of one model, by probed task. task: which of them the model was to learn.
    """
    k = len(classes)
    weights = np.where(np.arange(k) == task, k - 1, 1)
    return float(1 - weights @ np.abs(np.asarray(row, float) - ideal(classes)[task]) / weights.sum())


def band(score: float) -> str:
    """What the paper calls a score."""
    return next((name for name, least in BANDS.items() if score >= least), "poor")
