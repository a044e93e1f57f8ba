"""A study from a data frame: the frame as a file that the data set `table` reads, and values by what is in it."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from fairray.data import Problem
from fairray.datasets._cells import list_values, read_numbers
from fairray.errors import BadInput, unknown
from fairray.files import write_whole
from fairray.words import cut

__all__ = ["choose_values", "describe", "find_problem", "is_divided", "keep", "read_frame"]

MOST_CLASSES = 20  # values of numbers that are told apart; of more, they are regressed
FEW, MANY = 1_000, 5_000  # training rows


def read_frame(frame: Any) -> pa.Table:
    """A frame of pandas, arrow, or anything that gives its columns as arrow does, without an index.

    Raises BadInput where it is none, or a column has values of several kinds.
    """
    try:
        is_pandas = isinstance(frame, pd.DataFrame)
        table = pa.Table.from_pandas(frame, preserve_index=False) if is_pandas else pa.table(frame)
    except (TypeError, ValueError) as error:  # arrow's own are subclasses of these
        cure = "give a frame of pandas, polars or arrow, whose columns have names and values of one kind each"
        raise BadInput("frame", f"it cannot be read: {cut(str(error))}", cure) from error
    return table.replace_schema_metadata(None)


def describe(
    table: pa.Table, target: str, protected: str | Mapping[str, Any], folder: Path, own: Mapping[str, Any]
) -> dict[str, Any]:
    """The data set `table` of a frame that is kept in a folder, as values. own: what the user tells it.

    Of few rows more are tested on, as rates over the subgroups of a small test split would say little.
    Raises BadInput where the frame has no such target.
    """
    if target not in table.column_names:
        raise unknown("target", "column", target, table.column_names)
    return {
        "name": "table",
        "path": keep(table, folder, target),
        "target": target,
        "protected": protected,
        "problem": "binary" if "positive" in own else find_problem(table[target]),
        "test": 0.4 if table.num_rows < 2 * FEW else 0.2,
        **own,
    }


def keep(table: pa.Table, folder: Path, name: str) -> Path:
    """The file of a table in a folder, named by its content, so that equal tables are one file. name: what it is of."""
    sink = pa.BufferOutputStream()
    pyarrow.parquet.write_table(table.combine_chunks(), sink)
    content = sink.getvalue().to_pybytes()
    path = folder / f"{re.sub(r'[^A-Za-z0-9_-]+', '_', name)}-{hashlib.sha256(content).hexdigest()[:12]}.parquet"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
    return path


def find_problem(column: pa.ChunkedArray) -> Problem:
    """What there is to predict, by the values of a target."""
    values = len(list_values(column).cat.categories)
    if values > MOST_CLASSES and read_numbers(column) is not None:
        return "regression"
    return "binary" if values == 2 else "multiclass"


def is_divided(values: Mapping[str, Any]) -> bool:
    """Whether the user has divided the rows: by a column, or into files. values: what the data set is told."""
    return "split" in values or any(isinstance(values.get(part), str | Path) for part in ("validation", "test"))


def choose_values(rows: int, problem: Problem) -> dict[str, Any]:
    """What a study file says otherwise, by the rows to train on, so that a study takes minutes on two cores."""
    return {
        "methods": _choose_methods(problem),
        "network": {"name": "mlp", "units": 64 if rows < MANY else 128, "depth": 2},
        "training": {"epochs": 15, "steps": 500, "batch": 64 if rows < FEW else 256, "lr": 1e-3},
        "seeds": 10 if rows < MANY else 5,
        "objectives": ("rmse", "rmse_difference") if problem == "regression" else ("eacc", "odds"),
    }


def _choose_methods(problem: Problem) -> dict[str, Any]:
    """One of each kind: none, by rows, by weights, by an adversary, by a backdoor whose strength validation chooses."""
    bade = {"name": "bade", "strength": {"grid": [0.0, 0.5, 1.0]}}
    if problem == "regression":
        return {"standard": "standard", "bade": bade | {"strength": 1.0}}
    simple = ("standard", "undersampling", "reweighing", "adversarial")
    return {name: name for name in simple} | {"bade": bade}
