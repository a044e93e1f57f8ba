"""UCI Adult: does a person earn more than 50,000 dollars a year?

Becker, B. & Kohavi, R. (1996), Adult, UCI Machine Learning Repository, https://doi.org/10.24432/C5XW20, CC BY 4.0.
The file beside this one holds all 48,842 rows in the published order: 32,561 for training, then 16,281 for test.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import pandas as pd
from annotated_types import Gt, Lt

from fairray.data import Dataset, Problem
from fairray.datasets._tabular import divide, tabular
from fairray.errors import BadInput

__all__ = ["Adult"]

OFFICIAL_TRAIN = 32_561
OLDEST = 90  # the file's own ceiling

# name: the column it is made of, and how
BINARY: dict[str, tuple[str, Callable[[pd.Series], pd.Series]]] = {
    "white": ("race", lambda race: race == "White"),
    "married": ("marital_status", lambda status: status.str.startswith("Married")),
    "over_35": ("age", lambda age: age > 35),
    "graduate": ("education_num", lambda years: years >= 13),
    "long_hours": ("hours", lambda hours: hours > 40),
    "native": ("native_country", lambda country: country == "United-States"),
}
PROBLEMS: dict[str, Problem] = {"age": "regression", "age_class": "multiclass"}
TELLING = {"marital_status": ("relationship",), "education_num": ("education",)}


@dataclass(frozen=True, kw_only=True)
class Adult:
    """Income, or another property of a person, ~ sex, race, or another; the protected one is no input unless asked.

    target: income; any of the binary properties; age as a share of 90 (a regression) or in three 30-year classes.
        What says the target is no input: neither its column nor, where the target is marriage, relationship.
    protected: race has five groups, white two.
    split: "official" (the published test set) or "random" (a seeded third of all rows for test).
    validation: the share of the training rows that is held out, drawn with `seed`.
    privileged: the value that is group 1 (for race: White), the others being group 0.
    """

    target: Literal[
        "income", "sex", "white", "married", "over_35", "graduate", "long_hours", "native", "age", "age_class"
    ] = "income"
    protected: Literal["sex", "race", "income", "white", "married", "over_35", "graduate", "long_hours", "native"] = (
        "sex"
    )
    privileged: str | None = None
    include_protected: bool = False
    split: Literal["official", "random"] = "official"
    validation: Annotated[float, Gt(0), Lt(1)] = 0.2
    seed: int = 0

    def load(self) -> Dataset:
        """The tensors of the three splits."""
        if self.target == self.protected:
            raise BadInput("data set adult (protected)", f"it is the target, {self.target}", "choose another")
        table = pd.read_parquet(Path(__file__).with_name("adult.parquet"))
        hidden = {column for name in (self.target, self.protected) for column in _told_by(name)}
        inputs = tuple(str(column) for column in table if column not in hidden)
        for name in (self.target, self.protected):
            table[name] = _property(table, name)
        if self.split == "official":
            rest, test = table.iloc[:OFFICIAL_TRAIN], table.iloc[OFFICIAL_TRAIN:]
        else:
            rest, test = divide(table, (2 / 3,), self.seed)
        train, val = divide(rest, (1 - self.validation,), self.seed)
        return tabular(
            {"train": train, "val": val, "test": test},
            name="adult",
            where="data set adult",
            target=self.target,
            protected=self.protected,
            positive=self.target if self.target in BINARY else None,
            privileged=self.privileged or (self.protected if self.protected in BINARY else None),
            inputs=inputs,
            include_protected=self.include_protected,
            problem=PROBLEMS.get(self.target, "binary"),
        )


def _told_by(name: str) -> tuple[str, ...]:
    """The columns that say a property outright."""
    column = BINARY[name][0] if name in BINARY else "age" if name == "age_class" else name
    return (column, *TELLING.get(column, ()))


def _property(table: pd.DataFrame, name: str) -> pd.Series:
    if name in BINARY:
        column, holds = BINARY[name]
        return holds(table[column]).map({False: f"not {name}", True: name})
    if name == "age":
        return table["age"] / OLDEST
    if name == "age_class":
        return pd.cut(table["age"], [0, 29, 59, OLDEST], labels=["0-29", "30-59", "60-90"]).astype(str)
    return table[name]
