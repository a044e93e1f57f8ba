"""The stage that trains a network, by the one loop; a method is its difference from this one."""

from dataclasses import dataclass

from fairray.training.fit import fit
from fairray.training.hooks import Hooks, View, encode_and_classify, error, weighted_mean

__all__ = ["TrainStage", "View", "error", "encode_and_classify", "weighted_mean"]


@dataclass(frozen=True, kw_only=True)
class TrainStage(Hooks):
    """Empirical risk minimisation, and the hooks by which a method differs from it."""

    def run(self, replicas, before, engine, progress):
        yield from fit(replicas, before, engine, progress)
