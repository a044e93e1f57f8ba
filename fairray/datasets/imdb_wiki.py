"""IMDB-WIKI: faces of celebrities with gender and age, 62,328 from Wikipedia and 460,723 from IMDb.

Rothe, R., Timofte, R. & Van Gool, L. (2018), Deep Expectation of Real and Apparent Age from a Single Image without
Facial Landmarks, International Journal of Computer Vision 126; the archives of cropped faces, as published. The tasks
are those of Panwar, N., Tater, T., Sankaran, A. & Mani, S. (2020), Reducing Overlearning through Disentangled
Representations by Suppressing Unknown Tasks, which does not say where its ten classes of age begin and end.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import torch
from scipy.io import loadmat

from fairray.data import Dataset
from fairray.datasets._images import Corrupt, Pixels, Share, check_folder, images
from fairray.datasets._tasks import Roles
from fairray.errors import BadInput

__all__ = ["ImdbWiki"]

FIELDS = ("dob", "photo_taken", "gender", "face_score", "second_face_score")
CLASSES = {
    "gender": ("female", "male"),
    "age": (*(f"{first}-{first + 9}" for first in range(0, 90, 10)), "90 or older"),
}
OLDEST = 100
DAY_1970 = 719_529  # MATLAB's number of 1 January 1970
Choice = Literal["gender", "age"]


@dataclass(frozen=True, kw_only=True)
class ImdbWiki:
    """Gender, and age in ten classes of ten years. Sample ids are the places in the .mat file, from 0.

    A row counts where a face was found and no second one, gender is known, and age is 0 to 100; age is completed years
    on 1 July of the year in which the photo was taken, as the authors assume.

    folder: where wiki_crop/ and imdb_crop/ lie, with wiki.mat and imdb.mat in them.
    target, protected: gender or age; without a protected one, all faces are one group.
    size: height and width that the images are resized to.
    validation, test: shares of every gender and class of age, drawn with `seed`.
    corrupt: what to do about files that are missing or no image.
    """

    folder: Path | None = None
    part: Literal["wiki", "imdb"] = "wiki"
    target: Choice = "gender"
    protected: Choice | None = None
    size: tuple[Pixels, Pixels] = (64, 64)
    validation: Share = 0.1
    test: Share = 0.2
    seed: int = 0
    corrupt: Corrupt = "error"

    def load(self) -> Dataset:
        """The tensors of the three splits."""
        roles = Roles("data set imdb_wiki", CLASSES, self.target, self.protected)
        folder = check_folder(self.folder, "imdb_wiki", f"{self.part}_crop/") / f"{self.part}_crop"
        faces = _select_usable(_read(folder / f"{self.part}.mat", self.part), folder / f"{self.part}.mat")
        x, kept, notes = images(folder, faces["full_path"].tolist(), self.size, self.corrupt)
        labels = {
            "gender": torch.tensor(faces["gender"].to_numpy(np.int64)),
            "age": torch.tensor(np.minimum(faces["age"].to_numpy() // 10, 9)),
        }
        columns = {"x": x, "id": torch.tensor(faces.index.to_numpy(np.int64))}
        train, val, test = roles.splits(columns, labels, kept, (self.validation, self.test), self.seed)
        data = Dataset(name="imdb_wiki", train=train, val=val, test=test, kind="image", notes=notes, **roles.fields)
        return data.checked(f"{roles.where} in {folder}")


def _read(path: Path, part: str) -> pd.DataFrame:
    """What is said of each face, in the file's order."""
    if not path.is_file():
        raise BadInput(str(path), "there is no such file", "set folder: DIR to where the unpacked archives lie")
    try:
        record = loadmat(path, variable_names=[part])[part][0, 0]
        columns = {name: record[name].ravel() for name in FIELDS}
        columns["full_path"] = np.array([str(cell[0]) for cell in record["full_path"].ravel()], object)
        return pd.DataFrame(columns)
    except Exception as error:  # a damaged file makes scipy raise almost anything
        problem = f"it is no struct {part} with {', '.join(FIELDS)} and full_path ({type(error).__name__}: {error})"
        raise BadInput(str(path), problem, "give the file as published") from error


def _select_usable(faces: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The faces whose labels can be trusted, with their ages."""
    if len(strange := faces["gender"][~faces["gender"].isin([0, 1]) & faces["gender"].notna()]):
        problem = f"it has the value {strange.iloc[0]:g}, expected were 0, 1 and NaN"
        raise BadInput(f"{path} (gender)", problem, "give the file as published")
    faces = faces.assign(age=_age(faces["dob"].to_numpy(), faces["photo_taken"].to_numpy()))
    alone = np.isfinite(faces["face_score"]) & faces["second_face_score"].isna()
    usable = faces[alone & faces["gender"].notna() & faces["age"].between(0, OLDEST)]
    if usable.empty:
        problem = f"none of its {len(faces)} rows has one face, a known gender and an age from 0 to {OLDEST}"
        raise BadInput(str(path), problem, "give the file as published")
    return usable


def _age(born: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """Completed years on 1 July. born: days as MATLAB counts them; taken: years."""
    day = (born.astype(np.int64) - DAY_1970).astype("datetime64[D]")
    year = day.astype("datetime64[Y]")
    later = day > (year.astype("datetime64[M]") + 6).astype("datetime64[D]")
    return taken.astype(np.int64) - (year.astype(np.int64) + 1970) - later
