"""Running a whole study: what is stored is taken, what is missing is computed, all of it is mirrored."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fairray.launch import local
from fairray.launch.failures import Failure
from fairray.launch.planning import open_results
from fairray.launch.progress import Progress, tell
from fairray.launch.queue import Queue
from fairray.launch.search import askers, keep
from fairray.results import Results
from fairray.selection import val_means
from fairray.soundness import describe_doubts, list_doubts
from fairray.store import Store
from fairray.study import Study
from fairray.summary import summarize
from fairray.trial import Trial, results
from fairray.words import write_count

if TYPE_CHECKING:
    from fairray.launch import tracking
    from fairray.report import Section

__all__ = ["Outcome", "run", "run_study"]


@dataclass(frozen=True)
class Outcome:
    """What a run left: how many trials it computed, in what time, those that failed, with why, the files of the
    report, what those of its sections say that are broken, and which trials are no results, with why."""

    trials: int
    computed: int
    seconds: float
    failures: list[tuple[Trial, Failure]]
    files: list[Path] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    doubted: list[tuple[Trial, str]] = field(default_factory=list)


def run_study(study: Study, say: Callable[[str], None] = tell, sections: "Sequence[Section] | None" = None) -> Outcome:
    """Check a study, compute what the store lacks, write the report, and mirror all of it in MLflow, if it is wanted.

    say: is told what is done while it is done. sections: of the report, where they are not those that the study has.
    Raises BadInput before anything runs.
    """
    from fairray.report import load_sections  # plotting takes its time to import

    study.check()
    sections = sections or load_sections(study)
    for task, reason in study.left_out.items():
        say(f"left out: {task} ({reason})")
    for task, note in study.notes():
        say(f"note: {task}: {note}")
    mirror = _mirror(study)
    try:
        return _run(study, sections, mirror, say)
    except BaseException:
        if mirror is not None:
            mirror.stop("KILLED")
        raise


def _run(
    study: Study, sections: Sequence["Section"], mirror: "tracking.Mirror | None", say: Callable[[str], None]
) -> Outcome:
    from fairray.report import write_report

    outcome = run(study, mirror, say)
    found = open_results(study)
    if found is None:
        if mirror is not None:
            mirror.stop("FAILED")
        return outcome
    if mirror is not None:
        found = replace(found, runs=mirror.find_runs(found.trials))
    files, broken = write_report(found, sections)
    if mirror is not None:
        mirror.finish(summarize(found), files, _list_by_arm(found))
        mirror.stop("FAILED")  # the methods without a result
    return replace(outcome, files=files, broken=broken, doubted=found.doubted)


def run(study: Study, mirror: "tracking.Mirror | None" = None, say: Callable[[str], None] = tell) -> Outcome:
    """Compute what the store lacks; show every trial in the mirror as it comes."""
    start, store = time.monotonic(), Store(study.launch.store_root)

    def show(trial: Trial) -> None:
        if mirror is not None:
            mirror.show(trial, results(trial, store))

    def describe(trial: Trial) -> str:
        records = results(trial, store)
        means = val_means(records)
        measures = [measure for measure in study.objectives_of(trial.task) if measure.name in means]
        said = [f"val {measure.name} {measure.unit.express(means[measure.name]):.4g}" for measure in measures]
        doubt = describe_doubts(list_doubts(records, study.objectives))
        return "  ".join(said + ([f"no result: {doubt}"] if doubt else []))

    def note(uid: str, failure: Failure) -> None:
        store.note_failure(uid, failure.kind, failure)

    log = (lambda counts: None) if mirror is None else mirror.progress
    progress = Progress(describe, show, log, say, note)
    searches = askers(study)
    queue = Queue(searches, store, lambda: _slots(study), study.launch.pack, progress)
    total, stored = len({trial.uid for trial in queue.trials}), len(queue.trials_stored)
    have = "everything is stored" if queue.over else f"{stored} of {write_count(total, 'trial')} are stored"
    counted = f"{write_count(total, 'trial')}, 0 to run" if queue.over else f"{total - stored} to run"
    said = f"{study.name}, scale {study.scale}, {write_count(study.seeds, 'seed')}: {have}"
    say(f"{said}{':' if queue.over else ','} {counted}")
    if not queue.over:
        store.check_writable()
        try:
            _execute(study, store, queue, progress)
        finally:
            progress.close()
    keep(searches, study.journal)
    if mirror is not None:
        for trial, error in progress.failures:
            mirror.fail(trial, error)
    unique = {trial.uid: trial for trial in queue.trials}
    computed = sum(trial.stored(store) for trial in unique.values()) - len(queue.trials_stored)
    return Outcome(len(unique), computed, time.monotonic() - start, progress.failures)


def _list_by_arm(results: Results) -> dict[str, str]:
    """Why a method's numbers are no results, by task, for the methods of which there is something to say."""
    found: dict[str, list[str]] = {}
    for task, arm in results.chosen:
        if doubt := results.doubt(task, arm):
            found.setdefault(arm, []).append(f"{task}: {doubt}")
    return {arm: "; ".join(said) for arm, said in found.items()}


# MLflow and Ray take seconds to import and to start: only a study that has something for them pays for that.
def _mirror(study: Study) -> "tracking.Mirror | None":
    if study.launch.tracking_uri is None:
        return None
    from fairray.launch import tracking

    return tracking.Mirror(study, study.launch.tracking_uri)


def _slots(study: Study) -> int:
    if study.launch.executor == "local":
        return 1
    from fairray.launch import cluster
    from fairray.launch.resources import Chosen

    return cluster.slots(study.launch, Chosen(study).every())


def _execute(study: Study, store: Store, queue: Queue, progress: Progress) -> None:
    progress.slots = queue.slots
    if study.launch.executor == "local":
        local.run(study, store, queue, progress)
    else:
        from fairray.launch import cluster

        cluster.run(study, store, queue, progress)
