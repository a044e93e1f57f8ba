"""Logistic regression, scikit-learn's."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt
from sklearn.linear_model import LogisticRegression as ScikitLearns

from fairray.evaluation import Evaluation
from fairray.methods._estimators import Fitted, check_table
from fairray.stages import Pinned

__all__ = ["LogisticRegression"]


@dataclass(frozen=True, kw_only=True)
class LogisticRegression:
    """Minimise the cross-entropy and |w|^2 / (2 C) of a linear model, of which there is one best: all seeds are it.

    C: scikit-learn's, the inverse of the regularisation. iterations: of L-BFGS, at most.
    """

    C: Annotated[float, Gt(0)] = 1.0
    iterations: Annotated[int, Ge(1)] = 2000

    def chain(self, dataset):
        return Evaluation.of(Pinned(Regression(C=self.C, iterations=self.iterations), 0), dataset)

    def check(self, dataset):
        check_table(dataset)


@dataclass(frozen=True, kw_only=True)
class Regression(Fitted):
    """The linear model, computed once for all seeds that see the same data."""

    C: float
    iterations: int

    def build(self, seed):
        return ScikitLearns(C=self.C, max_iter=self.iterations)
