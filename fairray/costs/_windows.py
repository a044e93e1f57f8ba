"""Gaussian windows on images as linear maps: the weighted mean over each window, and the exact adjoint."""

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from torch import Tensor
from torch.nn.functional import pad

from fairray.errors import BadInput

__all__ = ["Padding", "Windows"]

Padding = Literal["reflect", "zero", "valid"]

# pixels of an axis up to which a product with a banded matrix is faster on a CPU than a sum of shifted images
BANDED = 64


@dataclass(frozen=True)
class Windows:
    """W, separable: one window around each pixel or, with padding "valid", only those that lie inside the image.

    "reflect" repeats the edge pixel, as scikit-image does (numpy's "symmetric"); every pixel then has the same weight
    in the sum of all windows. "zero" and "reflect" are their own adjoints.

    size: of a window, in pixels, odd.
    """

    size: int
    sigma: float
    padding: Padding

    def __call__(self, x: Tensor) -> Tensor:
        """W x, over the last two axes, which "valid" shrinks by size - 1.

        Raises BadInput where "valid" finds no room for a window.
        """
        if min(x.shape[-2:]) <= self._lost:
            problem = f"a window of {self.size} does not fit into images of {x.shape[-2]} x {x.shape[-1]}"
            raise BadInput("padding", problem, "set padding: reflect, or a smaller window")
        return self._along(-2, self._along(-1, x))

    def adjoint(self, x: Tensor) -> Tensor:
        """W^T x, from values of windows to pixels."""
        return self._along(-2, self._along(-1, x, transposed=True), transposed=True)

    def squared_adjoint(self, x: Tensor) -> Tensor:
        """W^T x with each entry of W squared, which is the diagonal of W^T diag(x) W."""
        rows, columns = (self.matrix(length + self._lost, x) ** 2 for length in x.shape[-2:])
        return rows.mT @ x @ columns

    def matrix(self, pixels: int, like: Tensor) -> Tensor:
        """W of one axis, with axes (window, pixel) and the dtype and device of `like`."""
        return torch.from_numpy(_matrix(self, pixels)).to(like.device, like.dtype)

    @property
    def _lost(self) -> int:
        return self.size - 1 if self.padding == "valid" else 0

    def _along(self, axis: int, x: Tensor, transposed: bool = False) -> Tensor:
        pixels = x.shape[axis] + self._lost * transposed
        if x.device.type == "cpu" and pixels > max(BANDED, self.size):
            return self._sum_shifted(axis, self._pad(axis, x, transposed))
        matrix = self.matrix(pixels, x).mT if transposed else self.matrix(pixels, x)
        return x @ matrix.mT if axis == -1 else matrix @ x

    def _sum_shifted(self, axis: int, padded: Tensor) -> Tensor:
        first, *weights = _kernel(self).tolist()
        length = padded.shape[axis] - self.size + 1
        total = padded.narrow(axis, 0, length) * first
        for start, weight in enumerate(weights, start=1):
            total.add_(padded.narrow(axis, start, length), alpha=weight)
        return total

    def _pad(self, axis: int, x: Tensor, transposed: bool) -> Tensor:
        radius = self.size // 2
        if self.padding == "reflect":
            edges = x.narrow(axis, 0, radius), x.narrow(axis, x.shape[axis] - radius, radius)
            return torch.cat((edges[0].flip(axis), x, edges[1].flip(axis)), axis)
        border = radius if self.padding == "zero" else self._lost * transposed
        return pad(x, (border, border) if axis == -1 else (0, 0, border, border))


def _kernel(windows: Windows) -> np.ndarray:
    away = np.arange(windows.size) - windows.size // 2
    weights = np.exp(-0.5 * (away / windows.sigma) ** 2)
    return weights / weights.sum()


@cache
def _matrix(windows: Windows, pixels: int) -> np.ndarray:
    border = 0 if windows.padding == "valid" else windows.size // 2
    mode: Literal["symmetric", "constant"] = "symmetric" if windows.padding == "reflect" else "constant"
    padded = np.pad(np.eye(pixels), ((border, border), (0, 0)), mode)
    return sliding_window_view(padded, windows.size, axis=0) @ _kernel(windows)
