"""Which epoch of a run is kept, by its validation curve; docs/decisions.md says why the default is the default."""

from collections.abc import Callable

import pandas as pd
import torch
from torch import Tensor

from fairray.data import Problem
from fairray.metrics import Metric
from fairray.metrics.accuracy import accuracy as accuracy_of
from fairray.metrics.auc import auc as auc_of
from fairray.metrics.eacc import eacc as eacc_of
from fairray.metrics.mse import balanced_mse, mse, mse_difference
from fairray.metrics.odds import odds as odds_of

__all__ = ["BY_CELL", "CURVES", "RULES", "best_epoch", "ended", "read_curves", "trained_epochs"]

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

BY_CELL = ("tradeoff", "z", "eacc")  # these need every (label, group) subgroup


def read_curves(records: pd.DataFrame) -> dict[str, list[float]]:
    """The validation curves in a training's records, by metric."""
    rows = records[(records["split"] == "val") & records["epoch"].notna() & (records["metric"] != "kept_epoch")]
    return {str(name): own.sort_values("epoch")["value"].tolist() for name, own in rows.groupby("metric")}


def best_epoch(rule: str, curves: Curves, patience: int = 0) -> Tensor:
    """The epoch kept of each replica, with axis (replica,): the best one before patience ends.

    curves: those of `CURVES` on validation data, with axes (epoch, replica). In a regression the rules
    read EAcc as the negative mean of the groups' squared errors, and Odds as their difference.
    """
    scores = _scores(rule, curves)
    if patience:  # what a replica trains on for, only because others of its pack do, must not change what it keeps
        over = (_waited(scores) >= patience).long()
        scores = scores.masked_fill(over.cumsum(0) - over > 0, -torch.inf)
    return scores.argmax(0)


def ended(rule: str, curves: Curves, patience: int) -> bool:
    """Whether every replica has gone `patience` epochs without a better one."""
    return patience > 0 and bool((_waited(_scores(rule, curves)) >= patience).any(0).all())


def trained_epochs(rule: str, curves: Curves, patience: int) -> list[int]:
    """How many epochs each replica has up to the end of its patience, as it is told from these alone; it trains on only
    because others of its pack do."""
    epochs, replicas = next(iter(curves.values())).shape
    found = torch.full((replicas,), epochs)
    for so_far in range(epochs, 0, -1) if patience else ():
        waited = _waited(_scores(rule, {name: curve[:so_far] for name, curve in curves.items()}))
        found[(waited >= patience).any(0)] = so_far
    return found.tolist()


def _scores(rule: str, curves: Curves) -> Tensor:
    if "mse" in curves:
        curves = {"eacc": -curves["balanced_mse"], "odds": curves["mse_difference"], "accuracy": -curves["mse"]}
    scores = RULES[rule](curves)
    return scores.where(~scores.isnan(), -torch.inf)  # an epoch whose outputs are no numbers is never the best


def _waited(scores: Tensor) -> Tensor:
    """Epochs since the best one so far, the first of several, with axes (epoch, replica)."""
    epoch = torch.arange(len(scores))[:, None].expand_as(scores)
    before = torch.cat([torch.full_like(scores[:1], -torch.inf), scores[:-1].cummax(0).values])
    return epoch - torch.where(scores > before, epoch, 0).cummax(0).values


def _standardised(curve: Tensor) -> Tensor:
    apart = curve - curve.nanmean(0)
    return apart / ((apart**2).nanmean(0).sqrt() + 1e-5)
