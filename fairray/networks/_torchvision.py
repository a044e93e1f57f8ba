"""Imports torchvision, and what imports it, on every build of torch.

On a build of torch that lacks the libraries that torchvision's own is linked to, torchvision runs without its
operators, but stops as it describes two of them, ``nms`` and ``qnms``, which no network needs; they are declared here.
"""

from importlib import import_module
from typing import Any

from torch.library import Library

__all__ = ["imported"]

_SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_declared: list[Library] = []  # an operator lasts as long as the library that declares it


def imported(module: str) -> Any:
    """A module of torchvision, or of a package that imports torchvision."""
    try:
        import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms does not exist" not in str(error):
            raise
        _declare()
    return import_module(module)


def _declare() -> None:
    library = Library("torchvision", "FRAGMENT")
    for operator in ("nms", "qnms"):
        library.define(operator + _SIGNATURE)
    _declared.append(library)
