"""Asking for trials and telling how they scored: grids, and samplers."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import optuna
import pandas as pd
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from fairray.errors import placed, said_of
from fairray.launch.early import EarlyStopping, can_stop, check_objectives, refuse
from fairray.launch.samplers import Sampling, Score
from fairray.measures import Measure
from fairray.selection import best_trials, judge_together
from fairray.soundness import gravity
from fairray.space import points
from fairray.store import Store
from fairray.study import Arm, Search, Study
from fairray.trial import Trial, results

__all__ = ["Again", "Asker", "GridSearch", "OptunaSearch", "askers", "keep"]


class Asker(Protocol):
    """The batches of one arm. What is asked depends on the batches before, never on which trial ended first."""

    def ask(self) -> list[Trial]:
        """The next trials, or those that go on from where they have paused; none when the search is over."""

    def tell(self, store: Store) -> None:
        """Learn how the trials that were asked for last have scored."""


class GridSearch:
    """All points of a grid, at once."""

    def __init__(self, arm: Arm):
        self.arm, self.points = arm, points(arm.space)
        self.stopped: dict[str, Score] = {}

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
    """The trials at the points that one of Optuna's samplers asks for."""

    def __init__(self, arm: Arm, search: Search, objectives: Sequence[Measure]):
        self.arm, self.objectives = arm, objectives
        self.sampling = Sampling(f"{arm.task} {arm.name}", arm.space, search, objectives)
        self.open: list[Trial] = []
        self.stopped: dict[str, Score] = {}  # by uid, what trials scored that were stopped early

    def ask(self) -> list[Trial]:
        self.open = [self.arm.at(point) for point in self.sampling.ask()]
        return self.open

    def tell(self, store: Store) -> None:
        """Score the last batch by the means of validation data; a trial without result has failed."""
        whole = [trial for trial in self.open if trial.uid not in self.stopped and trial.stored(store)]
        scores = self.stopped | _score([results(trial, store) for trial in whole], self.objectives)
        self.sampling.tell([scores.get(trial.uid, Score({})) for trial in self.open])


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
            whole = [trial for trial in self.asked if not trial.pausing and trial.stored(store)]
            self.found |= {trial.uid: (trial, results(trial, store)) for trial in whole}

    def _confirm(self) -> Trial:
        records = pd.concat([table for _, table in self.found.values()], ignore_index=True)
        (uid,) = best_trials(records, self.study.objectives, self.study.selection).values()
        return replace(self.found[uid][0], seeds=self.study.reported)


def keep(asked: Iterable[Asker], path: Path) -> bool:
    """Write what samplers were told into a journal of Optuna's, which its dashboard opens; whether there is any."""
    if not (found := [one for one in map(_unwrap, asked) if isinstance(one, OptunaSearch)]):
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    journal = JournalStorage(JournalFileBackend(str(path)))
    for one in found:
        name = one.sampling.study.study_name
        optuna.copy_study(from_study_name=name, from_storage=one.sampling.storage, to_storage=journal)
    return True


def _unwrap(asker: Asker) -> Asker:
    """The search inside those that wait for it."""
    while isinstance(asker, Confirming | EarlyStopping):
        asker = asker.asker
    return asker


def askers(study: Study) -> list[Asker]:
    """One for each arm of the study. Raises BadInput where it cannot be searched, or stopped, as it says."""
    found = [(arm, _asker(arm, study.searches.get(arm.name, study.search), study)) for arm in study.arms()]
    if study.search.stop is not None and not any(isinstance(asker, EarlyStopping) for _, asker in found):
        refuse(study.where("search.stop"))
    return [Confirming(asker, study) if study.confirm and arm.space else asker for arm, asker in found]


def _asker(arm: Arm, search: Search, study: Study) -> Asker:
    objectives, own = study.objectives_of(arm.task), arm.name in study.searches
    with placed(study.where), said_of(f"searches.{arm.name}" if own else "search"):
        plain = search.name == "grid" or not arm.space
        asker = GridSearch(arm) if plain else OptunaSearch(arm, search, objectives)
        if search.stop is None or not arm.space:
            return asker
        if not can_stop(arm, search.stop):
            if own:
                refuse("stop")
            return asker
        check_objectives(objectives, arm)
        return EarlyStopping(asker, search.stop, study, objectives)


def _score(tables: Sequence[pd.DataFrame], objectives: Sequence[Measure]) -> dict[str, Score]:
    """By uid, how trials did. tables: the records of each."""
    found, doubts = judge_together(tables, [measure.name for measure in objectives])
    return {key[-1]: Score(means, gravity(doubts.get(key, ()))) for key, means in found.items()}
