"""Searches of grids that are stored: every point scores as it did, so nothing is computed."""

import math
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from itertools import product

import pandas as pd

from fairray.errors import placed, said_of
from fairray.landscape import Landscape, find_landscapes
from fairray.launch.samplers import Sampling, Score
from fairray.results import Results
from fairray.space import Grid, Range, Space, is_grid
from fairray.study import Study

__all__ = ["check", "replay"]

SEEDS = 30  # of searches; a hundred of a grid of 121 points take minutes


def check(study: Study) -> None:
    """Raise BadInput where one of the `replays` cannot search the study's grids."""
    for arm in study.arms():
        for label, search in study.replays.items() if arm.space and is_grid(arm.space) else ():
            with placed(study.where), said_of(f"replays.{label}"):
                Sampling("", _number(arm.space), search, study.objectives_of(arm.task))


def replay(results: Results) -> pd.DataFrame:
    """How many points each of the study's `replays` tries, from each of thirty seeds, until it has tried the one
    that the grid chose, and one that is not told from it; nan where it asks as often as there are points and has not.

    Columns task, arm, search, seed, chosen, alike. A point that is asked for again is not tried again.
    """
    rows = [row for grid in find_landscapes(results) for row in _replay(grid, results.study)]
    return pd.DataFrame(rows, columns=["task", "arm", "search", "seed", "chosen", "alike"])


def _replay(grid: Landscape, study: Study) -> Iterator[tuple[str, str, str, int, float, float]]:
    objectives = study.objectives_of(grid.task)
    for label, search in study.replays.items():
        for seed in range(search.seed, search.seed + SEEDS):
            whole = replace(search, points=len(grid.points), seed=seed)
            tried = _list_tried(grid, Sampling("", _number(grid.space), whole, objectives))
            yield grid.task, grid.arm, label, seed, _count(tried, {grid.chosen}), _count(tried, grid.alike)


def _list_tried(grid: Landscape, sampling: Sampling) -> list[int]:
    """The places of the points that a search asks for, each once, up to the batch with the chosen one."""
    places = {at: place for place, at in enumerate(product(*(range(len(c.ends)) for c in grid.space.values())))}
    tried: dict[int, None] = {}
    while grid.chosen not in tried and (asked := sampling.ask()):
        batch = [places[tuple(_unsort(choice, point[name]) for name, choice in grid.space.items())] for point in asked]
        sampling.tell([Score(grid.means[place], grid.grave[place]) for place in batch])
        tried |= dict.fromkeys(batch)
    return [*tried]


def _count(tried: Iterable[int], wanted: Collection[int]) -> float:
    """How many are tried until one that is wanted."""
    return next((count for count, place in enumerate(tried, 1) if place in wanted), math.nan)


def _number(space: Space) -> Space:
    """The space of the places in each grid: of numbers whole ones, in the order of the numbers; else categories."""
    places = {name: tuple(range(len(choice.ends))) for name, choice in space.items()}
    return {
        name: Range(low=0, high=places[name][-1]) if _has_order(choice) else Grid(grid=places[name])
        for name, choice in space.items()
    }


def _unsort(choice: Grid | Range, number: int) -> int:
    """The place in a grid of what stands there in the order of its numbers."""
    return choice.ends.index(sorted(choice.ends)[number]) if _has_order(choice) else number


def _has_order(choice: Grid | Range) -> bool:
    return all(isinstance(end, int | float) for end in choice.ends)
