"""Searches that stop early: trials pause after some epochs, and those that do badly there are not gone on with.

Ray's and Optuna's schedulers judge a trial when it reports, by those that were faster, and by one objective. Here a
batch pauses together, all seeds of its trials alike, so what is stopped depends on the batches before and on no slot.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

import numpy as np
import torch

from fairray.errors import BadInput
from fairray.launch.samplers import Score
from fairray.measures import Measure
from fairray.rules import RULES
from fairray.store import Store
from fairray.study import Arm, Stopping, Study
from fairray.training.selection import CURVES, best_epoch, read_curves
from fairray.trial import Trial

if TYPE_CHECKING:
    from fairray.launch.search import GridSearch, OptunaSearch

__all__ = ["EarlyStopping", "can_stop", "check_objectives", "refuse", "score"]


class EarlyStopping:
    """A search whose trials pause, and go on where the rule lets them; it learns of the others what they scored."""

    def __init__(self, asker: "GridSearch | OptunaSearch", stop: Stopping, study: Study, objectives: Sequence[Measure]):
        self.asker, self.stop, self.study, self.objectives = asker, stop, study, objectives
        self.going: list[Trial] = []
        self.ended: dict[str, Trial] = {}  # as they were asked for last: a search can ask for a point again
        self.rungs: dict[int, list[list[float]]] = {}  # by epochs, what all scored that paused there

    def ask(self) -> list[Trial]:
        """Those of the last batch that go on; the next batch where none does."""
        if not self.going:
            self.going = [self.ended.get(trial.uid) or _until(trial, self.stop.first) for trial in self.asker.ask()]
        return self.going

    def tell(self, store: Store) -> None:
        """Judge those that have paused, and let the search learn once a batch has ended."""
        paused = [one for one in self.going if one.pausing and one.uid not in self.ended and one.reached(store)]
        found = {trial.uid: score(trial, store, self.objectives) for trial in paused}
        kept = {paused[i].uid for i in self._judge(paused, [*found.values()])}
        lost = [trial for trial in paused if trial.uid not in kept]
        self.asker.stopped |= {trial.uid: Score(found[trial.uid], stopped=trial.until) for trial in lost}
        self.ended |= {trial.uid: trial for trial in self.going if trial.uid not in kept}
        self.going = [_until(one, self.stop.factor * (one.until or 0)) for one in paused if one.uid in kept]
        if not self.going:
            self.asker.tell(store)

    def _judge(self, paused: Sequence[Trial], found: Sequence[Mapping[str, float]]) -> list[int]:
        """The places of those that go on. All have paused after equally many epochs."""
        if not paused:
            return []
        rung = self.rungs.setdefault(paused[0].until or 0, [])
        before = len(rung)
        rung += [[measure.sign * means[measure.name] for measure in self.objectives] for means in found]
        kept = self._halve(np.array(rung)) if self.stop.rule == "halving" else self._spare(np.array(rung))
        return [place - before for place in kept if place >= before]

    def _halve(self, points: np.ndarray) -> list[int]:
        """The places of the best, by the rule that chooses points in the end; ties go to the first. axes (trial,
        objective), high values better."""
        whole, selection = np.flatnonzero(np.isfinite(points).all(1)), self.study.selection
        if not len(whole):
            return []
        scores = RULES[selection.rule](points[whole], selection.within / self.objectives[0].unit.factor)
        most = max(1, len(points) // self.stop.factor)
        return whole[np.argsort(-scores, kind="stable")[:most]].tolist()

    def _spare(self, points: np.ndarray) -> list[int]:
        """The places of those that none is ahead of in every objective by more than its margin."""
        margins = [self.study.margins.get(one.name, 0.0) / one.unit.factor for one in self.objectives]
        behind = (points[None] - points[:, None] > margins).all(2).any(1)  # axes (one, other, objective)
        return np.flatnonzero(np.isfinite(points).all(1) & ~behind).tolist()


def _until(trial: Trial, epochs: int) -> Trial:
    return replace(trial, until=epochs if epochs < trial.epochs else None)


def score(trial: Trial, store: Store, objectives: Sequence[Measure]) -> dict[str, float]:
    """Each objective on validation data, as the mean over seeds, at the epoch that a trial would keep of those before
    it pauses."""
    each = [_score(uid, trial, store) for uid in trial.trainings]
    return {one.name: float(np.mean([found[one.name] for found in each])) for one in objectives}


def _score(uid: str, trial: Trial, store: Store) -> dict[str, float]:
    training = trial.trainings[uid].training
    said = None if store.has(uid) else store.read_pause(uid)
    told = read_curves(store.records(uid)) if said is None else said["curves"]
    curves = {name: torch.tensor(values[: trial.until], dtype=torch.float64)[:, None] for name, values in told.items()}
    epoch = int(best_epoch(training.selection, curves, training.patience))
    return {name: float(curve[epoch]) for name, curve in curves.items()}


def can_stop(arm: Arm, stop: Stopping) -> bool:
    """Whether a trial of an arm pauses; none does whose method ends in something else than a training."""
    corners = [arm.at({name: choice.ends[end] for name, choice in arm.space.items()}) for end in (0, -1)]
    return any(_until(trial, stop.first).pausing for trial in corners)


def refuse(where: str) -> NoReturn:
    """Raise BadInput, as nothing of what is searched would pause."""
    problem = "none of its searched trials would pause: they end in no training, or in one of no more epochs than first"
    raise BadInput(where, problem, "leave stop out, or lower first")


def check_objectives(objectives: Sequence[Measure], arm: Arm) -> None:
    """Raise BadInput where one is not measured after each epoch, so that nothing can be judged by it."""
    known = CURVES[arm.corner.data.problem]
    if wrong := [one.name for one in objectives if one.name not in known]:
        cure = f"search without stop, or set objectives to some of {', '.join(known)}"
        problem = f"trials cannot be judged on their way by {wrong[0]}, which is measured at the end"
        raise BadInput("stop", problem, cure)
