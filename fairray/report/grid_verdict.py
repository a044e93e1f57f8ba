"""Where the best cell of a search over two numbers lies (BaDe, Figure 5)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import nan
from typing import NamedTuple

import numpy as np

from fairray.data import Dataset
from fairray.measures import find
from fairray.report._answers import tell_needed
from fairray.report._blocks import Answer, Block, Items, Strong, Text, join
from fairray.report._grid import Cell, Grid, Mark, find_best, find_marks, find_searches, read_grids
from fairray.report._words import name_key, name_metric, name_with_unit, refuse_verdict, write_interval
from fairray.results import Results, change_of, interval_of
from fairray.statistics.intervals import Interval, mean_interval

__all__ = ["GridVerdict"]


class Judged(NamedTuple):
    """A search: its best and its nearest cell, how sure it is that they differ, and by how much where no seed's cell is
    chosen on that seed."""

    who: str
    cells: Sequence[str]
    sure: Sequence[str]
    apart: Interval


@dataclass(frozen=True)
class GridVerdict:
    """How the best cell compares with the one nearest to the data's own values, and how sure it is.

    x, y: dotted names of the search. mark: of a data set its own x and y, and the value that both have where there is
    no bias.
    """

    x: str
    y: str
    metric: str
    mark: Callable[[Dataset], Mark]

    @property
    def title(self) -> str:
        return f"Best {name_metric(self.metric)} of the grid"

    def __call__(self, results: Results) -> Iterator[Block]:
        yield Items([(Strong(who), f": {'; '.join([*cells, *sure])}.") for who, cells, sure, _ in self._judge(results)])
        yield Text(
            f"{name_with_unit(self.metric)} on the test set, mean over seeds [95 % t-interval]; differences are taken "
            "seed by seed. A cell that was lucky with its seeds is so on validation and on test data alike, which "
            "still flatters the best one; where each seed's cell is chosen on the other seeds, it does not. Cells are "
            "compared one by one, without correction for their number."
        )

    def answer(self, results: Results) -> Answer | None:
        judged = [*self._judge(results)]
        found, sure = (
            (*join("; ", [(Strong(who), f": {'; '.join(said)}") for who, said in of]), ".")
            for of in ([(one.who, one.cells) for one in judged], [(one.who, one.sure) for one in judged])
        )
        takes = tell_needed([one.apart for one in judged if not one.apart.clear_of_zero], results.unit)
        return Answer(found, sure, takes) if judged else None

    def _judge(self, results: Results) -> Iterator[Judged]:
        """Of each search."""
        marks = find_marks(results, self.mark)
        for task, arm in find_searches(results, self.x, self.y):
            if task in marks and results.has(task, arm, self.metric):
                grids = read_grids(results, task, arm, self.x, self.y, self.metric)
                cells, sure, apart = self._compare(*grids, marks[task])
                refused = [refuse_verdict(doubtful)] if (doubtful := results.doubtful(task, arm)) else []
                yield Judged(f"{task}, {arm}", cells, [*refused, *sure], apart)

    def _compare(self, val: Grid, test: Grid, mark: Mark) -> tuple[Sequence[str], Sequence[str], Interval]:
        metric = self.metric
        best, near = find_best(val, metric), _find_nearest(test, mark)
        at_best, at_near = (interval_of(metric, test[cell]) for cell in (best, near))
        apart = change_of(metric, test[best] - test[near])
        cells = [
            f"{name_metric(metric)} {write_interval(metric, at_best)} at {self._place(best)}, the best cell on "
            f"validation data{_describe_strength(best, mark)}",
            f"{write_interval(metric, at_near)} at {self._place(near)}, the cell nearest to the data's own "
            f"({mark[0]:.3g}, {mark[1]:.3g})",
        ]
        sure = [f"the best minus the nearest {write_interval(metric, apart, '+')}"]
        honest = _choose_on_others(val, test, near, metric)
        return cells, [*sure, *_describe_noise(honest, test, best, metric)], honest

    def _place(self, cell: Cell) -> str:
        return f"{name_key(self.x)} = {cell[0]:g}, {name_key(self.y)} = {cell[1]:g}"


def _choose_on_others(val: Grid, test: Grid, near: Cell, metric: str) -> Interval:
    """What is apart where each seed's cell is chosen on the other seeds; of one seed there are none."""
    seeds = range(len(test[near]))
    if len(seeds) < 2:
        return Interval(nan, nan, nan, len(seeds))
    others = [find_best({cell: np.delete(values, seed) for cell, values in val.items()}, metric) for seed in seeds]
    return change_of(metric, (test[others[seed]][seed] - test[near][seed] for seed in seeds))


def _describe_noise(apart: Interval, test: Grid, best: Cell, metric: str) -> list[str]:
    """What the choice among many noisy cells is worth; nothing can be said of one seed."""
    if apart.n < 2:
        return ["one seed: no verdict"]
    return [
        f"{write_interval(metric, apart, '+')} where each seed's cell is chosen on the others",
        f"{_count_not_worse(test, best, metric)} of {len(test) - 1} other cells are not clearly worse than the best",
    ]


def _count_not_worse(test: Grid, best: Cell, metric: str) -> int:
    sign = find(metric).sign
    losses = [mean_interval(sign * (test[best] - values)) for cell, values in test.items() if cell != best]
    return sum(not loss.low > 0 for loss in losses)


def _find_nearest(grid: Grid, mark: Mark) -> Cell:
    return min(grid, key=lambda cell: (cell[0] - mark[0]) ** 2 + (cell[1] - mark[1]) ** 2)


def _describe_strength(cell: Cell, mark: Mark) -> str:
    """The cell's projection on the way from no bias (0) to the data's own (1)."""
    x, y, marginal = mark
    way = (x - marginal, y - marginal)
    length = way[0] ** 2 + way[1] ** 2
    if length == 0:
        return ""
    along = ((cell[0] - marginal) * way[0] + (cell[1] - marginal) * way[1]) / length
    return f" (strength {along:.2f} on the way from no bias, 0, to the data's, 1)"
