"""Any image model of timm, from scratch or with weights from a file."""

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from fairray.errors import unknown
from fairray.networks import Network
from fairray.networks._images import side
from fairray.networks._pretrained import Published, loaded, network
from fairray.networks._torchvision import imported

__all__ = ["Timm"]

timm = imported("timm")


@dataclass(frozen=True, kw_only=True)
class Timm(Published):
    """model: timm's name of it. weights: a state dict (.pth, .safetensors) as timm's own models have them.

    The features are what the last linear layer reads, or the logits where the classifier is something else, such as two
    heads or a convolution. Dropout and stochastic depth are left out.
    """

    model: str = "resnet18"

    def build(self, shape: tuple[int, ...], outputs: int) -> Network:
        """A network for images of `shape` (3, height, width). Raises BadInput for unknown models and wrong files."""
        side(shape)
        if not timm.is_model(self.model):
            raise unknown("model", "model of timm", self.model, timm.list_models())
        model = timm.create_model(self.model, num_classes=outputs)
        if self.weights is not None:
            loaded(model, Path(self.weights))
        settings = model.default_cfg
        return network(model, _classifier(model, settings["classifier"]), outputs, settings["mean"], settings["std"])


def _classifier(model: nn.Module, name: str | tuple[str, ...] | None) -> str | None:
    """The name that timm gives, if it is that of one linear layer."""
    layers = {key for key, module in model.named_modules() if isinstance(module, nn.Linear)}
    return name if isinstance(name, str) and name in layers else None
