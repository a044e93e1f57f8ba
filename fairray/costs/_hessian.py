"""The Hessian of 1 - SSIM where both images are the same, and linear systems with it: PCG, and Cholesky as its oracle.

With W the mean over windows, mu and s2 the mean and the variance in each, and P the number of windows and channels,
H v = 2/P (W^T((a - b) W v) + (W^T b) v), a = 1 / (2 mu^2 + C1), b = 1 / (2 s2 + C2): 1 - SSIM is
(W d)^2 a + Var_w(d) b for small d (Brunet, Vrscay and Wang, 2012). It is positive definite for every padding.
"""

from typing import NamedTuple, Self

import torch
from torch import Tensor

from fairray.costs._windows import Windows
from fairray.errors import BadInput

__all__ = ["SsimHessian", "solve", "solve_dense"]

ITERATIONS = 2000
LARGEST = 64 * 64  # pixels of a dense system: 67 MB in float32


class SsimHessian(NamedTuple):
    """H = W^T diag(means) W + diag(pixels): every channel of every image is a system of its own.

    means: 2/P (a - b), with axes (..., window, window). pixels: 2/P W^T b, with axes (..., height, width).
    diagonal: of H, with the axes of `pixels`.
    """

    windows: Windows
    means: Tensor
    pixels: Tensor
    diagonal: Tensor

    def product(self, v: Tensor) -> Tensor:
        """H v, of images with the axes of `pixels`."""
        return self.windows.adjoint(self.means * self.windows(v)).addcmul_(self.pixels, v)

    def dense(self) -> Tensor:
        """H as matrices, with axes (..., pixel, pixel), pixels row by row."""
        rows, columns = (self.windows.matrix(length, self.pixels) for length in self.pixels.shape[-2:])
        w = torch.kron(rows, columns)
        return w.mT @ (self.means.flatten(-2)[..., None] * w) + torch.diag_embed(self.pixels.flatten(-2))

    def systems(self) -> Self:
        """The same H with one axis (system) in the place of those before the height."""
        means, pixels, diagonal = (each.flatten(end_dim=-3) for each in self[1:])
        return self._replace(means=means, pixels=pixels, diagonal=diagonal)

    def rows(self, which: Tensor) -> Self:
        """Some of the systems."""
        means, pixels, diagonal = (each[which] for each in self[1:])
        return self._replace(means=means, pixels=pixels, diagonal=diagonal)


class _State(NamedTuple):
    """How far conjugate gradients have come; axis 0 is the system."""

    x: Tensor
    residual: Tensor
    direction: Tensor
    error: Tensor

    def rows(self, which: Tensor) -> "_State":
        return _State(*(each[which] for each in self))


def solve(hessian: SsimHessian, g: Tensor, tolerance: float = 1e-4) -> Tensor:
    """H^-1 g by conjugate gradients with Jacobi's preconditioner D, the diagonal.

    g: with axes (image, channel, height, width). Each system stops by itself, where its residual has fallen to
    `tolerance` of g in the norm of D^-1, and leaves the batch; the batch has no influence on its solution.
    Raises BadInput where g is not finite, or a system has not stopped after ITERATIONS.
    """
    if not g.isfinite().all():
        raise BadInput("model", "its gradient is not finite", "look for nan and inf in its weights and inputs")
    systems, flat = hessian.systems(), g.flatten(end_dim=-3)
    state = _start(systems, flat)
    solution, left, goal = torch.empty_like(flat), torch.arange(len(flat), device=g.device), state.error * tolerance**2
    for _ in range(ITERATIONS):
        going = state.error > goal
        if not going.all():
            solution[left[~going]] = state.x[~going]
            left, goal, state, systems = left[going], goal[going], state.rows(going), systems.rows(going)
        if not len(left):
            return solution.view_as(g)
        state = _step(systems, state)
    problem = f"{len(left)} of {len(flat)} systems did not reach it in {ITERATIONS} iterations"
    raise BadInput(f"tolerance {tolerance:g}", problem, "set a larger tolerance, or use images of float64")


def solve_dense(hessian: SsimHessian, g: Tensor) -> Tensor:
    """H^-1 g by Cholesky's decomposition, exact to rounding. Axes as for `solve`; raises BadInput above 64 x 64."""
    if g.shape[-2:].numel() > LARGEST:
        problem = f"the Hessian of {g.shape[-2]} x {g.shape[-1]} pixels is too large to be written down"
        raise BadInput("solver dense", problem, "set solver: cg")
    systems, flat = hessian.systems(), g.flatten(end_dim=-3)
    one_by_one = torch.arange(len(flat), device=g.device).split(1)
    return torch.cat([_cholesky(systems.rows(each), flat[each]) for each in one_by_one]).view_as(g)


def _cholesky(hessian: SsimHessian, g: Tensor) -> Tensor:
    return torch.cholesky_solve(g.flatten(-2)[..., None], torch.linalg.cholesky(hessian.dense()))


def _start(hessian: SsimHessian, g: Tensor) -> _State:
    direction = g / hessian.diagonal
    return _State(torch.zeros_like(g), g, direction, _dot(g, direction))


def _step(hessian: SsimHessian, state: _State) -> _State:
    curved = hessian.product(state.direction)
    length = _over_pixels(state.error / _dot(state.direction, curved))
    residual = state.residual - length * curved
    scaled = residual / hessian.diagonal
    error = _dot(residual, scaled)
    direction = scaled + _over_pixels(error / state.error) * state.direction
    return _State(state.x + length * state.direction, residual, direction, error)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum((-2, -1))


def _over_pixels(a: Tensor) -> Tensor:
    return a[:, None, None]
