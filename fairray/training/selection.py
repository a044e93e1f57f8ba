"""Which epoch of a run is kept, by its validation curve; docs/decisions.md says why the default is the default."""

from collections.abc import Callable

from torch import Tensor

from fairray.data import Problem
from fairray.metrics import Metric
from fairray.metrics.accuracy import accuracy as accuracy_of
from fairray.metrics.auc import auc as auc_of
from fairray.metrics.eacc import eacc as eacc_of
from fairray.metrics.mse import balanced_mse, mse, mse_difference
from fairray.metrics.odds import odds as odds_of

__all__ = ["CURVES", "RULES", "best_epoch"]

Curves = dict[str, Tensor]

CLASSES: dict[str, Metric] = {"odds": odds_of, "eacc": eacc_of, "accuracy": accuracy_of}
CURVES: dict[Problem, dict[str, Metric]] = {
    "binary": {**CLASSES, "auc": auc_of},
    "multiclass": CLASSES,
    "regression": {"mse": mse, "balanced_mse": balanced_mse, "mse_difference": mse_difference},
}


def tradeoff(curves: Curves) -> Tensor:
    """EAcc - Odds: a point of bias is worth a point of accuracy."""
    return curves["eacc"] - curves["odds"]


def z(curves: Curves) -> Tensor:
    """z(EAcc) - z(Odds) over the epochs of the run, as the authors' code ranks them (theirs: on test data)."""
    return _standardised(curves["eacc"]) - _standardised(curves["odds"])


def eacc(curves: Curves) -> Tensor:
    """Highest EAcc."""
    return curves["eacc"]


def accuracy(curves: Curves) -> Tensor:
    """Highest accuracy."""
    return curves["accuracy"]


def auc(curves: Curves) -> Tensor:
    """Highest AUC, which is what the paper says; binary labels only."""
    return curves["auc"]


def last(curves: Curves) -> Tensor:
    """The last epoch, whatever the curves say."""
    return curves["eacc"].new_ones(curves["eacc"].shape).cumsum(0)


RULES: dict[str, Callable[[Curves], Tensor]] = {f.__name__: f for f in (tradeoff, z, eacc, accuracy, auc, last)}


def best_epoch(rule: str, curves: Curves) -> Tensor:
    """The epoch kept of each replica, with axis (replica,).

    curves: those of `CURVES` on validation data, with axes (epoch, replica). In a regression the rules
    read EAcc as the negative mean of the groups' squared errors, and Odds as their difference.
    """
    if "mse" in curves:
        curves = {"eacc": -curves["balanced_mse"], "odds": curves["mse_difference"], "accuracy": -curves["mse"]}
    return RULES[rule](curves).argmax(0)


def _standardised(curve: Tensor) -> Tensor:
    return (curve - curve.mean(0)) / (curve.std(0, correction=0) + 1e-5)
