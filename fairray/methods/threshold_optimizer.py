"""fairlearn's ThresholdOptimizer: thresholds of groups, mixed at random to meet a constraint (Hardt et al., 2016)."""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from fairlearn.postprocessing import ThresholdOptimizer as Fairlearns
from sklearn.base import BaseEstimator
from torch import Tensor

from fairray.evaluation import Evaluation
from fairray.methods._thresholds import Lots, Moved, check_groups
from fairray.methods.standard import Standard
from fairray.metrics import Predictions

__all__ = ["ThresholdOptimizer"]

Constraint = Literal["demographic_parity", "equalized_odds", "true_positive_rate_parity"]
Objective = Literal["accuracy_score", "balanced_accuracy_score"]


@dataclass(frozen=True, kw_only=True)
class ThresholdOptimizer:
    """Thresholds that meet a constraint on validation data, with the best objective there. constraint, objective: by
    fairlearn's names."""

    constraint: Constraint = "equalized_odds"
    objective: Objective = "balanced_accuracy_score"

    def chain(self, dataset):
        return Evaluation.of(Optimised(model=Standard(), constraint=self.constraint, objective=self.objective), dataset)

    def check(self, dataset):
        check_groups(dataset)


@dataclass(frozen=True, kw_only=True)
class Optimised(Moved):
    """Each example draws a threshold, so that in expectation predictions are fairlearn's."""

    constraint: Constraint
    objective: Objective

    def find(self, p):
        score = p.score[0]
        fitted = fit(score, p, self.constraint, self.objective).interpolated_thresholder_.interpolation_dict
        beyond = torch.stack([score.min() - 1, score.max() + 1])  # for a threshold that all are above, or none
        return Lots(*map(torch.stack, zip(*(read(fitted[group], beyond) for group in range(p.groups)), strict=True)))


class Scores(BaseEstimator):
    """An estimator for fairlearn whose input is its score already."""

    def fit(self, x, y):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def decision_function(self, x):
        return x[:, 0]


def fit(score: Tensor, p: Predictions, constraint: Constraint, objective: Objective) -> Fairlearns:
    """fairlearn's optimizer, on scores with axis (example,)."""
    optimizer = Fairlearns(
        estimator=Scores(),
        constraints=constraint,
        objective=objective,
        predict_method="decision_function",
    )
    return optimizer.fit(score[:, None].numpy(), p.y.numpy(), sensitive_features=p.group.numpy())


def read(found: Any, beyond: Tensor) -> tuple[Tensor, Tensor]:
    """The four thresholds of a group and their chances: two that fairlearn mixes, and one below and one above all
    scores for its constant prediction. beyond: these two."""
    mixed = torch.tensor([found.operation0.threshold, found.operation1.threshold], dtype=torch.float64)
    ignored, constant = found.get("p_ignore", 0.0), found.get("prediction_constant", 0.0)
    own = [(1 - ignored) * found.p0, (1 - ignored) * found.p1]
    chances = torch.tensor([*own, ignored * constant, ignored * (1 - constant)], dtype=torch.float64)
    return torch.cat([mixed.clamp(*beyond), beyond]), chances
