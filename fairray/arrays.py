"""Pickled numpy arrays, as they are published, read without running what else a pickle can hold."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["load_arrays"]

ADMITTED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
    ("numpy._core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


def load_arrays(path: Path, encoding: str = "ASCII") -> Any:
    """The arrays of a file in their containers. encoding: of what Python 2 wrote.

    Raises pickle.UnpicklingError where there is anything else than arrays and plain values.
    """
    with path.open("rb") as file:
        return _Reader(file, encoding=encoding).load()


class _Reader(pickle.Unpickler):
    """Builds arrays in plain containers, and refuses all else: a pickle can run any code."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return ADMITTED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} is not part of an array") from None
