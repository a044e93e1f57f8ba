"""Diversity in Faces (DiF): faces of Flickr's with gender and pose.

Merler, M., Ratha, N., Feris, R. S. & Smith, J. R. (2019), Diversity in Faces, arXiv:1901.10436. The tasks, and the
subset in which they are balanced, are those of Panwar, N., Tater, T., Sankaran, A. & Mani, S. (2020), Reducing
Overlearning through Disentangled Representations by Suppressing Unknown Tasks.

The release was not at hand when this was written. Public code that reads it agrees that DiF_v1.csv has no header line,
a face a line, and 191 columns: an id, the image's URL, its width and height, the face's box (4), 68 landmarks (136) and
the ten coding schemes (47). Which of the 47 are gender and pose, and how they are coded, could not be verified; so they
are asked for by name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import torch

from fairray.data import Dataset, Tensors
from fairray.datasets._images import Corrupt, Pixels, Share, check_folder, images, leave_out
from fairray.datasets._tasks import Roles
from fairray.errors import BadInput

__all__ = ["Dif"]

ANNOTATIONS, IMAGES = "DiF_v1.csv", "images"
COLUMNS = ["id", "gender", "pose"]
Choice = Literal["gender", "pose"]


@dataclass(frozen=True, kw_only=True)
class Dif:
    """Gender, two classes, and pose, three. Sample ids are the rows of the file, from 0.

    folder: where DiF_v1.csv and images/ lie. The file needs a header line, which the release does not have, with the
        columns id, gender and pose; others are not read. The images are fetched by their URLs and cut to the faces'
        boxes by the user, as images/ID.jpg.
    target, protected: gender or pose; without a protected one, all faces are one group.
    genders, poses: what the columns say, in the order of the classes. The names are our reading.
    balanced: draw, with `seed`, as many faces of every gender and pose as of the rarest combination. The paper has
        39,296, which is no multiple of six: its own balance was not exact.
    size: height and width that the images are resized to.
    validation, test: shares of every gender and pose, drawn with `seed`.
    corrupt: what to do about files that are no image or not there, as those that Flickr's users have withdrawn.
    """

    folder: Path | None = None
    target: Choice = "gender"
    protected: Choice | None = None
    genders: tuple[str, str] = ("female", "male")
    poses: tuple[str, str, str] = ("frontal", "tilted", "profile")
    balanced: bool = True
    size: tuple[Pixels, Pixels] = (64, 64)
    validation: Share = 0.1
    test: Share = 0.2
    seed: int = 0
    corrupt: Corrupt = "error"

    def load(self) -> Dataset:
        """The tensors of the three splits."""
        roles = Roles("data set dif", {"gender": self.genders, "pose": self.poses}, self.target, self.protected)
        folder = check_folder(self.folder, "dif", f"{ANNOTATIONS} and {IMAGES}/")
        table = _read(folder / ANNOTATIONS)
        labels = _labels(table, roles.classes, folder / ANNOTATIONS)
        names = (table["id"] + ".jpg").to_numpy()
        present, absent = _find_present(folder / IMAGES, names, self.corrupt)
        rows = self._balance(roles, labels, present)
        x, whole, notes = images(folder / IMAGES, names[rows].tolist(), self.size, self.corrupt)
        labels = {task: label[rows] for task, label in labels.items()}
        kept = self._balance(roles, labels, whole)  # again, as some may have turned out to be no images
        columns = {"x": x, "id": torch.from_numpy(rows)}
        train, val, test = roles.splits(columns, labels, kept, (self.validation, self.test), self.seed)
        notes = (*absent, *notes)
        data = Dataset(name="dif", train=train, val=val, test=test, kind="image", notes=notes, **roles.fields)
        return data.checked(f"{roles.where} in {folder}")

    def _balance(self, roles: Roles, labels: Tensors, rows: np.ndarray) -> np.ndarray:
        """As many of these rows for every combination of labels as the rarest has; all, where no balance is asked."""
        if not self.balanced:
            return rows
        cell = roles.cells(labels)[rows]
        least = np.bincount(cell, minlength=len(self.genders) * len(self.poses)).min()
        if not least:
            problem = f"not every gender ({', '.join(self.genders)}) has every pose ({', '.join(self.poses)})"
            raise BadInput(f"data set dif in {self.folder}", problem, "give more images, or set balanced: false")
        order = np.random.default_rng(self.seed).permutation(len(rows))
        return np.sort(rows[np.concatenate([order[cell[order] == value][:least] for value in np.unique(cell)])])


def _read(path: Path) -> pd.DataFrame:
    """The three columns, as text."""
    if not path.is_file():
        raise BadInput(str(path), "there is no such file", "set folder: DIR to where it and images/ lie")
    try:
        table = pd.read_csv(path, usecols=lambda name: name in COLUMNS, dtype=str, na_filter=False)
    except ValueError as error:  # pandas' parsers raise subclasses of it
        raise BadInput(str(path), f"it cannot be read: {error}", "give a csv file with a header line") from error
    if missing := [name for name in COLUMNS if name not in table]:
        problem = f"it has no column {missing[0]}; expected was a header line with {', '.join(COLUMNS)}"
        raise BadInput(str(path), problem, "name the columns in a first line, which the release does not have")
    if table.empty:
        raise BadInput(str(path), "it has no row", "give a row for each face")
    if len(twice := table["id"][table["id"].duplicated()]):
        raise BadInput(f"{path} (id)", f"two rows have the id {twice.iloc[0]}", "give each face an id of its own")
    return table


def _labels(table: pd.DataFrame, classes: Mapping[str, tuple[str, ...]], path: Path) -> Tensors:
    labels = {}
    for task, known in classes.items():
        code = table[task].map({name: i for i, name in enumerate(known)})
        if code.isna().any():
            row = int(code.isna().argmax())
            problem = f"row {row} has {table[task][row]!r}, expected was one of {', '.join(known)}"
            cure = f"leave the row out, or say with {task}s: [...] what the column has, in the order of the classes"
            raise BadInput(f"{path} ({task})", problem, cure)
        labels[task] = torch.tensor(code.to_numpy(np.int64))
    return labels


def _find_present(folder: Path, names: np.ndarray, corrupt: Corrupt) -> tuple[np.ndarray, tuple[str, ...]]:
    """The rows whose files exist, and a note of the others."""
    bad = {name: "there is no such file" for name in names if not (folder / name).is_file()}
    notes = leave_out(folder, bad, len(names), corrupt)
    return np.array([row for row, name in enumerate(names) if name not in bad]), notes
