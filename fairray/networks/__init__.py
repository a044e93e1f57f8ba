"""Networks, one file each: a frozen dataclass whose ``build(shape, outputs)`` gives a `Network`."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from fairray.errors import unknown

__all__ = ["Network"]


class Network(nn.Module):
    """An encoder, whose output is the feature layer, and a head.

    features: the size of the feature layer. layer: what the architecture calls it.
    names: of blocks, by what papers call them.
    """

    def __init__(
        self,
        encoder: nn.Module,
        head: nn.Module,
        features: int,
        layer: str = "encoder",
        names: Mapping[str, str] | None = None,
    ):
        super().__init__()
        self.encoder, self.head, self.features, self.layer = encoder, head, features, layer
        self.names = dict(names or {})

    def encode(self, x: Tensor) -> Tensor:
        """The feature layer, with axes (example, feature). x: floats, or bytes of an image."""
        return self.encoder(self.as_floats(x))

    def forward(self, x: Tensor) -> Tensor:
        """Logits with axes (example, class)."""
        return self.head(self.encode(x))

    @property
    def blocks(self) -> dict[str, nn.Module]:
        """The encoder's modules in the order in which they are applied, by name: layers at which it can be cut."""
        return dict(_in_order(self.encoder, ""))

    def front(self, x: Tensor, layer: str) -> Tensor:
        """What a layer gives, with axis 0 the example. x: floats, or bytes of an image."""
        x, last = self.as_floats(x), self.find_block(layer)
        for name, block in self.blocks.items():
            x = block(x)
            if name == last:
                break
        return x

    def back(self, a: Tensor, layer: str) -> Tensor:
        """Logits from what a layer gives."""
        names = [*self.blocks]
        a = a.clone()  # the next module may write into it
        for name in names[names.index(self.find_block(layer)) + 1 :]:
            a = self.blocks[name](a)
        return self.head(a)

    def find_block(self, layer: str) -> str:
        """The name of the block that a layer's name stands for. Raises BadInput where there is none."""
        block = self.names.get(layer, layer)
        if block not in self.blocks:
            raise unknown("layer", "layer of the network", layer, {*self.names, *self.blocks})
        return block

    def as_floats(self, x: Tensor) -> Tensor:
        """Inputs as the encoder takes them: bytes of an image become numbers from -1 to 1."""
        return x.to(next(self.parameters()).dtype) / 127.5 - 1 if x.dtype == torch.uint8 else x


def _in_order(module: nn.Module, prefix: str) -> Iterator[tuple[str, nn.Module]]:
    if not isinstance(module, nn.Sequential):
        yield prefix.removesuffix(".") or "encoder", module
        return
    for name, child in module.named_children():
        yield from _in_order(child, f"{prefix}{name}.")
