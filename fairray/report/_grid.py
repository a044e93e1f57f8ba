"""A search over two numbers: its cells, the best of them, and where the data's own values lie."""

from collections.abc import Callable

import numpy as np

from fairray.data import Dataset
from fairray.measures import find
from fairray.records import headline
from fairray.results import Results
from fairray.selection import eligible
from fairray.space import is_grid
from fairray.statistics.comparison import tell_apart

__all__ = ["Cell", "Grid", "Mark", "find_best", "find_marks", "find_searches", "find_undecided", "read_grids"]

Mark = tuple[float, float, float]  # the data's own x and y, and the rate that both have where there is no bias
Cell = tuple[float, float]
Grid = dict[Cell, np.ndarray]  # of each cell (x, y) the values of the seeds


def find_searches(results: Results, x: str, y: str) -> list[tuple[str, str]]:
    """The methods on tasks of which both numbers are searched, but for those whose search is no grid."""
    between = {(arm.task, arm.name) for arm in results.study.arms() if not is_grid(arm.space)}
    return [pair for pair, trial in results.chosen.items() if {x, y} <= set(trial.point) and pair not in between]


def find_marks(results: Results, mark: Callable[[Dataset], Mark] | None) -> dict[str, Mark]:
    """The mark of each task's data."""
    return {task: mark(data) for task, data in results.study.datasets().items()} if mark else {}


def read_grids(results: Results, task: str, arm: str, x: str, y: str, metric: str) -> tuple[Grid, Grid]:
    """The grid on validation data, of the cells that can be chosen, and on test data of all; seeds in one order."""
    rows = results.of(task, arm, headline(results.tried))
    rows = rows[rows["metric"] == metric].astype({x: float, y: float})
    choice = rows["trial"].isin(eligible(rows, results.doubts)["trial"])
    splits = [rows[(rows["split"] == "val") & choice], rows[rows["split"] == "test"]]
    tables = [part.pivot_table(index=[x, y], columns="seed", values="value").dropna() for part in splits]
    val, test = (dict(zip(table.index.to_list(), table.to_numpy(), strict=True)) for table in tables)
    return val, test


def find_undecided(grid: Grid, best: Cell) -> set[Cell]:
    """The cells that tests over seeds, adjusted for all cells, do not tell from the best; of one seed all."""
    cells = [*grid]
    apart = tell_apart(np.stack([*grid.values()])[None], cells.index(best))
    return {cell for cell, is_apart in zip(cells, apart, strict=True) if not is_apart} - {best}


def find_best(grid: Grid, metric: str) -> Cell:
    """The cell with the best mean over seeds."""
    sign = find(metric).sign
    return max(grid, key=lambda cell: sign * grid[cell].mean())
