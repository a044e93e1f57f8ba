"""Any image classifier of torchvision, from scratch or with weights from a file."""

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from fairray.errors import unknown
from fairray.networks import Network
from fairray.networks._images import IMAGENET, side
from fairray.networks._pretrained import Published, linear, loaded, network
from fairray.networks._torchvision import imported

__all__ = ["Torchvision"]

models = imported("torchvision.models")

AUXILIARY = {"googlenet": ("aux1", "aux2"), "inception_v3": ("AuxLogits",)}


@dataclass(frozen=True, kw_only=True)
class Torchvision(Published):
    """model: torchvision's name of it. weights: a state dict (.pth) as torchvision publishes them.

    The features are what the last linear layer reads, or the logits where there is none. Auxiliary classifiers, dropout
    and stochastic depth are left out.
    """

    model: str = "resnet50"

    def build(self, shape: tuple[int, ...], outputs: int) -> Network:
        """A network for images of `shape` (3, height, width). Raises BadInput for unknown models and wrong files."""
        side(shape)
        known = models.list_models(module=models)
        if self.model not in known:
            raise unknown("model", "model of torchvision", self.model, known)
        # the published weights of these two want their input as TensorFlow has it, and have auxiliary classifiers
        more = {"transform_input": self.weights is not None, "init_weights": True} if self.model in AUXILIARY else {}
        model = models.get_model(self.model, weights=None, num_classes=outputs, **more)
        if self.weights is not None:
            loaded(model, Path(self.weights))
        model = _without_auxiliary(model, AUXILIARY.get(self.model, ()))
        return network(model, linear(model), outputs, *IMAGENET)


def _without_auxiliary(model: nn.Module, names: tuple[str, ...]) -> nn.Module:
    for name in names:
        setattr(model, name, None)
        model.aux_logits = False  # type: ignore[assignment]
    return model
