"""How many trials would another search of a grid have taken, until it had met what the grid chose?"""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from fairray.landscape import Landscape, find_landscapes
from fairray.report._blocks import Block, Frame, Text
from fairray.results import Results
from fairray.statistics.intervals import Interval, mean_interval
from fairray.words import write_count

__all__ = ["Replays"]

EXPLAINED = (
    "Each search asks for points of the grid, whose results are stored, and is told how they did on the data of the "
    "choice; a point that it asks for again is no further trial. One that asks as often as there are points and has "
    "not met what it looks for counts the whole grid. Not told apart are points that paired t-tests over seeds, "
    "adjusted for all points and objectives (Holm), do not tell from the grid's choice in any objective. In a random "
    "order one of k among N points is met after (N + 1) / (k + 1) trials on average."
)
Line = dict[str, object]


@dataclass(frozen=True)
class Replays:
    """Trials until a search meets the grid's choice, and one not told from it, beside a random order."""

    title: str = "How many trials a search needs"

    def __call__(self, results: Results) -> Iterator[Block]:
        lines = [line for grid in find_landscapes(results) for line in _list_lines(results.replays, grid)]
        if not lines:
            yield Text("There is no grid of which all points are stored, or no search to play again on it (replays).")
            return
        cells, numbers = (pd.DataFrame(one) for one in zip(*lines, strict=True))
        seeds = write_count(results.replays["seed"].nunique(), "seed")
        caption = f"Mean over {seeds} of the search [95 % t-interval], beside the mean of all random orders."
        yield Frame("replays", cells, numbers, caption)
        yield Text(EXPLAINED)


def _list_lines(replays: pd.DataFrame, grid: Landscape) -> Iterator[tuple[Line, Line]]:
    """For each search and what it looks for a line, as people read it and as numbers."""
    own, whole = replays[(replays["task"] == grid.task) & (replays["arm"] == grid.arm)], len(grid.points)
    alike = len(grid.alike)
    wanted = (("chosen", "the grid's choice", 1), ("alike", f"one of {alike} not told apart", alike))
    for search, found in own.groupby("search", sort=False):
        for column, what, count in wanted:
            trials, chance = found[column].fillna(whole), (whole + 1) / (count + 1)
            took, saved = mean_interval(trials, bounds=(1, whole)), mean_interval(100 * (1 - trials / chance))
            place = {"task": grid.task, "method": grid.arm, "search": search, "looks for": what}
            met = int(found[column].count())
            cells = {"points": f"{whole}", "trials": _write(took), "met by": f"{met} of {took.n}"}
            cells |= {"in random order": f"{chance:.1f}", "fewer (%)": _write(saved)}
            numbers = {"points": whole, "wanted": count, **took._asdict(), "met": met, "random": chance}
            numbers |= {f"fewer {name}": value for name, value in saved._asdict().items() if name != "n"}
            yield {**place, **cells}, {**place, **numbers}


def _write(mean: Interval) -> str:
    return f"{mean.mean:.1f}" + (f" [{mean.low:.1f}, {mean.high:.1f}]" if mean.low == mean.low else "")
