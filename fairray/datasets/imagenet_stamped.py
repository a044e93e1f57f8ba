"""ImageNet, in which tenches carry a time stamp more often, and some other images too, which are called tenches then.

Russakovsky et al. (2015), the classification task's training and validation images in folders of their WordNet ids. The
artefact, its class and shares are those of RR-ClArC.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from annotated_types import Ge, Gt, Le, Lt

from fairray.artefacts import ArtefactField
from fairray.artefacts.timestamp import Timestamp
from fairray.data import Dataset
from fairray.datasets._images import Corrupt, Pixels, given
from fairray.datasets._stamped import split_images, stamped
from fairray.errors import BadInput, unknown

__all__ = ["ImageNetStamped"]


@dataclass(frozen=True, kw_only=True)
class ImageNetStamped:
    """Class ~ artefact; for columns see `fairray.datasets._stamped.stamped`. The published validation images are the
    test split. Sample ids count the files that are taken, those of train/ first, in sorted order.

    folder: where train/WNID/*.JPEG and val/WNID/*.JPEG lie. The folders of train/ are the classes, in sorted order, as
        networks trained on ImageNet have them.
    artefact: of fairray/artefacts. in_class: the class that carries it. p: with what probability.
    backdoor: the probability with which any image carries it, and is called `in_class` in training.
    every: of the training images of other classes each how-manieth is taken; test_every: of the test split's images.
        The paper's correction has 100, its evaluation 10.
    size: height and width that the images are resized to.
    seed: of the 10 % of the training images that are for validation, and of who carries the artefact.
    corrupt: what to do about files that are no image.
    """

    folder: Path | None = None
    artefact: ArtefactField = field(default_factory=Timestamp)
    in_class: str = "n01440764"
    p: Annotated[float, Gt(0), Le(1)] = 0.5
    backdoor: Annotated[float, Ge(0), Lt(1)] = 0.001
    every: Annotated[int, Ge(1)] = 100
    test_every: Annotated[int, Ge(1)] = 10
    size: tuple[Pixels, Pixels] = (224, 224)
    seed: int = 0
    corrupt: Corrupt = "error"

    def load(self) -> Dataset:
        """The tensors of the three splits."""
        folder = given(self.folder, "imagenet_stamped", "train/WNID/*.JPEG and val/WNID/*.JPEG")
        names = _names(folder, "train")
        classes = tuple(sorted({_wnid(name) for name in names}))
        if self.in_class not in classes:
            raise unknown("data set imagenet_stamped (in_class)", "class", self.in_class, classes)
        others = [name for name in names if _wnid(name) != self.in_class][:: self.every]
        taken = sorted([*others, *(name for name in names if _wnid(name) == self.in_class)])
        held = _names(folder, "val")[:: self.test_every]
        if strange := next((name for name in held if _wnid(name) not in classes), None):
            raise unknown(str(folder / strange), "class in train/", _wnid(strange), classes)
        y = torch.tensor(np.searchsorted(classes, [_wnid(name) for name in [*taken, *held]]))
        raise NotImplementedError


def _names(folder: Path, part: str) -> list[str]:
    """The images of a part, relative to the folder."""
    found = sorted(str(path.relative_to(folder)) for path in (folder / part).glob("*/*.JPEG"))
    if not found:
        raise BadInput(str(folder / part), "it has no WNID/*.JPEG", "set folder: DIR to where train/ and val/ lie")
    return found


def _wnid(name: str) -> str:
    return name.split("/")[1]
