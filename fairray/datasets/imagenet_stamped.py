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
from fairray.datasets._images import Corrupt, Pixels, check_folder
from fairray.datasets._stamped import class_number, part_images, parts, stamped
from fairray.errors import BadInput, unknown

__all__ = ["ImageNetStamped"]


@dataclass(frozen=True, kw_only=True)
class ImageNetStamped:
    """Class ~ artefact, with the columns of `fairray.datasets._stamped.stamped`.

    The published validation images are the test split. Sample ids count the files that are taken, those of train/
    first, in sorted order.

    folder: where train/WNID/*.JPEG and val/WNID/*.JPEG lie. The folders of train/ are the classes, in sorted order, as
        networks trained on ImageNet have them.
    artefact: of fairray/artefacts. in_class: the class that carries it. p: with what probability.
    backdoor: the probability with which any image carries it, and is called `in_class` in training.
    every: one in so many of the training images of other classes is taken; test_every: one in so many of the test
        split's. The paper corrects with 100 and evaluates with 10.
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
        folder = check_folder(self.folder, "imagenet_stamped", "train/WNID/*.JPEG and val/WNID/*.JPEG")
        classes, taken, held = self._files(folder)
        class_number("imagenet_stamped", classes, self.in_class)
        names = [*taken, *held]
        y = torch.from_numpy(np.searchsorted(classes, [_wnid(name) for name in names]))
        rows = [*parts(len(taken), (0.1,), self.seed), np.arange(len(taken), len(names))]
        (val, train, test), notes = part_images(folder, names, y, self.size, self.corrupt, rows)
        clean = Dataset(
            name="imagenet_stamped",
            task="class",
            target="class",
            train=train,
            val=val,
            test=test,
            classes=classes,
            groups=("all",),
            kind="image",
            notes=notes,
        )
        return stamped(clean, self.artefact, self.in_class, self.p, self.seed, self.backdoor)

    def _files(self, folder: Path) -> tuple[tuple[str, ...], list[str], list[str]]:
        """The classes; the files of train/ and those of val/ that are taken."""
        names, held = _names(folder, "train"), _names(folder, "val")[:: self.test_every]
        classes = tuple(sorted({_wnid(name) for name in names}))
        if strange := next((name for name in held if _wnid(name) not in classes), None):
            raise unknown(str(folder / strange), "folder in train/", _wnid(strange), classes)
        own = [name for name in names if _wnid(name) == self.in_class]
        others = [name for name in names if _wnid(name) != self.in_class]
        return classes, sorted([*own, *others[:: self.every]]), held


def _names(folder: Path, part: str) -> list[str]:
    """The images of a part, relative to the folder."""
    found = sorted(str(path.relative_to(folder)) for path in (folder / part).glob("*/*.JPEG"))
    if not found:
        raise BadInput(str(folder / part), "it has no WNID/*.JPEG", "set folder: DIR to where train/ and val/ lie")
    return found


def _wnid(name: str) -> str:
    return name.split("/")[1]
