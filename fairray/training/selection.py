"""Which epoch of a run is kept, by its validation curve; docs/decisions.md says why the default is the default."""

from collections.abc import Callable

from torch import Tensor

__all__ = ["RULES", "best_epoch"]

Curves = dict[str, Tensor]


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


def last(curves: Curves) -> Tensor:
    """The last epoch, whatever the curves say."""
    return curves["accuracy"].new_ones(curves["accuracy"].shape).cumsum(0)


RULES: dict[str, Callable[[Curves], Tensor]] = {f.__name__: f for f in (tradeoff, z, eacc, accuracy, last)}


def best_epoch(rule: str, curves: Curves) -> Tensor:
    """The epoch kept of each replica, with axis (replica,).

    curves: of odds, eacc and accuracy on validation data, with axes (epoch, replica).
    """
    return RULES[rule](curves).argmax(0)


def _standardised(curve: Tensor) -> Tensor:
    return (curve - curve.mean(0)) / (curve.std(0, correction=0) + 1e-5)
