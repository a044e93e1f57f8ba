"""What a study would run, and what it has: nothing is computed here."""

import gc
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import cast

import pandas as pd

from fairray.launch.failures import Failure, Kind
from fairray.launch.replay import replay
from fairray.launch.resources import Chosen
from fairray.launch.search import Asker, askers
from fairray.launch.spending import Estimate, estimate
from fairray.results import Results
from fairray.stages import Replica
from fairray.staleness import Stale, explain
from fairray.store import Store
from fairray.study import Study
from fairray.trial import Trial, is_there, results, stages
from fairray.words import write_count

__all__ = [
    "ArmPlan", "Plan", "list_asked", "list_failures", "open_pilot", "open_results", "plan", "stored_records", "watch"
]  # fmt: skip


@dataclass(frozen=True)
class ArmPlan:
    """One method on one task: its points, its runs (points x seeds), the stages behind them; what a job is given.

    failed: of the stages that are not stored, how many failed when they were last run, by kind.
    """

    task: str
    method: str
    points: int
    runs: int
    stages: int
    stored: int
    running: int
    job: str
    failed: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """Trials and stages, how many of them are stored, how many stages several trials share, what is stored as it was
    before something changed, and what the stages that are not stored will take. stopped: of the trials that are stored,
    how many end early, so that their last stages are not needed."""

    trials: int
    trials_stored: int
    stages: int
    stages_stored: int
    shared: int
    arms: list[ArmPlan]
    stale: list[Stale] = field(default_factory=list)
    estimate: Estimate | None = None
    stopped: int = 0

    def __str__(self) -> str:
        trials, stages = write_count(self.trials, "trial"), write_count(self.stages, "stage")
        early = f" ({self.stopped} stopped early)" if self.stopped else ""
        lines = [
            f"{trials}, {self.trials_stored} stored{early}, {self.trials - self.trials_stored} to run",
            f"{stages}, {self.stages_stored} stored; {self.shared} shared by several trials",
        ]
        lines += [f"  {arm.task:<12} {arm.method:<16} {arm.points:>3} points {arm.runs:>4} runs "
                  f"{arm.stages - arm.stored:>4} of {arm.stages} stages to compute, a job has {arm.job}"
                  for arm in self.arms]  # fmt: skip
        lines += [f"changed since it was stored: {stale}" for stale in self.stale]
        lines += [str(self.estimate)] if self.estimate else []
        return "\n".join(lines)


def list_asked(study: Study, store: Store) -> list[Trial]:
    """The trials of each arm that a run would have asked for by now, as it asked for them last: the whole of a grid; of
    a search the batches up to the last of which something is stored, and where that is whole, the one that comes
    next."""
    return [trial for asker in askers(study) for trial in _list_batches(asker, store)]


def _list_batches(asker: Asker, store: Store) -> list[Trial]:
    seen: dict[str, Trial] = {}
    known: dict[str, Trial] = {}
    whole = True
    while asked := asker.ask():
        seen |= {trial.uid: trial for trial in asked}
        have = [trial.reached(store) for trial in asked]
        if whole or any(have):
            known |= seen
        whole = whole and all(have)
        asker.tell(store)
    return [*known.values()]


def list_failures(study: Study) -> Iterator[tuple[Trial, Replica, Failure]]:
    """The trials that have a stage which failed when it was run last, that stage, and why."""
    store = Store(study.launch.store_root)
    noted = {uid: said for uid, said in store.failures().items() if not store.has(uid)}
    known = {uid: Failure(said["text"], cast(Kind, said["kind"])) for uid, said in noted.items()}
    for trial in list_asked(study, store):
        yield from ((trial, one, known[uid]) for uid, one in trial.needed.items() if uid in known)


@contextmanager
def _keeping_all() -> Iterator[None]:
    """Leave garbage alone: of the millions of objects that a large study makes all stay, and looking for garbage among
    them takes a quarter of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@_keeping_all()
def plan(study: Study, why: bool = False) -> Plan:
    """What a run would compute, what is stored, and what is shared. Raises BadInput as `Study.check` does.

    why: say what has changed, too, for which all that lies in the store is looked at; in a bucket that is left out.
    """
    study.check()
    store = Store(study.launch.store_root)
    asked = list_asked(study, store)
    unique = {trial.uid: trial for trial in asked}
    wanted = Counter(uid for trial in unique.values() for uid in trial.due)
    have, claimed = {uid for uid in wanted if store.has(uid)}, set(store.claimed())
    have |= _find_paused(unique.values(), store, have)
    failures = {uid: failure for uid, failure in store.failures().items() if uid not in have}
    arms, chosen = [], Chosen(study)
    for task, arm in dict.fromkeys((trial.task, trial.arm) for trial in asked):
        trials = [trial for trial in asked if (trial.task, trial.arm) == (task, arm)]
        needed = {uid for trial in trials for uid in trial.due}
        runs = sum(len(trial.seeds) for trial in trials)
        arms.append(
            ArmPlan(
                task,
                arm,
                len(trials),
                runs,
                len(needed),
                len(needed & have),
                len(needed & claimed),
                str(chosen.of(trials[0])),
                dict(Counter(failures[uid]["kind"] for uid in sorted(needed & failures.keys()))),
            )
        )
    shared = sum(count > 1 for count in wanted.values())
    stored = [trial for trial in unique.values() if trial.due.keys() <= have]
    stale = _explain(unique.values(), store, wanted.keys(), have) if why and store.local else []
    missing = wanted.keys() - have
    foreseen = estimate(unique.values(), missing, have, store, study.launch.threads) if missing else None
    stopped = sum(bool(trial.pausing) for trial in stored)
    return Plan(len(unique), len(stored), len(wanted), len(have), shared, arms, stale, foreseen, stopped)


def _find_paused(trials: Collection[Trial], store: Store, have: Collection[str]) -> set[str]:
    """The stages that have paused where they are to, and of which nobody needs more."""
    pauses = {uid: until for trial in trials for uid, until in trial.pausing.items()}
    paused = {uid for uid in pauses.keys() - have if is_there(uid, store, pauses)}
    return paused - {uid for trial in trials if paused for uid in trial.due.keys() - trial.pausing.keys()}


def _explain(trials: Iterable[Trial], store: Store, wanted: Collection[str], have: Collection[str]) -> list[Stale]:
    needed = {uid: replica for trial in trials for uid, replica in trial.due.items()}
    return explain((replica for uid, replica in needed.items() if uid not in have), store, wanted)


def open_pilot(study: Study) -> Results | None:
    """The results of the seeds that are stored of the baseline on every task, two at least."""
    store = Store(study.launch.store_root)
    stored = [[store.has(one.uid) for one in arm.corner.replicas] for arm in study.arms() if arm.name == study.baseline]
    seeds = min((len([*takewhile(bool, one)]) for one in stored), default=0)
    seeds -= seeds % study.splits
    return open_results(replace(study, seeds=seeds, confirm=0)) if seeds > 1 else None


def watch(study: Study, every_s: float = 5.0) -> Iterator[Plan]:
    """What a study has, now and again, until all of it is stored; by its store, so from wherever that is reached.

    Of a large one, whose plan takes a while, less often.
    """
    while True:
        start = time.monotonic()
        planned = plan(study)
        yield planned
        if planned.trials_stored == planned.trials:
            return
        time.sleep(max(every_s, 4 * (time.monotonic() - start)))


def stored_records(study: Study) -> tuple[pd.DataFrame, list[Trial]]:
    """The tidy records of every trial that is stored, and those trials."""
    found = open_results(study)
    return (found.records, found.trials) if found else (pd.DataFrame(), [])


def open_results(study: Study) -> Results | None:
    """The results that are stored of a study; none where nothing is."""
    store = Store(study.launch.store_root)
    trials: list[Trial] = []
    missing: list[Trial] = []
    stopped: list[Trial] = []
    for trial in list_asked(study, store):
        there = stopped if trial.pausing else trials
        (there if trial.reached(store) else missing).append(trial)
    if not trials:
        return None
    records = pd.concat([results(trial, store) for trial in trials], ignore_index=True)
    uids = stages(replica for trial in trials for replica in trial.ends)
    made = {uid: store.spec(uid)["made"] for uid in uids}
    made |= {uid: store.made(uid) for trial in stopped for uid in trial.due if uid not in made}
    return Results(study, records, trials, made, store.read, missing=missing, stopped=stopped, replay=replay)
