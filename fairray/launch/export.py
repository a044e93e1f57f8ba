"""What a study found, in the forms of other tools."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from fairray.errors import BadInput, unknown
from fairray.launch.boards import write_tensorboard, write_wandb
from fairray.results import Results
from fairray.sheets import write_csv

__all__ = ["FORMS", "export"]


def export(results: Results, form: str, folder: Path | None = None) -> Iterator[Path]:
    """Write what a study found to a folder; without one, to a folder of that name beside its report.

    parquet: all records as measured. arrays: of each objective METRIC.npz, by method an array with axes (seed, task),
    as rliable takes them, and METRIC.csv, a row for each task and seed and a column for each method, as autorank does.
    tensorboard, wandb: a run for each trial.
    Gives the places as they are written. Raises BadInput for another form, or where a package is missing.
    """
    if form not in FORMS:
        raise unknown("export", "form", form, FORMS)
    return FORMS[form](results, (folder or results.study.folder / form).absolute())


def _write_records(results: Results, folder: Path) -> Iterator[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    kinds = {name: pd.api.types.infer_dtype(results.records[name]) for name in results.searched}
    # parquet has one kind a column
    mixed = [name for name, kind in kinds.items() if kind in ("mixed", "mixed-integer")]
    results.records.astype(dict.fromkeys(mixed, "str")).to_parquet(folder / "records.parquet", index=False)
    yield folder / "records.parquet"


def _write_arrays(results: Results, folder: Path) -> Iterator[Path]:
    found = {metric: arrays for metric in results.study.objectives if (arrays := results.arrays(metric))}
    if not found:
        problem = "no method is a result on every task that has an objective"
        raise BadInput("export arrays", problem, "see the report for why, or export parquet, which has all records")
    folder.mkdir(parents=True, exist_ok=True)
    for metric, arrays in found.items():
        np.savez(folder / f"{metric}.npz", **arrays)  # type: ignore[arg-type]
        (folder / f"{metric}.csv").write_bytes(write_csv(results.paired(metric).reset_index()))
        yield from (folder / f"{metric}{suffix}" for suffix in (".npz", ".csv"))


FORMS: Mapping[str, Callable[[Results, Path], Iterator[Path]]] = {
    "parquet": _write_records,
    "arrays": _write_arrays,
    "tensorboard": write_tensorboard,
    "wandb": write_wandb,
}
