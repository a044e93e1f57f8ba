"""One's own images: a folder for each class."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from annotated_types import Ge, Le

from fairray.data import Dataset
from fairray.datasets._images import Corrupt, Pixels, check_folder, images, pick, split_by_stratum
from fairray.errors import BadInput, unknown

__all__ = ["ImageFolder"]

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".webp")
Part = Annotated[float, Ge(0), Le(1)]


@dataclass(frozen=True, kw_only=True)
class ImageFolder:
    """folder/CLASS/IMAGE, in sorted order; sample ids count the images.

    classes: a text file with the name of every class on a line of its own, in the order of a trained network's
        outputs, of which the folders are some; without one, the folders are the classes.
    size: height and width that the images are resized to.
    validation, test: shares of each class, drawn with `seed`; with test: 1 and validation: 0 nothing is trained on.
    corrupt: what to do about files that are no image.
    """

    folder: Path | None = None
    classes: Path | None = None
    size: tuple[Pixels, Pixels] = (224, 224)
    validation: Part = 0.1
    test: Part = 0.2
    seed: int = 0
    corrupt: Corrupt = "error"

    def load(self) -> Dataset:
        """The tensors of the three splits."""
        folder = check_folder(self.folder, "image_folder", "folders of images, one for each class,")
        names = sorted(str(path.relative_to(folder)) for path in folder.glob("*/*") if path.suffix.lower() in SUFFIXES)
        if not names:
            problem = f"it has no folders with images ({', '.join(SUFFIXES)})"
            raise BadInput(str(folder), problem, "put the images of each class into a folder of its name")
        classes = known_classes(self.classes, [*{name.split("/")[0] for name in names}], "data set image_folder")
        x, kept = images(folder, names, self.size, self.corrupt)
        y = np.array([classes.index(name.split("/")[0]) for name in names], np.int64)
        whole = {
            "x": x,
            "y": torch.from_numpy(y),
            "group": torch.zeros(len(y), dtype=torch.int64),
            "id": torch.arange(len(y)),
        }
        rows = parts(y[kept], self.validation, self.test, self.seed, str(folder))
        val, test, train = (pick(whole, kept[part]) for part in rows)
        return Dataset(
            name="image_folder",
            task="class",
            train=train,
            val=val,
            test=test,
            classes=classes,
            groups=("all",),
            kind="image",
        )


def parts(strata: np.ndarray, validation: float, test: float, seed: int, where: str) -> list[np.ndarray]:
    """Rows of validation, test and train, each with its share of every stratum; shares of sum 1 train on nothing."""
    if validation + test == 1:
        return [*split_by_stratum(strata, (validation,), seed, where), np.arange(0)]
    return split_by_stratum(strata, (validation, test), seed, f"{where} (validation, test)")


def known_classes(path: Path | None, found: list[str], where: str) -> tuple[str, ...]:
    """The lines of a text file, of which those found must be some; without a file, those found, in sorted order."""
    if path is None:
        return tuple(sorted(found))
    where = f"{where} (classes: {path})"
    if not Path(path).is_file():
        raise BadInput(where, "there is no such file", "give a text file")
    try:
        known = tuple(Path(path).read_text(encoding="utf-8").rstrip().splitlines())
    except UnicodeDecodeError as error:
        raise BadInput(where, "it is no text in UTF-8", "give the name of a class on each line") from error
    for name in sorted(found):
        if name not in known:
            raise unknown(where, "class", name, known)
        if known.count(name) > 1:
            problem = f"{known.count(name)} classes are called {name!r}, so that the images could be of either"
            raise BadInput(where, problem, "tell them apart in the file and where the images have their labels")
    return known
