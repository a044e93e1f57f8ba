"""CelebA: 202,599 faces of celebrities with 40 attributes, one of them the target and one protected.

Liu, Z., Luo, P., Wang, X. & Tang, X. (2015), Deep Learning Face Attributes in the Wild, ICCV: the aligned and cropped
images with list_attr_celeba.txt and list_eval_partition.txt, as published.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from fairray.data import Dataset
from fairray.datasets._celeba import ATTRIBUTES, IMAGES, read
from fairray.datasets._celeba import attributes as read_attributes
from fairray.datasets._images import Corrupt, Pixels, check_folder, images, pick
from fairray.errors import BadInput, unknown

__all__ = ["CelebA"]

PARTITION = "list_eval_partition.txt"


@dataclass(frozen=True, kw_only=True)
class CelebA:
    """One attribute ~ another; class 1 and group 1 have it. Sample ids are the lines of the list, from 1.

    folder: where img_align_celeba/, list_attr_celeba.txt and list_eval_partition.txt lie.
    size: height and width that the images are resized to; as published they are 218 x 178.
    corrupt: what to do about files that are missing or no image.
    """

    folder: Path | None = None
    target: str = "Attractive"
    protected: str = "Male"
    size: tuple[Pixels, Pixels] = (64, 64)
    corrupt: Corrupt = "error"

    def load(self) -> Dataset:
        """The tensors of the three splits, as published."""
        folder = check_folder(self.folder, "celeba", f"{IMAGES}/, {ATTRIBUTES} and {PARTITION}")
        attributes = read_attributes(folder / ATTRIBUTES)
        for key in ("target", "protected"):
            if getattr(self, key) not in attributes:
                raise unknown(f"data set celeba ({key})", "attribute", getattr(self, key), attributes.columns)
        part = _partition(folder / PARTITION, attributes.index)
        x, kept, notes = images(folder / IMAGES, list(attributes.index), self.size, self.corrupt)
        whole = {
            "x": x,
            "y": torch.tensor(attributes[self.target].to_numpy()),
            "group": torch.tensor(attributes[self.protected].to_numpy()),
            "id": torch.arange(1, len(x) + 1),
        }
        train, val, test = (pick(whole, kept[part[kept] == number]) for number in range(3))
        return Dataset(
            name="celeba",
            task=f"{self.target} ~ {self.protected}",
            target=self.target,
            protected=self.protected,
            train=train,
            val=val,
            test=test,
            classes=(f"not {self.target}", self.target),
            groups=(f"not {self.protected}", self.protected),
            kind="image",
            notes=notes,
        ).checked(f"data set celeba in {folder}")


def _partition(path: Path, files: pd.Index) -> np.ndarray:
    """The split of each file: 0 train, 1 validation, 2 test."""
    table = read(path, header=None, index_col=0)
    if not table.index.equals(files):
        raise BadInput(str(path), f"it does not list the files of {ATTRIBUTES} in order", "give the file as published")
    if table.shape[1] != 1 or not table[1].isin([0, 1, 2]).all():
        raise BadInput(str(path), "it has splits other than 0, 1 and 2", "give the file as published")
    return table[1].to_numpy(np.int64)
