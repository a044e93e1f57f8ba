"""UTKFace: 23,708 faces with age, gender and race.

Zhang, Z., Song, Y. & Qi, H. (2017), Age Progression/Regression by Conditional Adversarial Autoencoder, CVPR. The
tasks are BaDe's (section 5).
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from fairray.data import Dataset
from fairray.datasets._images import Corrupt, Pixels, Share, check_folder, images, leave_out, pick, split_by_stratum
from fairray.errors import BadInput

__all__ = ["UtkFace"]

NAME = re.compile(r"\d{1,3}_[01]_[0-4]_\d+\.jpg(\.chip\.jpg)?")
OLDEST = 116  # in the published set
CLASSES = {"over_35": ("35 or younger", "over 35"), "age": (), "age_class": ("0-29", "30-59", "60 or older")}
GROUPS = {"race": ("non-white", "white"), "gender": ("male", "female")}


@dataclass(frozen=True, kw_only=True)
class UtkFace:
    """Age ~ race or gender, read from the names age_gender_race_date.jpg. Sample ids count the files in sorted order.

    folder: where the .jpg files lie.
    target: older than 35; age as a number, divided by the oldest's, 116; or classes of 30 years, of which the last
        takes all from 60, because few of the non-white are 90 or older.
    protected: race, White being group 1 and all others group 0; or gender.
    size: height and width that the images are resized to; as published they are 200 x 200.
    validation, test: shares of each subgroup (of each group where age is a number), drawn with `seed`.
    corrupt: what to do about files that are no image, and about names without age, gender, race and date.
    """

    folder: Path | None = None
    target: Literal["over_35", "age", "age_class"] = "over_35"
    protected: Literal["race", "gender"] = "race"
    size: tuple[Pixels, Pixels] = (64, 64)
    validation: Share = 0.1
    test: Share = 0.2
    seed: int = 0
    corrupt: Corrupt = "error"

    def load(self) -> Dataset:
        """The tensors of the three splits."""
        folder = check_folder(self.folder, "utkface", "the files age_gender_race_date.jpg")
        names, unnamed = _names(folder, self.corrupt)
        x, kept, notes = images(folder, names, self.size, self.corrupt)
        age, gender, race = np.array([name.split("_")[:3] for name in names], np.int64).T
        y = {
            "over_35": (age > 35).astype(np.int64),
            "age": (age / OLDEST).astype(np.float32),
            "age_class": np.minimum(age // 30, 2),
        }
        group = gender if self.protected == "gender" else (race == 0).astype(np.int64)
        whole = {
            "x": x,
            "y": torch.from_numpy(y[self.target]),
            "group": torch.from_numpy(group),
            "id": torch.arange(len(x)),
        }
        strata = (group if self.target == "age" else 2 * y[self.target] + group)[kept]
        where = f"data set utkface in {folder} (validation, test)"
        val, test, train = (
            pick(whole, kept[rows]) for rows in split_by_stratum(strata, (self.validation, self.test), self.seed, where)
        )
        return Dataset(
            name="utkface",
            task=f"{self.target} ~ {self.protected}",
            target=self.target,
            protected=self.protected,
            train=train,
            val=val,
            test=test,
            classes=CLASSES[self.target],
            groups=GROUPS[self.protected],
            kind="image",
            notes=(*unnamed, *notes),
        ).checked(f"data set utkface in {folder}")


def _names(folder: Path, corrupt: Corrupt) -> tuple[list[str], tuple[str, ...]]:
    """The files, and a note of those that are not called as published."""
    names = sorted(path.name for path in folder.glob("*.jpg"))
    if not names:
        raise BadInput(str(folder), "it has no .jpg file", "set folder: DIR to the published data set")
    bad = {name: "its name is not age_gender_race_date.jpg" for name in names if not NAME.fullmatch(name)}
    notes = leave_out(folder, bad, len(names), corrupt)
    return [name for name in names if name not in bad], notes
