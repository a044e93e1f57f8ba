"""Ask, run, tell: the only loop. An executor runs each round's packs before it asks for the next round."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from math import ceil
from typing import Any

from fairray.launch.search import askers
from fairray.store import Store
from fairray.study import Study
from fairray.trial import Trial

__all__ = ["Ledger", "Pack", "make_packs", "plain", "rounds", "work"]

Pack = list[Trial]


@dataclass
class Ledger:
    """Every trial asked for, by uid, in order: what the study consists of."""

    trials: list[Trial] = field(default_factory=list)
    stored: int = 0

    @property
    def unique(self) -> dict[str, Trial]:
        return {trial.uid: trial for trial in self.trials}

    def add(self, asked: list[Trial]) -> list[Trial]:
        """Those that it did not have, which it has now: searches can ask for a point again."""
        known = {(trial.task, trial.arm, trial.uid) for trial in self.trials}
        new = {key: trial for trial in asked if (key := (trial.task, trial.arm, trial.uid)) not in known}
        self.trials += new.values()
        return [*new.values()]


def rounds(
    study: Study, store: Store, slots: Callable[[], int], ledger: Ledger, show: Callable[[Trial], object]
) -> Iterator[list[Pack]]:
    """Packs of trials that are not stored; all of a round must have run before the next is asked for.

    The shards of trials that have such are a round before the trials, and the unit in which they fail and are redone.
    slots: how many packs can run at once. show: called with each trial whose result was there already.
    """
    asking = askers(study)
    while asked := [trial for asker in asking for trial in asker.ask()]:
        earlier = set(ledger.unique)
        trials = ledger.add(asked)
        unique = {trial.uid: trial for trial in trials}
        missing = {uid: trial for uid, trial in unique.items() if not trial.stored(store)}
        ledger.stored += len(unique.keys() - missing.keys() - earlier)
        for trial in trials:
            if trial.uid not in missing:
                show(trial)
        shards = [shard for trial in missing.values() for shard in trial.shards if not shard.stored(store)]
        if shards:
            yield make_packs(shards, len(shards), 1)
        ready = [trial for trial in missing.values() if all(shard.stored(store) for shard in trial.shards)]
        if ready:
            yield make_packs(ready, slots(), study.launch.pack)
        for trial in trials:  # two arms can ask for the same trial, which then ran for one of them
            if trial.uid in missing and trial is not missing[trial.uid] and trial.stored(store):
                show(trial)
        for asker in asking:
            asker.tell(store)


def make_packs(trials: list[Trial], slots: int, most: int) -> list[Pack]:
    """Trials of one arm together, where that leaves every slot busy; the longest chains first.

    most: replicas in a pack. Several packs for each slot even out their different lengths.
    """
    fair = max(1, len(trials) // (4 * slots))
    packs = []
    for _, group in groupby(trials, key=lambda trial: (trial.task, trial.arm)):
        arm = list(group)
        size = max(1, min(fair, most // len(arm[0].seeds)))
        count = ceil(len(arm) / size)
        packs += [arm[i::count] for i in range(count)]
    return sorted(packs, key=work, reverse=True)


def work(pack: Pack) -> int:
    """How much there is to do in a pack: its stages, for want of their lengths."""
    return sum(1 + replica.depth for trial in pack for replica in trial.replicas)


def plain(pack: Pack) -> list[dict[str, Any]]:
    """A pack as values that Ray can send and print."""
    return [trial.plain for trial in pack]
