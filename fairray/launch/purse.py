"""What a run has taken of its budget."""

import math
import time
from collections.abc import Callable

from fairray.budget import Budget
from fairray.trial import Trial

__all__ = ["Purse"]


class Purse:
    """Says whether something may begin; what has begun is finished. gpus: how many a job with such a trial is given."""

    def __init__(self, budget: Budget | None = None, gpus: Callable[[Trial], float] = lambda trial: 0.0):
        self.budget, self.gpus = budget, gpus
        self.begun: set[str] = set()
        self.since = time.monotonic()
        self.ended = 0.0  # seconds of GPUs
        self.running: dict[str, tuple[float, float]] = {}  # of jobs by name, their GPUs and since when

    @property
    def spent(self) -> bool:
        """Whether no further job may begin; trials are counted when they are asked for."""
        if self.budget is None or self.budget.unit == "trials":
            return False
        seconds = self.gpu_seconds if self.budget.unit == "gpu-h" else time.monotonic() - self.since
        return seconds >= 3600 * self.budget.amount

    @property
    def gpu_seconds(self) -> float:
        """What jobs have taken so far, those that run too."""
        now = time.monotonic()
        return self.ended + sum(gpus * (now - since) for gpus, since in self.running.values())

    def admit(self, trial: Trial) -> bool:
        """Whether a trial may begin; if so, it has."""
        most = self.budget.amount if self.budget is not None and self.budget.unit == "trials" else math.inf
        if len(self.begun | {trial.uid}) > most:
            return False
        self.begun.add(trial.uid)
        return True

    def begin(self, job: str, trial: Trial) -> None:
        self.running[job] = self.gpus(trial), time.monotonic()

    def end(self, job: str) -> None:
        gpus, since = self.running.pop(job)
        self.ended += gpus * (time.monotonic() - since)
