"""ISIC 2019: 25,331 dermoscopic images of eight lesions, of which melanomas carry an artefact more often.

The training set of the challenge as published (Tschandl et al., 2018; Codella et al., 2018; Combalia et al., 2019). The
artefact, its class, its share and the splits are those of RR-ClArC.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import torch
from annotated_types import Gt, Le

from fairray.artefacts import ArtefactField
from fairray.artefacts.lsb_text import LsbText
from fairray.data import Dataset
from fairray.datasets._images import Corrupt, Pixels, check_folder
from fairray.datasets._stamped import class_number, part_images, parts, read_csv, stamped
from fairray.errors import BadInput

__all__ = ["Isic2019"]

IMAGES, LABELS = "ISIC_2019_Training_Input", "ISIC_2019_Training_GroundTruth.csv"
CLASSES = ("MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC", "UNK")


@dataclass(frozen=True, kw_only=True)
class Isic2019:
    """Lesion ~ artefact, with the columns of `fairray.datasets._stamped.stamped`. Sample ids are the csv's rows.

    folder: where ISIC_2019_Training_Input/ and ISIC_2019_Training_GroundTruth.csv lie.
    artefact: of fairray/artefacts. in_class: the lesion that carries it. p: with what probability.
    size: height and width that the images are resized to. Each column of images takes 3.8 GB at 224 x 224.
    seed: of the splits (80, 10 and 10 %), which are the paper's with 0, and of who carries the artefact.
    corrupt: what to do about files that are missing or no image.
    """

    folder: Path | None = None
    artefact: ArtefactField = field(default_factory=LsbText)
    in_class: str = "MEL"
    p: Annotated[float, Gt(0), Le(1)] = 0.1
    size: tuple[Pixels, Pixels] = (224, 224)
    seed: int = 0
    corrupt: Corrupt = "error"

    def load(self) -> Dataset:
        """The tensors of the three splits."""
        folder = check_folder(self.folder, "isic2019", f"{IMAGES}/ and {LABELS}")
        class_number("isic2019", CLASSES, self.in_class)
        table = read_csv(folder / LABELS, ("image", *CLASSES))
        y = torch.from_numpy(_lesions(table, folder / LABELS))
        names = [f"{name}.jpg" for name in table["image"]]
        rows = parts(len(names), (0.1, 0.1), self.seed)
        (val, test, train), notes = part_images(folder / IMAGES, names, y, self.size, self.corrupt, rows)
        clean = Dataset(
            name="isic2019",
            task="lesion",
            target="lesion",
            train=train,
            val=val,
            test=test,
            classes=CLASSES,
            groups=("all",),
            kind="image",
            notes=notes,
        )
        return stamped(clean, self.artefact, self.in_class, self.p, self.seed)


def _lesions(table: pd.DataFrame, path: Path) -> np.ndarray:
    """The class of each row."""
    marks = table[[*CLASSES]].apply(pd.to_numeric, errors="coerce").to_numpy()
    wrong = ~np.isin(marks, (0, 1)).all(1) | (marks.sum(1) != 1)
    if wrong.any():
        problem = f"row {int(wrong.argmax())} does not have a single 1 among zeros in {', '.join(CLASSES)}"
        raise BadInput(str(path), problem, "give the csv as published")
    return marks.argmax(1)
