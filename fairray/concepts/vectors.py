"""Concept activation vectors (CAVs): the direction in which activations change where a concept is, and how good it is.

Source: Dreyer, Pahde, Anders, Samek, Lapuschkin, From Hope to Safety: Unlearning Biases of Deep Models via Gradient
Penalization in Latent Space (AAAI 2024), equation 2 and A.2 to A.5; the mean and the median are of Pahde et al.,
Navigating Neural Space (ICLR 2025). Activations are pooled, with axes (n, m): example, channel.
"""

import warnings
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from fairray.errors import BadInput

__all__ = [
    "FITTED",
    "FOLDS",
    "Alignment",
    "Kind",
    "align",
    "array",
    "auroc",
    "check_classes",
    "check_finite",
    "fit_cav",
    "separability",
]

Kind = Literal["svm", "ridge", "lasso", "logistic", "signal", "mean", "median"]

GRID = tuple(10.0**power for power in range(-5, 5))  # of C or alpha, in every optimiser, as published
FOLDS = 5
FITTED = ("svm", "ridge", "lasso", "logistic")  # by scikit-learn


class Alignment(NamedTuple):
    """each: the mean of the samples' cosines. overall: the cosine with the samples' mean."""

    each: Tensor
    overall: Tensor


def fit_cav(a: Tensor, concept: Tensor, kind: Kind, weighted: bool = True) -> Tensor:
    """The CAV h, (m,), of unit length, from activations (n, m) and whether each example has the concept, (n,) bool.

    weighted: both classes weigh alike in the four kinds that scikit-learn fits; the others need no weights. Those four
    have no intercept, and choose their parameter from GRID by five folds: stratified for svm and logistic, while ridge
    and lasso take theirs in the order of the examples, which should not be sorted by concept. Computed in float64; the
    same on every call. Raises BadInput where one class is absent or too small, for activations that are not finite, and
    where no direction is found.
    """
    check_classes(concept, FOLDS if kind in FITTED else 1)
    check_finite(a)
    w = _direction(array(a), concept.cpu().numpy(), kind, weighted)
    length = float(np.linalg.norm(w))
    if length == 0:
        problem = f"{kind} found no direction: every weight of the CAV is zero"
        raise BadInput("activations", problem, "choose another kind, such as signal, or another layer")
    return torch.from_numpy(w / length).to(a)


def check_classes(concept: Tensor, least: int) -> None:
    """Raise BadInput where fewer than `least` examples have the concept, or have it not."""
    n1 = int(concept.sum())
    n0 = len(concept) - n1
    cure = "give more examples, with the concept and without it"
    for name, number, other in (("with", n1, f"{n0} without"), ("without", n0, f"{n1} with")):
        if number == 0:
            raise BadInput("concept", f"there are no examples {name} it, and {other} it", cure)
        if number < least:
            problem = f"{least} folds need {least} examples {name} it, and there are {number}, and {other} it"
            raise BadInput("concept", problem, cure)


def check_finite(a: Tensor) -> None:
    """Raise BadInput where an activation is not."""
    bad = int((~torch.isfinite(a)).any(1).sum())
    if bad:
        problem = f"those of {bad} of {len(a)} examples are not finite"
        raise BadInput("activations", problem, "look for inputs or weights that are not finite")


def array(a: Tensor) -> np.ndarray:
    """Activations as scikit-learn takes them, in float64."""
    return a.detach().double().cpu().numpy()


def align(h: Tensor, before: Tensor, after: Tensor) -> Alignment:
    """The cosine of h with what a concept adds to activations (n, m): those `after` it was inserted less `before`.

    From -1 to 1. An example whose activations did not change counts as 0.
    """
    delta = after - before
    return Alignment(F.cosine_similarity(delta, h[None]).mean(), F.cosine_similarity(delta.mean(0), h, dim=0))


def auroc(h: Tensor, a: Tensor, concept: Tensor) -> float:
    """P(h . a is larger for an example with the concept than for one without), ties counting half."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(concept.cpu().numpy(), (a @ h).detach().cpu().numpy()))


def separability(h: Tensor, before: Tensor, after: Tensor) -> float:
    """The AUROC of h . a between the same examples, (n, m), before and after the concept was inserted.

    Of the published repository's measures of pairs, the one that does not change with the scale of activations or
    their mean.
    """
    concept = torch.arange(len(before) + len(after)) >= len(before)
    return auroc(h, torch.cat([before, after]), concept)


def _direction(a: np.ndarray, concept: np.ndarray, kind: Kind, weighted: bool) -> np.ndarray:
    if kind in FITTED:
        return _searched(kind, a, concept, _weights(concept) if weighted else None)
    return {"signal": _signal, "mean": _mean, "median": _median}[kind](a, concept)


def _signal(a: np.ndarray, concept: np.ndarray) -> np.ndarray:
    """cov(a, t) / var(t), the pattern of Haufe et al. (2014). For t of 0 and 1 it is `_mean`."""
    t = concept - concept.mean()
    return (a - a.mean(0)).T @ t / (t @ t)


def _mean(a: np.ndarray, concept: np.ndarray) -> np.ndarray:
    return a[concept].mean(0) - a[~concept].mean(0)


def _median(a: np.ndarray, concept: np.ndarray) -> np.ndarray:
    return np.median(a[concept], axis=0) - np.median(a[~concept], axis=0)


def _weights(concept: np.ndarray) -> np.ndarray:
    """One over the size of an example's class, by the largest of both, as published."""
    w = np.where(concept, 1 / concept.sum(), 1 / (~concept).sum())
    return w / w.max()


def _searched(kind: str, a: np.ndarray, concept: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """The coefficients for targets of -1 and 1, with the parameter that the folds find best, none of them weighted.

    Not by GridSearchCV, which weighs the folds' scores too in newer versions, and in those of the time did not.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import cross_val_score

    t = 2.0 * concept - 1
    fit = {} if weights is None else {"sample_weight": weights}
    candidates = [_estimator(kind, value) for value in GRID]
    with warnings.catch_warnings():  # no solver converges at both ends of nine decades, and the folds judge them
        warnings.simplefilter("ignore", ConvergenceWarning)
        scores = [cross_val_score(candidate, a, t, cv=FOLDS, params=fit).mean() for candidate in candidates]
        return candidates[int(np.argmax(scores))].fit(a, t, **fit).coef_.reshape(-1)


def _estimator(kind: str, value: float) -> Any:
    from sklearn.linear_model import Lasso, LogisticRegression, Ridge
    from sklearn.svm import LinearSVC

    return {
        "svm": LinearSVC(C=value, fit_intercept=False, random_state=0),
        "ridge": Ridge(alpha=value, fit_intercept=False),
        "lasso": Lasso(alpha=value, fit_intercept=False),
        "logistic": LogisticRegression(C=value, fit_intercept=False),
    }[kind]
