"""Running a whole study: what is stored is taken, what is missing is computed, all of it is mirrored."""

import sys
import time
from dataclasses import dataclass
from itertools import chain

from fairray.launch import local
from fairray.launch.progress import Progress
from fairray.launch.rounds import Ledger, Pack, rounds
from fairray.launch.tracking import Mirror
from fairray.selection import val_means
from fairray.store import Store
from fairray.study import Study
from fairray.trial import Trial, results

__all__ = ["Outcome", "run"]


@dataclass(frozen=True)
class Outcome:
    """What a run left: how many trials it computed, in what time, and the packs that failed, with why."""

    trials: int
    computed: int
    seconds: float
    failures: list[tuple[Pack, str]]


def run(study: Study, mirror: Mirror) -> Outcome:
    """Compute what the store lacks; show every trial in the mirror as it comes."""
    start, store, ledger = time.monotonic(), Store(study.launch.store_root), Ledger()

    def finished(trial: Trial) -> str:
        records = results(trial, store)
        mirror.show(trial, records)
        means = val_means(records)
        return "  ".join(
            f"val {m.name} {m.unit.factor * means[m.name]:.4g}"
            for m in study.objectives_of(trial.task)
            if m.name in means
        )

    progress = Progress(finished)
    todo = rounds(study, store, lambda: _slots(study), ledger, finished)
    first = next(todo, None)
    total = len(ledger.unique)
    print(
        f"{study.name}, scale {study.scale}, {study.seeds} seeds: "
        + (
            f"{ledger.stored} of {total} trials are stored, {total - ledger.stored} to run"
            if first
            else f"everything is stored: {total} trials, 0 to run"
        ),
        file=sys.stderr,
        flush=True,
    )
    if first is not None:
        _execute(study, store, chain([first], todo), progress)
    failed = sum(not trial.stored(store) for trial in ledger.unique.values())
    return Outcome(
        len(ledger.unique), len(ledger.unique) - ledger.stored - failed, time.monotonic() - start, progress.failures
    )


# Ray takes seconds to import and to start: only a study that has something to run on it pays for that.
def _slots(study: Study) -> int:
    if study.launch.executor == "local":
        return 1
    from fairray.launch import cluster

    return cluster.slots(study.launch)


def _execute(study: Study, store: Store, packs: chain[list[Pack]], progress: Progress) -> None:
    if study.launch.executor == "local":
        local.run(study, store, packs, progress)
    else:
        from fairray.launch import cluster

        cluster.run(study, store, packs, progress)
