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
        classes = self._classes(sorted({name.split("/")[0] for name in names}))
        x, kept = images(folder, names, self.size, self.corrupt)
        y = np.array([classes.index(name.split("/")[0]) for name in names], np.int64)
        whole = {
            "x": x,
            "y": torch.from_numpy(y),
            "group": torch.zeros(len(y), dtype=torch.int64),
            "id": torch.arange(len(y)),
        }
        val, test, train = (pick(whole, kept[rows]) for rows in self._parts(y[kept], str(folder)))
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

    def _parts(self, y: np.ndarray, where: str) -> list[np.ndarray]:
        if self.validation + self.test == 1:
            return [*split_by_stratum(y, (self.validation,), self.seed, where), np.arange(0)]
        return split_by_stratum(y, (self.validation, self.test), self.seed, f"{where} (validation, test)")

    def _classes(self, folders: list[str]) -> tuple[str, ...]:
        if self.classes is None:
            return tuple(folders)
        where = f"data set image_folder (classes: {self.classes})"
        if not Path(self.classes).is_file():
            raise BadInput(where, "there is no such file", "give a text file")
        try:
            known = tuple(Path(self.classes).read_text(encoding="utf-8").rstrip().splitlines())
        except UnicodeDecodeError as error:
            raise BadInput(where, "it is no text in UTF-8", "give the name of a class on each line") from error
        for name in folders:
            if name not in known:
                raise unknown(where, "class", name, known)
            if known.count(name) > 1:
                problem = f"{known.count(name)} classes are called {name!r}, so that the folder could be of either"
                raise BadInput(where, problem, "tell them apart in the file and in the names of the folders")
        return known
