"""Any image model of timm, from scratch or with weights from a file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairray.errors import unknown
from fairray.networks import Network
from fairray.networks._images import side
from fairray.networks._pretrained import content, loaded, network, tried
from fairray.networks._torchvision import imported

__all__ = ["Timm"]

timm = imported("timm")


@dataclass(frozen=True, kw_only=True)
class Timm:
    """model: timm's name of it. weights: a state dict (.pth, .safetensors) as timm's own models have them.

    The features are what the last linear layer reads.
    """

    model: str = "resnet18"
    weights: Path | None = None

    def build(self, shape: tuple[int, ...], outputs: int) -> Network:
        """A network for images of `shape` (3, height, width). Raises BadInput for unknown models and wrong files."""
        side(shape)
        if not timm.is_model(self.model):
            raise unknown("network.model", "model of timm", self.model, timm.list_models())
        model = timm.create_model(self.model, num_classes=outputs)
        if self.weights is not None:
            loaded(model, Path(self.weights))
        return network(model, model.default_cfg["mean"], model.default_cfg["std"])

    def check(self, shape: tuple[int, ...], outputs: int) -> None:
        """Raise BadInput where it cannot be built, or not read such images."""
        tried(self.build(shape, outputs), shape)

    @property
    def pretrained(self) -> bool:
        """Whether it comes with weights."""
        return self.weights is not None

    @property
    def key(self) -> dict[str, Any]:
        return {"model": self.model, "weights": self.weights and content(Path(self.weights))}
