"""MEPS panel 19-21: does a person use medical care often? (UTILIZATION ~ RACE, 1 = White)

The csv files as prepared for AIF360 and used by RNF and BaDe, from AHRQ's public use files.
"""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from fairray.data import SPLITS, Dataset
from fairray.datasets._tabular import tabular
from fairray.errors import BadInput

__all__ = ["Meps"]


@dataclass(frozen=True, kw_only=True)
class Meps:
    """High utilisation ~ race, or any two other columns of zeros and ones, such as SEX=1.

    folder: where meps_train.csv, meps_val.csv and meps_test.csv lie.
    target, protected: columns; others made of the same question (SEX=2) are no inputs.
    """

    folder: Path | None = None
    target: str = "UTILIZATION"
    protected: str = "RACE"
    include_protected: bool = False

    def load(self) -> Dataset:
        """The tensors of the three splits, as the files divide them."""
        if self.folder is None:
            raise BadInput("data set meps (folder)", "no folder is given", "set folder: DIR to where the csv files lie")
        frames = {split: _read(Path(self.folder), split) for split in SPLITS}
        asked = {name.split("=")[0] for name in (self.target, self.protected)}
        return tabular(
            frames,
            name="meps",
            where=f"data set meps in {self.folder}",
            target=self.target,
            protected=self.protected,
            inputs=tuple(name for name in map(str, frames["train"]) if name.split("=")[0] not in asked),
            include_protected=self.include_protected,
        )


def _read(folder: Path, split: str) -> pd.DataFrame:
    path = folder / f"meps_{split}.csv"
    if not path.is_file():
        raise BadInput(str(path), "there is no such file", "set folder: DIR to where meps_{train,val,test}.csv lie")
    return pd.read_csv(path)
