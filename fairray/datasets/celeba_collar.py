"""CelebA's blond hair, of which a collar tells something: RR-ClArC's artefact that nobody inserted.

Of those with a necktie few are blond, and after the paper's reduction nearly none of those that are trained on.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from annotated_types import Ge

from fairray.data import Dataset
from fairray.datasets._celeba import ATTRIBUTES, IMAGES, attributes
from fairray.datasets._images import Corrupt, Pixels, check_folder
from fairray.datasets._stamped import part_images, parts
from fairray.errors import unknown

__all__ = ["CelebACollar"]

HAIR, COLLAR = "Blond_Hair", "Wearing_Necktie"
SHUFFLE = 42  # of the paper


@dataclass(frozen=True, kw_only=True)
class CelebACollar:
    """Blond_Hair ~ Wearing_Necktie; class 1 and group 1 have it. There are no images with and without one collar, so
    the columns `clean`, `attacked` and `mask` are not there. Sample ids are the lines of the list, from 1.

    folder: where img_align_celeba/ and list_attr_celeba.txt lie.
    every: one in so many of the list's images is taken, and all that are blond with a necktie. Of these, one in so
        many of those drawn for training stays there; the others are dealt to validation and test in turn.
    neckties: take all others with a necktie, too; in the paper, for ResNet18 and EfficientNet-B0.
    size: height and width that the images are resized to; as published they are 218 x 178.
    seed: of the splits (80, 10 and 10 %), which are the paper's with 0.
    corrupt: what to do about files that are missing or no image.
    """

    folder: Path | None = None
    every: Annotated[int, Ge(1)] = 10
    neckties: bool = False
    size: tuple[Pixels, Pixels] = (64, 64)
    seed: int = 0
    corrupt: Corrupt = "error"

    def load(self) -> Dataset:
        """The tensors of the three splits."""
        folder = check_folder(self.folder, "celeba_collar", f"{IMAGES}/ and {ATTRIBUTES}")
        table = attributes(folder / ATTRIBUTES)
        for name in (HAIR, COLLAR):
            if name not in table:
                raise unknown(str(folder / ATTRIBUTES), "attribute", name, table.columns)
        lines = self._taken(table[HAIR].to_numpy(), table[COLLAR].to_numpy())
        y, group = (torch.tensor(table[name].to_numpy()[lines]) for name in (HAIR, COLLAR))
        rows = self._parts(np.flatnonzero((y & group).numpy()), len(lines))
        found, notes = part_images(folder / IMAGES, list(table.index[lines]), y, self.size, self.corrupt, rows)
        known = torch.from_numpy(lines + 1)
        train, val, test = (part | {"group": group[part["id"]], "id": known[part["id"]]} for part in found)
        return Dataset(
            name="celeba_collar",
            task=f"{HAIR} ~ {COLLAR}",
            target=HAIR,
            protected=COLLAR,
            train=train,
            val=val,
            test=test,
            classes=(f"not {HAIR}", HAIR),
            groups=(f"not {COLLAR}", COLLAR),
            kind="image",
            notes=notes,
        ).checked(f"data set celeba_collar in {folder}")

    def _taken(self, hair: np.ndarray, collar: np.ndarray) -> np.ndarray:
        """Rows of the list, in rising order."""
        every = np.arange(len(hair)) % self.every == 0
        return np.flatnonzero(every | (collar == 1) & ((hair == 1) | self.neckties))

    def _parts(self, both: np.ndarray, count: int) -> list[np.ndarray]:
        """Rows of train, val and test. both: the rows that are blond with a necktie."""
        val, test, train = parts(count, (0.1, 0.1), self.seed)
        own = np.intersect1d(both, train)
        moved = np.setdiff1d(own, own[:: self.every])
        np.random.default_rng(SHUFFLE).shuffle(moved)
        return [np.setdiff1d(train, moved), np.union1d(val, moved[::2]), np.union1d(test, moved[1::2])]
