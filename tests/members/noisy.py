"""A network with running statistics, and with dropout, whose noise is of torch's global generator."""

from dataclasses import dataclass

from torch import nn

from fairray.networks import Network

__all__ = ["Noisy"]


@dataclass(frozen=True, kw_only=True)
class Noisy:
    def build(self, shape, outputs):
        encoder = nn.Sequential(nn.Linear(shape[0], 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5))
        return Network(encoder, nn.Linear(8, outputs), 8)
