"""Your own table, a csv or parquet file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pandas as pd
from annotated_types import Gt, Lt

from fairray.data import Dataset, Problem
from fairray.datasets._tabular import divide, tabular
from fairray.errors import BadInput

__all__ = ["Table"]

Share = Annotated[float, Gt(0), Lt(1)]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A target and a protected attribute, both columns of one file.

    path: a .csv or .parquet file, with a header.
    target, protected: names of columns; positive, privileged: the values that are 1.
    problem: "binary", "multiclass" for a target with more values, or "regression" for a number.
    inputs: the columns to use (default: all others).
    validation, test: shares of the rows, drawn with `seed`.
    """

    path: Path
    target: str
    protected: str
    positive: str | int | float | None = None
    privileged: str | int | float | None = None
    inputs: tuple[str, ...] = ()
    include_protected: bool = False
    problem: Problem = "binary"
    validation: Share = 0.2
    test: Share = 0.2
    seed: int = 0

    def load(self) -> Dataset:
        """The tensors of the three splits."""
        if self.validation + self.test >= 1:
            raise BadInput(
                "data set table (validation, test)", "no row is left to train on", "let their sum be less than 1"
            )
        frame = _read(Path(self.path))
        val, test, train = divide(frame, (self.validation, self.test), self.seed)
        return tabular(
            {"train": train, "val": val, "test": test},
            name=Path(self.path).stem,
            where=str(self.path),
            target=self.target,
            protected=self.protected,
            positive=self.positive,
            privileged=self.privileged,
            inputs=self.inputs,
            include_protected=self.include_protected,
            problem=self.problem,
        )


def _read(path: Path) -> pd.DataFrame:
    if path.suffix not in (".csv", ".parquet"):
        raise BadInput(str(path), f"it ends in {path.suffix!r}", "give a .csv or a .parquet file")
    if not path.is_file():
        raise BadInput(str(path), "there is no such file", "give the path of a .csv or .parquet file")
    try:
        frame = pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
    except (ValueError, OSError) as error:  # pandas' and pyarrow's parsers raise subclasses of ValueError
        raise BadInput(str(path), f"it cannot be read: {error}", "repair or replace the file") from error
    return frame.reset_index(drop=True)
