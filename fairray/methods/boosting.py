"""Gradient boosting of trees, scikit-learn's by histograms."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt
from sklearn.ensemble import HistGradientBoostingClassifier

from fairray.evaluation import Evaluation
from fairray.methods._estimators import Fitted, check_table

__all__ = ["Boosting"]


@dataclass(frozen=True, kw_only=True)
class Boosting:
    """Trees, each fitted to what those before it leave.

    rate: by which each counts. trees: how many at most; of more than 10,000 training examples a tenth, drawn by the
    seed, tells when to stop, and with fewer all seeds are one. leaves: of a tree at most.
    """

    rate: Annotated[float, Gt(0)] = 0.1
    trees: Annotated[int, Ge(1)] = 100
    leaves: Annotated[int, Ge(2)] = 31

    def chain(self, dataset):
        return Evaluation.of(Boosted(rate=self.rate, trees=self.trees, leaves=self.leaves), dataset)

    def check(self, dataset):
        check_table(dataset)


@dataclass(frozen=True, kw_only=True)
class Boosted(Fitted):
    """The trees of one seed."""

    rate: float
    trees: int
    leaves: int

    def build(self, seed):
        return HistGradientBoostingClassifier(
            learning_rate=self.rate,
            max_iter=self.trees,
            max_leaf_nodes=self.leaves,
            random_state=seed,
        )
