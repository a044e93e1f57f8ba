"""UCI Adult: does a person earn more than 50,000 dollars a year?

Becker, B. & Kohavi, R. (1996), Adult, UCI Machine Learning Repository, https://doi.org/10.24432/C5XW20, CC BY 4.0.
The file beside this one holds all 48,842 rows in the published order: 32,561 for training, then 16,281 for test.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import pandas as pd
from annotated_types import Gt, Lt

from fairray.data import Dataset
from fairray.datasets._tabular import divide, tabular

__all__ = ["Adult"]

OFFICIAL_TRAIN = 32_561


@dataclass(frozen=True, kw_only=True)
class Adult:
    """Income ~ sex or race; the protected attribute is not an input unless asked.

    split: "official" (the published test set) or "random" (a seeded third of all rows for test).
    validation: the share of the training rows that is held out, drawn with `seed`.
    privileged: the value that is group 1 (for race: White), the others being group 0.
    """

    protected: Literal["sex", "race"] = "sex"
    privileged: str | None = None
    include_protected: bool = False
    split: Literal["official", "random"] = "official"
    validation: Annotated[float, Gt(0), Lt(1)] = 0.2
    seed: int = 0

    def load(self) -> Dataset:
        """The tensors of the three splits."""
        table = pd.read_parquet(Path(__file__).with_name("adult.parquet"))
        if self.split == "official":
            rest, test = table.iloc[:OFFICIAL_TRAIN], table.iloc[OFFICIAL_TRAIN:]
        else:
            rest, test = divide(table, (2 / 3,), self.seed)
        train, val = divide(rest, (1 - self.validation,), self.seed)
        return tabular(
            {"train": train, "val": val, "test": test},
            name="adult",
            where="data set adult",
            target="income",
            protected=self.protected,
            privileged=self.privileged,
            include_protected=self.include_protected,
        )
