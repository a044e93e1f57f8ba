"""RSNA bone age: 12,611 radiographs of hands, of which those of one span of ages are brighter more often.

Halabi et al. (2019), The RSNA Pediatric Bone Age Machine Learning Challenge, Radiology 290; the training set as
published. Classes, artefact, its class, its share and the splits are those of RR-ClArC.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from math import floor
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import torch
from annotated_types import Ge, Gt, Le

from fairray.artefacts import ArtefactField
from fairray.artefacts.brightness import Brightness
from fairray.data import Dataset
from fairray.datasets._images import Corrupt, Pixels, check_folder
from fairray.datasets._stamped import class_number, part_images, parts, read_csv, stamped
from fairray.errors import BadInput

__all__ = ["BoneAge"]

IMAGES, LABELS = "boneage-training-dataset", "boneage-training-dataset.csv"


@dataclass(frozen=True, kw_only=True)
class BoneAge:
    """Age ~ artefact, with the columns of `fairray.datasets._stamped.stamped`. Sample ids are the csv's rows.

    folder: where boneage-training-dataset/ and boneage-training-dataset.csv lie.
    bins: classes, spans of equal length from the youngest to the oldest; 1 to 228 months as published.
    artefact: of fairray/artefacts. in_class: the class that carries it. p: with what probability.
    size: height and width that the images are resized to. Each column of images takes 1.9 GB at 224 x 224.
    seed: of the splits (80, 10 and 10 %), which are the paper's with 0, and of who carries the artefact.
    corrupt: what to do about files that are missing or no image.
    """

    folder: Path | None = None
    bins: Annotated[int, Ge(2)] = 5
    artefact: ArtefactField = field(default_factory=Brightness)
    in_class: str = "92-137 months"
    p: Annotated[float, Gt(0), Le(1)] = 0.2
    size: tuple[Pixels, Pixels] = (224, 224)
    seed: int = 0
    corrupt: Corrupt = "error"

    def load(self) -> Dataset:
        """The tensors of the three splits."""
        folder = check_folder(self.folder, "bone_age", f"{IMAGES}/ and {LABELS}")
        table = read_csv(folder / LABELS, ("id", "boneage"))
        y, classes = _spans(_ages(table, folder / LABELS), self.bins)
        class_number("bone_age", classes, self.in_class)
        names = [f"{name}.png" for name in table["id"]]
        rows = parts(len(names), (0.1, 0.1), self.seed)
        (val, test, train), notes = part_images(folder / IMAGES, names, y, self.size, self.corrupt, rows)
        clean = Dataset(
            name="bone_age",
            task="age",
            target="age",
            train=train,
            val=val,
            test=test,
            classes=classes,
            groups=("all",),
            kind="image",
            notes=notes,
        )
        return stamped(clean, self.artefact, self.in_class, self.p, self.seed)


def _ages(table: pd.DataFrame, path: Path) -> pd.Series:
    """Whole months."""
    ages = pd.to_numeric(table["boneage"], errors="coerce")
    wrong = ages.isna() | (ages % 1 != 0) | (ages < 0)
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        problem = f"row {row} has the age {table['boneage'][row]!r}, expected was a number of months"
        raise BadInput(f"{path} (boneage)", problem, "give the csv as published")
    if ages.nunique() < 2:
        raise BadInput(f"{path} (boneage)", "all ages are the same", "give the csv as published")
    return ages


def _spans(ages: pd.Series, bins: int) -> tuple[torch.Tensor, tuple[str, ...]]:
    """The class of each age, and what the classes are called. A span has its upper end, and the first its lower too."""
    codes, edges = pd.cut(ages, bins, labels=False, retbins=True)
    classes = tuple(f"{floor(low) + 1}-{floor(high)} months" for low, high in pairwise(edges))
    return torch.tensor(codes.to_numpy(np.int64)), classes
