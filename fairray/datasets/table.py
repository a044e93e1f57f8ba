"""Your own table, from a csv, parquet or arrow file, or from one for each split."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
from annotated_types import Gt, Lt

from fairray.data import SPLITS, Dataset, Problem
from fairray.datasets._cells import Value, list_values, read_numbers
from fairray.datasets._inputs import Reader
from fairray.datasets._leaks import find_leaks
from fairray.datasets._protected import Cuts, cross
from fairray.datasets._rows import Rows, gather
from fairray.datasets._tabular import divide, tabular
from fairray.errors import BadInput, unknown
from fairray.words import list_some

__all__ = ["Table"]

Share = Annotated[float, Gt(0), Lt(1)]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A target and a protected attribute, both columns of a table with a header.

    path: a .csv, .tsv, .parquet or .arrow file, texts packed (.gz) or not, with any usual separator.
    target: the column to predict; positive: its value that is class 1 (default: the last in order).
    protected: a column; or columns with the points where numbers are cut, {age: [25, 60], sex: null}, of which several
        are crossed. privileged: the value that is group 1, all others then being group 0.
    problem: "binary", "multiclass" for a target with more values, or "regression" for a number.
    inputs: the columns to use (default: all others that can be some); without: columns not to use. categories: columns
        whose numbers are only names. include_protected: whether the groups are an input, too.
    where: the rows to use, {race: [African-American, Caucasian]}. missing: values that stand for nothing, such as -9,
        besides the usual ones (an empty cell, ?, NA).
    weights: a column with the examples' weights, which training and metrics heed.
    validation, test: shares of the rows, drawn with `seed`, or files; split: a column that says train, validation or
        test. What is not given is drawn from the training rows.
    """

    path: Path
    target: str
    protected: str | dict[str, Cuts]
    positive: Value | None = None
    privileged: Value | None = None
    inputs: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    include_protected: bool = False
    problem: Problem = "binary"
    where: dict[str, Value | tuple[Value, ...]] = field(default_factory=dict)
    missing: tuple[Value, ...] = ()
    weights: str | None = None
    validation: Share | Path = 0.2
    test: Share | Path = 0.2
    split: str | None = None
    seed: int = 0

    def load(self) -> Dataset:
        """The tensors of the three splits."""
        rows = self._rows()
        reader = Reader(self.missing, rows.place, str(self.path))
        frame, notes = self._inputs(rows, reader)
        groups = " and ".join(self._protected)
        whole = frame.assign(**{self.target: self._target(rows, reader), groups: self._groups(rows)})
        if self.weights:
            whole[self.weights] = self._weights(self.weights, rows, reader)
        data = tabular(
            self._divide(whole.set_index(rows.numbers), rows),
            name=Path(self.path).stem,
            where=str(self.path),
            target=self.target,
            protected=groups,
            positive=self.positive,
            privileged=self.privileged,
            inputs=[*frame],
            include_protected=self.include_protected,
            problem=self.problem,
            own_unit=True,
            weights=self.weights,
        )
        leaks = self._leaks(frame, whole[self.target], whole[groups])
        return replace(data, notes=(*rows.notes, *notes, *leaks, *data.notes))

    @property
    def _protected(self) -> dict[str, Cuts]:
        return {self.protected: None} if isinstance(self.protected, str) else self.protected

    def _rows(self) -> Rows:
        given = {"train": self.path, "val": self.validation, "test": self.test}
        rows = gather({part: Path(file) for part, file in given.items() if isinstance(file, str | Path)})
        self._check_names(rows.columns.column_names)
        rows = rows.only(self.where, self.missing, str(self.path))
        return rows.divided(self.split, str(self.path)) if self.split else rows

    def _named(self) -> list[tuple[str, str]]:
        """The columns that serve for something else than an input, each behind the key that names it."""
        single = [(key, name) for key in ("weights", "split") if (name := getattr(self, key)) is not None]
        return [("target", self.target), *(("protected", name) for name in self._protected), *single]

    def _check_names(self, names: list[str]) -> None:
        """Raise BadInput where a column is not there, or is named for two purposes."""
        inputs, without = ([(key, name) for name in getattr(self, key)] for key in ("inputs", "without"))
        others = [(key, name) for key in ("categories", "where") for name in getattr(self, key)]
        for key, name in (*self._named(), *inputs, *without, *others):
            if name not in names:
                raise unknown(f"{self.path} ({key}: {name})", "column", name, names)
        if not self._protected:
            raise BadInput(f"{self.path} (protected)", "it names no column", "name at least one")
        uses: dict[str, str] = {}
        for key, name in (*self._named(), *inputs, *without):
            if (use := uses.setdefault(name, key)) != key and (key != "without" or use == "inputs"):
                hint = ", or set include_protected: true in its place" if use == "protected" else ""
                raise BadInput(f"{self.path} ({key}: {name})", f"{name!r} is the {use} too", f"name another{hint}")

    def _inputs(self, rows: Rows, reader: Reader) -> tuple[pd.DataFrame, list[str]]:
        """The columns that are inputs, and what is to be said of them and of those that are none."""
        taken = {*self.without, " and ".join(self._protected), *(name for _, name in self._named())}
        names = self.inputs or [name for name in rows.columns.column_names if name not in taken]
        found, notes, gaps = {}, [], []
        for name in names:
            read = reader.read(name, rows.columns[name], name in self.categories)
            if read.unfit and name in self.inputs and read.unusable:
                raise BadInput(f"{self.path} (inputs: {name})", read.unfit, "leave it out")
            if read.unfit:
                notes.append(f"{name!r} {'is an input though' if name in self.inputs else 'is no input:'} {read.unfit}")
            if not read.unfit or name in self.inputs:
                found[name], notes = read.values, [*notes, *read.notes]
                gaps += [f"{name} ({read.values.isna().sum():,})"] if read.values.isna().any() else []
        if gaps:
            notes.append(
                f"missing is a category of its own, or the mean and an input that says so: {list_some(gaps, 5)}"
            )
        if not found:
            why = f": {list_some(notes, 3)}" if notes else ""
            raise BadInput(
                f"{self.path} (inputs)", f"no column is left to predict from{why}", "name some in inputs: [...]"
            )
        return pd.DataFrame(found), notes

    def _target(self, rows: Rows, reader: Reader) -> pd.Series:
        column = rows.columns[self.target]
        if self.problem != "regression":
            return list_values(column, self.missing)
        return pd.Series(self._numbers(self.target, rows, reader, "target"))

    def _groups(self, rows: Rows) -> pd.Series:
        return cross(rows.columns, self._protected, self.missing, f"{self.path} (protected)")

    def _weights(self, name: str, rows: Rows, reader: Reader) -> np.ndarray:
        values = self._numbers(name, rows, reader, "weights")
        if (values <= 0).any():
            row = int(np.flatnonzero(values <= 0)[0])
            problem = f"{rows.place(row)} weighs {values[row]:g}"
            raise BadInput(
                f"{self.path} (weights: {name})", problem, "let weights be above 0, and leave out other rows"
            )
        return values

    def _numbers(self, name: str, rows: Rows, reader: Reader, key: str) -> np.ndarray:
        """A column that must hold a number in every row."""
        found = read_numbers(rows.columns[name], self.missing)
        if found is None:
            raise BadInput(f"{self.path} ({key}: {name})", "it holds non-numeric values", "name a column of numbers")
        reader.check(name, found.values)
        if len(gaps := np.flatnonzero(np.isnan(found.values))):
            problem = f"{len(gaps):,} values are missing, the first in {rows.place(int(gaps[0]))}"
            raise BadInput(f"{self.path} ({key}: {name})", problem, "drop or fill those rows")
        return found.values

    def _divide(self, frame: pd.DataFrame, rows: Rows) -> dict[str, pd.DataFrame]:
        """The splits that are given, and the others as shares of the training rows."""
        given = {part: frame[rows.parts == part] for part in SPLITS}
        shares = {
            part: share for part, share in (("val", self.validation), ("test", self.test)) if not len(given[part])
        }
        drawn = {part: share for part, share in shares.items() if isinstance(share, float)}
        if sum(drawn.values()) >= 1 or not len(given["train"]):
            raise BadInput(
                f"{self.path} (validation, test)", "no row is left to train on", "let their sum be less than 1"
            )
        *parts, given["train"] = divide(given["train"], tuple(drawn.values()), self.seed)
        return given | dict(zip(drawn, parts, strict=True))

    def _leaks(self, frame: pd.DataFrame, target: pd.Series, groups: pd.Series) -> Iterator[str]:
        told = {self.target: target, " and ".join(self._protected): groups}
        for name, label in told.items():
            for column in find_leaks(frame, label):
                yield f"{column!r} alone tells {name}; unless it may, leave it out with without: [{column}]"
