"""What the DRO objectives of Levy et al. (2020), "Large-Scale Methods for Distributionally Robust Optimization", share:
the worst mean of a batch's losses over reweighings q of its examples."""

from dataclasses import dataclass

import torch
from torch import Tensor

from fairray.training.stage import TrainStage, error

HALVINGS = 60


@dataclass(frozen=True, kw_only=True)
class Worst(TrainStage):
    """Minimise sum_i q_i l_i over a batch, q the worst that the method allows (Levy et al., section 3: the batch
    estimator). No gradient goes through q, as Danskin's theorem has it."""

    weighs = False  # q is the examples' weight

    def worst(self, losses: Tensor) -> Tensor:
        """q of a batch's losses, with axis (example,); it sums to 1."""
        raise NotImplementedError

    def loss(self, nets, outputs, batch):
        losses = error(outputs["logits"], batch["y"])
        return (self.worst(losses.detach()) * losses).sum()


def highest_share(losses: Tensor, share: Tensor | float) -> Tensor:
    """q_i <= 1 / (share n): weight on the highest losses, a part of one where share n is no whole number (CVaR)."""
    n = len(losses)
    rank = losses.argsort(descending=True).argsort().to(losses)
    return (share * n - rank).clamp(0, 1) / (share * n)


def chi_square_ball(losses: Tensor, rho: Tensor | float) -> Tensor:
    """The worst q with 1 / (2 n) sum_i (n q_i - 1)^2 <= rho: q_i in proportion to (l_i - eta)_+.

    eta is found by bisection, between far below all losses, where q is uniform, and their maximum.
    """
    high = losses.max()
    spread = (high - losses.min()).clamp(min=torch.finfo(losses.dtype).tiny)
    scaled = (losses - high) / spread  # from -1 to 0
    # q of eta far below is uniform but for 1 / |eta|: at this eta its divergence is below rho, as scaled is in [-1, 0]
    low, top = -1 - 1 / (2 * torch.as_tensor(rho).to(losses)).sqrt(), torch.zeros_like(high)
    for _ in range(HALVINGS):
        eta = (low + top) / 2
        inside = _divergence(_above(scaled, eta)) <= rho
        low, top = torch.where(inside, eta, low), torch.where(inside, top, eta)
    return _above(scaled, low)


def _above(losses: Tensor, eta: Tensor) -> Tensor:
    q = (losses - eta).clamp(min=0)
    return q / q.sum()


def _divergence(q: Tensor) -> Tensor:
    n = len(q)
    return ((n * q - 1) ** 2).sum() / (2 * n)
