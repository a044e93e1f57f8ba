"""The rows of one file or several: which are used, and in which split each is."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from fairray.datasets._cells import Value, find_value, list_values
from fairray.datasets._files import read_sheet
from fairray.errors import BadInput

__all__ = ["Rows", "gather"]

CALLED = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}  # fmt: skip


class Rows(NamedTuple):
    """columns: of all files, one behind the other. numbers: of each row, counted through all files from 0.

    parts: the split of each row, so far as it is given; else "train". files: their names, and how many rows each has.
    notes: what is to be said of how they were read.
    """

    columns: pa.Table
    numbers: np.ndarray
    parts: np.ndarray
    files: tuple[tuple[str, int], ...]
    notes: tuple[str, ...]

    def place(self, row: int) -> str:
        """What the n-th of these rows is called: its number in its file, whose first row is 1."""
        number = int(self.numbers[row])
        start = 0
        for name, count in self.files:
            if number < start + count:
                return f"row {number - start + 1:,}" + (f" of {name}" if len(self.files) > 1 else "")
            start += count
        raise IndexError(row)

    def only(self, wanted: Mapping[str, Value | tuple[Value, ...]], missing: Sequence[Value], where: str) -> "Rows":
        """Those whose columns each have one of the wanted values."""
        if not wanted:
            return self
        kept = np.ones(len(self.numbers), bool)
        for name, given in wanted.items():
            column = list_values(self.columns[name], missing)
            values = given if isinstance(given, tuple | list) else (given,)
            kept &= column.isin([find_value(v, [*column.cat.categories], f"{where} (where.{name})") for v in values])
        if not kept.any():
            raise BadInput(f"{where} (where)", "no row has all of these values", "ask for less at once")
        said = f"where: {kept.sum():,} of {len(kept):,} rows are used"
        parts, numbers, columns = self.parts[kept], self.numbers[kept], self.columns.filter(pa.array(kept))
        return self._replace(columns=columns, numbers=numbers, parts=parts, notes=(*self.notes, said))

    def divided(self, column: str, where: str) -> "Rows":
        """The same rows, in the splits that a column names."""
        said = list_values(self.columns[column])
        if said.isna().any():
            problem = f"{self.place(int(np.flatnonzero(said.isna())[0]))} names no split"
            raise BadInput(f"{where} (split: {column})", problem, "let every row have one, or choose rows with where")
        splits = {word: split for split, words in CALLED.items() for word in words}
        for name in said.cat.categories:
            if name.lower() not in splits:
                raise BadInput(
                    f"{where} (split: {column})", f"{name!r} is no split", "call them train, validation and test"
                )
        return self._replace(parts=said.map(lambda name: splits[name.lower()]).to_numpy(object))


def gather(paths: Mapping[str, Path]) -> Rows:
    """The rows of one file for each split that has its own. Raises BadInput where they do not have the same columns."""
    sheets = {part: read_sheet(path) for part, path in paths.items()}
    names = next(iter(sheets.values())).columns.column_names
    for part, sheet in sheets.items():
        if lacking := [name for name in names if name not in sheet.columns.column_names]:
            problem = f"it has no column {lacking[0]!r}, as {paths['train'].name} has"
            raise BadInput(str(paths[part]), problem, "give all files the same columns")
    try:
        columns = pa.concat_tables([s.columns.select(names) for s in sheets.values()], promote_options="permissive")
    except pa.ArrowInvalid as error:
        problem = f"its columns are of other kinds than those of the others: {error}"
        raise BadInput(str(paths["train"]), problem, "save all files in one format") from error
    counts = [len(sheet.columns) for sheet in sheets.values()]
    parts = np.repeat(np.array([*sheets], object), counts)
    files = tuple(zip((path.name for path in paths.values()), counts, strict=True))
    notes = tuple(note for sheet in sheets.values() for note in sheet.notes)
    return Rows(columns, np.arange(sum(counts)), parts, files, notes)
