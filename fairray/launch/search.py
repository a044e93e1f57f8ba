"""Asking for trials and telling how they scored: grids, and Optuna's samplers."""

from collections.abc import Sequence
from typing import Literal

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from fairray.measures import Measure
from fairray.selection import val_means
from fairray.space import Grid, Range, points
from fairray.store import Store
from fairray.study import Arm, Search, Study
from fairray.trial import Trial, results

__all__ = ["Asker", "askers"]

DIRECTIONS: dict[str, Literal["maximize", "minimize"]] = {"high": "maximize", "low": "minimize"}
optuna.logging.set_verbosity(optuna.logging.WARNING)


class Asker:
    """The batches of one arm. What is asked depends on the batches before, never on which trial ended first."""

    def __init__(self, arm: Arm, search: Search, objectives: Sequence[Measure]):
        self.arm, self.search, self.objectives = arm, search, objectives
        self.open: list[tuple[optuna.Trial, Trial]] = []
        self.asked = 0
        self.grid = points(arm.space) if search.name == "grid" or not arm.space else []
        if not self.grid:
            sampler = {"tpe": _tpe, "nsga2": _nsga2}[search.name](search)
            directions = [DIRECTIONS[measure.best] for measure in objectives]
            self.study = optuna.create_study(directions=directions, sampler=sampler)

    def ask(self) -> list[Trial]:
        """The next trials; none when the search is over."""
        if self.grid:
            points, self.grid = self.grid, []
            return [self.arm.at(point) for point in points]
        if not hasattr(self, "study"):
            return []
        count = min(self.search.batch, self.search.points - self.asked)
        space = {name: _distribution(choice) for name, choice in self.arm.space.items()}
        asked = [self.study.ask(space) for _ in range(count)]
        self.open = [(trial, self.arm.at(trial.params)) for trial in asked]
        self.asked += count
        return [trial for _, trial in self.open]

    def tell(self, store: Store) -> None:
        """Score what was asked last; a trial without result, or without one of the objectives, has failed."""
        for asked, trial in self.open:
            means = dict(val_means(results(trial, store))) if trial.stored(store) else {}
            if all(measure.name in means for measure in self.objectives):
                self.study.tell(asked, [float(means[measure.name]) for measure in self.objectives])
            else:
                self.study.tell(asked, state=TrialState.FAIL)
        self.open = []


def askers(study: Study) -> list[Asker]:
    """One for each arm of the study."""
    searches = study.searches
    return [Asker(arm, searches.get(arm.name, study.search), study.objectives_of(arm.task)) for arm in study.arms()]


def _distribution(choice: Grid | Range) -> BaseDistribution:
    if isinstance(choice, Grid):
        return CategoricalDistribution(choice.grid)
    if isinstance(choice.low, int) and isinstance(choice.high, int):  # its field is whole
        return IntDistribution(choice.low, choice.high, log=choice.log)
    return FloatDistribution(choice.low, choice.high, log=choice.log)


def _tpe(search: Search) -> optuna.samplers.BaseSampler:
    return optuna.samplers.TPESampler(seed=search.seed, constant_liar=True)


def _nsga2(search: Search) -> optuna.samplers.BaseSampler:
    return optuna.samplers.NSGAIISampler(seed=search.seed, population_size=search.batch)
