"""Asking for trials and telling how they scored: grids, and Optuna's samplers."""

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Protocol

import optuna
import pandas as pd
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import InMemoryStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from fairray.measures import Measure
from fairray.selection import best_trials, val_means
from fairray.soundness import gravity, list_doubts
from fairray.space import Grid, Range, points
from fairray.store import Store
from fairray.study import Arm, Search, Study
from fairray.trial import Trial, results

__all__ = ["Again", "Asker", "GridSearch", "OptunaSearch", "askers", "keep"]

DIRECTIONS: dict[str, Literal["maximize", "minimize"]] = {"high": "maximize", "low": "minimize"}
QUIET: dict[str, Any] = {"warn_independent_sampling": False}  # samplers of numbers draw words at random
IN_TURN: dict[str, Any] = {"warn_asynchronous_seeding": False}  # one process asks
optuna.logging.set_verbosity(optuna.logging.WARNING)


class Asker(Protocol):
    """The batches of one arm. What is asked depends on the batches before, never on which trial ended first."""

    def ask(self) -> list[Trial]:
        """The next trials; none when the search is over."""

    def tell(self, store: Store) -> None:
        """Learn how the trials that were asked for last have scored."""


class GridSearch:
    """All points of a grid, at once."""

    def __init__(self, arm: Arm):
        self.arm, self.points = arm, points(arm.space)

    def ask(self) -> list[Trial]:
        asked, self.points = self.points, []
        return [self.arm.at(point) for point in asked]

    def tell(self, store: Store) -> None:
        """Nothing: what is asked does not depend on the scores."""


class Again:
    """A trial that was asked for before."""

    def __init__(self, trial: Trial):
        self.trials = [trial]

    def ask(self) -> list[Trial]:
        asked, self.trials = self.trials, []
        return asked

    def tell(self, store: Store) -> None:
        """Nothing: no more is asked."""


class OptunaSearch:
    """Batches of points that one of Optuna's samplers chooses; the points of one batch do not know of each other."""

    def __init__(self, arm: Arm, search: Search, objectives: Sequence[Measure]):
        self.arm, self.search, self.objectives = arm, search, objectives
        self.space = {name: _distribution(choice) for name, choice in arm.space.items()}
        self.open: list[tuple[optuna.Trial, Trial]] = []
        self.asked = 0
        directions = [DIRECTIONS[measure.best] for measure in objectives]
        self.storage = InMemoryStorage()
        self.study = optuna.create_study(
            storage=self.storage,
            study_name=f"{arm.task} {arm.name}",
            directions=directions,
            sampler=_sampler(search),
        )

    def ask(self) -> list[Trial]:
        count = min(self.search.batch, self.search.points - self.asked)
        asked = [self.study.ask(self.space) for _ in range(count)]
        self.open = [(trial, self.arm.at(trial.params)) for trial in asked]
        self.asked += count
        return [trial for _, trial in self.open]

    def tell(self, store: Store) -> None:
        """Score the last batch; a trial without result, or a seed without one of the objectives, has failed.

        A point that is no result breaks a constraint, so that a sampler keeps away from it however good it looks.
        """
        for asked, trial in self.open:
            records = results(trial, store) if trial.stored(store) else None
            means = {} if records is None else dict(val_means(records))
            asked.set_constraint("no result", 0 if records is None else _weigh(records, self.objectives))
            if all(math.isfinite(means.get(measure.name, math.nan)) for measure in self.objectives):
                self.study.tell(asked, [float(means[measure.name]) for measure in self.objectives])
            else:
                self.study.tell(asked, state=TrialState.FAIL)
        self.open = []


class Confirming:
    """A search, and after it the point that it chooses, with fresh seeds."""

    def __init__(self, asker: Asker, study: Study):
        self.asker, self.study = asker, study
        self.asked: list[Trial] = []
        self.found: dict[str, tuple[Trial, pd.DataFrame]] = {}
        self.over = False

    def ask(self) -> list[Trial]:
        """The next batch; after the last one the chosen trial, if there is any."""
        if self.over:
            return []
        if asked := self.asker.ask():
            self.asked = asked
            return asked
        self.over = True
        return [self._confirm()] if self.found else []

    def tell(self, store: Store) -> None:
        """Let the search learn, and keep what there is to choose from."""
        self.asker.tell(store)
        if not self.over:
            self.found |= {trial.uid: (trial, results(trial, store)) for trial in self.asked if trial.stored(store)}

    def _confirm(self) -> Trial:
        records = pd.concat([table for _, table in self.found.values()], ignore_index=True)
        (uid,) = best_trials(records, self.study.objectives, self.study.selection).values()
        return replace(self.found[uid][0], seeds=self.study.reported)


def keep(asked: Iterable[Asker], path: Path) -> bool:
    """Write what samplers were told into a journal of Optuna's, which its dashboard opens; whether there is any."""
    searches = [one.asker if isinstance(one, Confirming) else one for one in asked]
    if not (found := [one for one in searches if isinstance(one, OptunaSearch)]):
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    journal = JournalStorage(JournalFileBackend(str(path)))
    for one in found:
        name = one.study.study_name
        optuna.copy_study(from_study_name=name, from_storage=one.storage, to_storage=journal)
    return True


def askers(study: Study) -> list[Asker]:
    """One for each arm of the study."""
    found = [(arm, _asker(arm, study.searches.get(arm.name, study.search), study)) for arm in study.arms()]
    return [Confirming(asker, study) if study.confirm and arm.space else asker for arm, asker in found]


def _asker(arm: Arm, search: Search, study: Study) -> Asker:
    if search.name == "grid" or not arm.space:
        return GridSearch(arm)
    return OptunaSearch(arm, search, study.objectives_of(arm.task))


def _distribution(choice: Grid | Range) -> BaseDistribution:
    if isinstance(choice, Grid):
        return CategoricalDistribution(choice.grid)
    if isinstance(choice.low, int) and isinstance(choice.high, int):  # its field is whole
        return IntDistribution(choice.low, choice.high, log=choice.log)
    return FloatDistribution(choice.low, choice.high, log=choice.log)


def _weigh(records: pd.DataFrame, objectives: Sequence[Measure]) -> int:
    """How grave it is what makes a trial no result; 0 where it is one."""
    return gravity(list_doubts(records, [measure.name for measure in objectives]))


def _sampler(search: Search) -> optuna.samplers.BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # Optuna's version is pinned
        return SAMPLERS[search.name](search)


SAMPLERS: dict[str, Callable[[Search], optuna.samplers.BaseSampler]] = {
    "random": lambda search: optuna.samplers.RandomSampler(seed=search.seed),
    "qmc": lambda search: optuna.samplers.QMCSampler(seed=search.seed, scramble=True, **QUIET, **IN_TURN),
    "tpe": lambda search: optuna.samplers.TPESampler(seed=search.seed, constant_liar=True),
    "gp": lambda search: optuna.samplers.GPSampler(seed=search.seed, **QUIET),
    "nsga2": lambda search: optuna.samplers.NSGAIISampler(seed=search.seed, population_size=search.batch),
    "nsga3": lambda search: optuna.samplers.NSGAIIISampler(seed=search.seed, population_size=search.batch),
}
