"""Networks, one file each: a frozen dataclass whose ``build(shape, outputs)`` gives a `Network`."""

import torch
from torch import Tensor, nn

__all__ = ["Network"]


class Network(nn.Module):
    """An encoder, whose output is the feature layer, and a head.

    features: the size of the feature layer. layer: what the architecture calls it.
    """

    def __init__(self, encoder: nn.Module, head: nn.Module, features: int, layer: str = "encoder"):
        super().__init__()
        self.encoder, self.head, self.features, self.layer = encoder, head, features, layer

    def encode(self, x: Tensor) -> Tensor:
        """The feature layer, with axes (example, feature). x: floats, or bytes of an image."""
        if x.dtype == torch.uint8:
            x = x.to(next(self.parameters()).dtype) / 127.5 - 1
        return self.encoder(x)

    def forward(self, x: Tensor) -> Tensor:
        """Logits with axes (example, class)."""
        return self.head(self.encode(x))
