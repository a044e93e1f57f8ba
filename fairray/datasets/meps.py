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
    """High utilisation ~ race.

    folder: where meps_train.csv, meps_val.csv and meps_test.csv lie.
    """

    folder: Path | None = None
    include_protected: bool = False

    def load(self) -> Dataset:
        """The tensors of the three splits, as the files divide them."""
        if self.folder is None:
            raise BadInput("data set meps (folder)", "no folder is given", "set folder: DIR to where the csv files lie")
        return tabular(
            {split: _read(Path(self.folder), split) for split in SPLITS},
            name="meps",
            where=f"data set meps in {self.folder}",
            target="UTILIZATION",
            protected="RACE",
            include_protected=self.include_protected,
        )


def _read(folder: Path, split: str) -> pd.DataFrame:
    path = folder / f"meps_{split}.csv"
    if not path.is_file():
        raise BadInput(str(path), "there is no such file", "set folder: DIR to where meps_{train,val,test}.csv lie")
    return pd.read_csv(path)
