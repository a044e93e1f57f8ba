"""Networks, one file each: a frozen dataclass whose ``build(shape, outputs)`` gives a `Network`."""

from torch import Tensor, nn

__all__ = ["Network"]


class Network(nn.Module):
    """An encoder, whose output is the feature layer, and a head.

    features: the size of the feature layer.
    """

    def __init__(self, encoder: nn.Module, head: nn.Module, features: int):
        super().__init__()
        self.encoder, self.head, self.features = encoder, head, features

    def forward(self, x: Tensor) -> Tensor:
        """Logits with axes (example, class)."""
        return self.head(self.encoder(x))
