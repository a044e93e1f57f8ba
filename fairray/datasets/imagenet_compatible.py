"""ImageNet-Compatible: the images of the NIPS 2017 adversarial competition's development set, as published."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import torch
from annotated_types import Ge, Lt

from fairray.data import Dataset
from fairray.datasets._imagenet import CLASSES
from fairray.datasets._images import Corrupt, Pixels, check_folder, images, pick, split_by_stratum
from fairray.errors import BadInput

__all__ = ["ImageNetCompatible"]

COLUMNS = ("ImageId", "TrueLabel", "TargetClass")


@dataclass(frozen=True, kw_only=True)
class ImageNetCompatible:
    """Photographs with labels of ImageNet, for networks that are trained already. Sample ids are rows of the csv.

    folder: where images/ and images.csv lie; the csv counts classes from 1.
    rows: the first of its rows that is taken, and the one after the last; none takes all.
    size: height and width that the images are resized to; as published they are 299 x 299.
    validation: share of the images, drawn with `seed`, on which attacks are chosen; the others are the test split.
    corrupt: what to do about files that are no image.
    """

    folder: Path | None = None
    rows: tuple[Annotated[int, Ge(0)], Annotated[int, Ge(1)]] | None = None
    size: tuple[Pixels, Pixels] = (299, 299)
    validation: Annotated[float, Ge(0), Lt(1)] = 0.0
    seed: int = 0
    corrupt: Corrupt = "error"

    def load(self) -> Dataset:
        """The tensors of the splits; the training split is empty."""
        folder = check_folder(self.folder, "imagenet_compatible", "images/ and images.csv")
        table = _read(folder / "images.csv")
        first, end = self.rows or (0, len(table))
        if not first < min(end, len(table)):
            problem = f"rows {first} to {end} of {len(table)} were asked for"
            raise BadInput(
                f"{folder / 'images.csv'} (rows)", problem, "let the first be below the second, and in the file"
            )
        table = table[first:end]
        names = [f"{name}.png" for name in table["ImageId"]]
        x, kept, notes = images(folder / "images", names, self.size, self.corrupt)
        whole = {
            "x": x,
            "y": torch.tensor(table["TrueLabel"].to_numpy(np.int64) - 1),
            "group": torch.zeros(len(table), dtype=torch.int64),
            "id": torch.arange(first, first + len(table)),
        }
        where = f"data set imagenet_compatible in {folder} (validation)"
        val, test = split_by_stratum(np.zeros(len(kept)), (self.validation,), self.seed, where)
        return Dataset(
            name="imagenet_compatible",
            task="class",
            train=pick(whole, kept[:0]),
            val=pick(whole, kept[val]),
            test=pick(whole, kept[test]),
            classes=CLASSES,
            groups=("all",),
            kind="image",
            notes=notes,
        )


def _read(path: Path) -> pd.DataFrame:
    cure = "give the csv as published, with images/ beside it"
    if not path.is_file():
        raise BadInput(str(path), "there is no such file", cure)
    try:
        table = pd.read_csv(path, dtype={"ImageId": str})
    except (ValueError, UnicodeDecodeError) as error:
        raise BadInput(str(path), f"it is no csv: {error}", cure) from error
    missing = [column for column in COLUMNS[:2] if column not in table]
    if missing:
        raise BadInput(str(path), f"it has no column {missing[0]}; there are {', '.join(table.columns)}", cure)
    labels = pd.to_numeric(table["TrueLabel"], errors="coerce")
    wrong = table.index[~labels.isin(range(1, len(CLASSES) + 1)) | table["ImageId"].isna()]
    if len(wrong):
        row = table.loc[wrong[0]]
        problem = f"row {wrong[0] + 1} has ImageId {row['ImageId']} and TrueLabel {row['TrueLabel']}"
        raise BadInput(str(path), f"{problem}; a file name and a class from 1 to {len(CLASSES)} were expected", cure)
    return table
