"""Standard training, the baseline."""

from dataclasses import dataclass

from fairray.training.stage import TrainStage

__all__ = ["Standard"]


@dataclass(frozen=True, kw_only=True)
class Standard(TrainStage):
    """Minimise the mean cross-entropy and nothing else."""

    heeds_weights = True
