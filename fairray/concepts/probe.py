"""Is the concept still in the activations? What one direction did not remove, a linear probe can still read."""

import torch
from torch import Tensor

from fairray.concepts.vectors import FOLDS, array, check_classes, check_finite

__all__ = ["probe_auroc"]

GRID = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 1e1)


def probe_auroc(a_train: Tensor, concept_train: Tensor, a_test: Tensor, concept_test: Tensor) -> float:
    """The AUROC of a linear probe for the concept on test examples; about .5 where it reads nothing.

    A logistic regression with an intercept, on activations (n, m) standardised by the training examples'; its C is
    chosen from GRID by the AUROC over five stratified folds of these. concept: (n,) bool. Raises BadInput where a class
    is absent, in training smaller than the folds, or activations are not finite.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    check_classes(concept_train, FOLDS)
    check_classes(concept_test, 1)
    check_finite(torch.cat([a_train, a_test]))
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    search = GridSearchCV(probe, {"logisticregression__C": list(GRID)}, cv=FOLDS, scoring="roc_auc")
    search.fit(array(a_train), concept_train.cpu().numpy())
    return float(search.score(array(a_test), concept_test.cpu().numpy()))
