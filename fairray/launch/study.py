"""Running a whole study: what is stored is taken, what is missing is computed, all of it is mirrored."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from fairray.budget import Budget
from fairray.errors import BadInput, Fatal
from fairray.launch import local, replay
from fairray.launch.bar import Bar, is_watched
from fairray.launch.early import score
from fairray.launch.failures import COUNTED, Failure, Kind, Repeats
from fairray.launch.planning import list_failures, open_results
from fairray.launch.progress import Progress, tell
from fairray.launch.purse import Purse
from fairray.launch.queue import Queue
from fairray.launch.resources import Chosen
from fairray.launch.search import Again, Asker, askers, keep
from fairray.launch.spending import Estimate, estimate, sum_seconds
from fairray.measures import Measure
from fairray.results import Results
from fairray.selection import judge_together
from fairray.soundness import Key, describe_doubts
from fairray.store import Store
from fairray.study import Study
from fairray.summary import summarize
from fairray.trial import Trial, results
from fairray.words import write_count, write_work

if TYPE_CHECKING:
    from fairray.launch import tracking
    from fairray.report import Section

__all__ = ["Outcome", "mirror_study", "run", "run_study"]


@dataclass(frozen=True)
class Outcome:
    """What a run left: how many trials it computed, in what time, those that failed, with why, the files of the
    report, what those of its sections say that are broken, and which trials are no results, with why.

    spent: what it took, and what it was estimated to, in words. left: how many trials its budget has left undone.
    """

    trials: int
    computed: int
    seconds: float
    failures: list[tuple[Trial, Failure]]
    spent: str = ""
    left: int = 0
    files: list[Path] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    doubted: list[tuple[Trial, str]] = field(default_factory=list)


def run_study(
    study: Study,
    say: Callable[[str], None] = tell,
    sections: "Sequence[Section] | None" = None,
    again: Collection[Kind] | None = None,
) -> Outcome:
    """Check a study, compute what the store lacks, write the report, and mirror all of it in MLflow, if it is wanted.

    say: is told what is done while it is done. sections: of the report, where they are not those that the study has.
    again: of the trials only those that failed, in these ways. Raises BadInput before anything runs.
    """
    from fairray.report import load_sections  # plotting takes its time to import

    study.check()
    sections = sections or load_sections(study)
    replay.check(study)
    searches = askers(study) if again is None else [Again(trial) for trial, _ in _list_failed(study, again)]
    for task, reason in study.left_out.items():
        say(f"left out: {task} ({reason})")
    for task, note in study.notes():
        say(f"note: {task}: {note}")
    with _mirrored(study) as mirror:
        return _conclude(study, sections, mirror, run(study, mirror, say, searches))


def mirror_study(study: Study) -> Outcome:
    """Show in MLflow what is stored of a study, and what failed; nothing is computed.

    Raises BadInput where nothing is stored, or the study does without MLflow, and Fatal where MLflow goes away.
    """
    from fairray.report import load_sections

    study.check()
    found, sections, start = open_results(study), load_sections(study), time.monotonic()
    if found is None:
        raise BadInput(f"study {study.name}", "nothing of it is stored yet", f"fairray run {study.name}")
    with _mirrored(study) as mirror:
        if mirror is None:
            raise BadInput("launch.tracking", "it is none", "give a URI of MLflow's, or leave it out")
        for trial in found.trials:
            mirror.show(trial, results(trial, Store(study.launch.store_root)))
        failures = _find_failed(study)
        for trial, failure in failures:
            mirror.fail(trial, failure)
        outcome = Outcome(len(found.trials), 0, time.monotonic() - start, failures)
        outcome = _conclude(study, sections, mirror, outcome)
        if mirror.away:
            raise Fatal(f"MLflow at {mirror.uri}", "it went away before all was shown", "mirror it once that is back")
    return outcome


def _list_failed(study: Study, kinds: Collection[Kind]) -> list[tuple[Trial, Failure]]:
    """The trials that failed in some ways, each with the first of them. Raises BadInput where there are none."""
    failed = _find_failed(study, kinds)
    if not failed:
        problem = f"nothing of it has failed as it is now ({', '.join(kinds)})"
        raise BadInput(f"study {study.name}", problem, f"fairray run {study.name}; what was mended is new to the store")
    return failed


def _find_failed(study: Study, kinds: Collection[Kind] = COUNTED) -> list[tuple[Trial, Failure]]:
    first: dict[Key, tuple[Trial, Failure]] = {}
    for trial, _, failure in list_failures(study):
        if failure.kind in kinds:
            first.setdefault(trial.key, (trial, failure))
    return [*first.values()]


@contextmanager
def _mirrored(study: Study) -> "Iterator[tracking.Mirror | None]":
    """The mirror, if it is wanted; what it has begun does not stay RUNNING."""
    mirror = _mirror(study)
    try:
        yield mirror
    except BaseException:
        if mirror is not None:
            mirror.stop("KILLED")
        raise


def _conclude(
    study: Study, sections: Sequence["Section"], mirror: "tracking.Mirror | None", outcome: Outcome
) -> Outcome:
    """Write the report of what is stored, and mirror what it says."""
    from fairray.report import write_report

    found = open_results(study)
    if found is None:
        if mirror is not None:
            mirror.stop("FAILED")
        return outcome
    if mirror is not None:
        found = replace(found, runs=mirror.find_runs(found.trials))
        for trial in found.stopped:
            mirror.show_stopped(trial, score(trial, Store(study.launch.store_root), study.objectives_of(trial.task)))
    files, broken = write_report(replace(found, last_run=outcome.spent), sections)
    if mirror is not None:
        mirror.finish(summarize(found), files, _list_by_arm(found))
        mirror.stop("FAILED")  # the methods without a result
    return replace(outcome, files=files, broken=broken, doubted=found.doubted)


def run(
    study: Study,
    mirror: "tracking.Mirror | None" = None,
    say: Callable[[str], None] = tell,
    searches: Sequence[Asker] | None = None,
) -> Outcome:
    """Compute what the store lacks; show every trial in the mirror as it comes. searches: not those of the study."""
    start, store = time.monotonic(), Store(study.launch.store_root)
    progress = _progress(study, store, mirror, say)
    searches = searches or askers(study)
    repeats, purse = Repeats(study.launch.repeats), _purse(study)
    queue = Queue(searches, store, lambda: _slots(study), study.launch.pack, progress, repeats, purse)
    say(_describe_start(study, queue))
    expected = estimate(queue.trials, queue.missing, queue.stored, store, study.launch.threads)
    if queue.missing:
        say(str(expected))
    if not queue.over:
        store.check_writable()
        try:
            _execute(study, store, queue, progress)
        finally:
            progress.close()
            if mirror is not None:
                for trial, error in progress.failures:
                    mirror.fail(trial, error)
    keep(searches, study.journal)
    outcome = _settle(study, queue, progress, expected, time.monotonic() - start)
    if outcome.left:
        said = f"the budget of {purse.budget} is spent; {write_count(outcome.left, 'trial')} left"
        say(f"{said}, run again to go on")
    return outcome


def _progress(study: Study, store: Store, mirror: "tracking.Mirror | None", say: Callable[[str], None]) -> Progress:
    """Tells of each trial what it found, and shows it in the mirror; keeps why stages failed in the store."""

    def show(trial: Trial) -> None:
        if mirror is not None and not trial.pausing:
            mirror.show(trial, results(trial, store))

    def present(trials: Sequence[Trial]) -> list[str]:
        ended = [(trial, None if trial.pausing else results(trial, store)) for trial in trials]
        means, doubts = judge_together([found for _, found in ended if found is not None], study.objectives)
        said = {key: describe_doubts(of) for key, of in doubts.items()}
        return [tell_one(trial, found, means.get(trial.key, {}), said.get(trial.key, "")) for trial, found in ended]

    def tell_one(trial: Trial, records: pd.DataFrame | None, means: Mapping[str, float], doubt: str) -> str:
        if records is None:
            return _describe_pause(study, trial, store)
        if mirror is not None:
            mirror.show(trial, records, doubt)
        said = _write_means(study.objectives_of(trial.task), means)
        return "  ".join([*said, f"no result: {doubt}"] if doubt else said)

    def note(uid: str, failure: Failure) -> None:
        store.note_failure(uid, failure.kind, failure)

    log = (lambda counts: None) if mirror is None else mirror.progress
    bar = Bar() if say is tell and is_watched() else None
    return Progress(present, show, log, say, note, bar)


def _settle(study: Study, queue: Queue, progress: Progress, expected: Estimate, seconds: float) -> Outcome:
    """What has become of all that was asked for, and what that took."""
    asked = {trial.uid for trial in queue.trials}
    undone = {trial.uid for trial in queue.trials if not trial.reached(queue.store)}
    left = len(undone - {trial.uid for trial, _ in progress.failures})
    computed = len(asked - undone) - len(queue.trials_stored)
    spent = _describe_spending(study, queue, expected)
    return Outcome(len(asked), computed, seconds, progress.failures, spent, left)


def _purse(study: Study) -> Purse:
    """Of what the study's launch says."""
    chosen, budget = Chosen(study), study.launch.budget

    def count_gpus(trial: Trial) -> float:
        needs = chosen.of(trial)
        return needs.gpus * max(needs.workers, 1)

    return Purse(None if budget is None else Budget.read(str(budget)), count_gpus)


def _describe_pause(study: Study, trial: Trial, store: Store) -> str:
    objectives = study.objectives_of(trial.task)
    paused = f"after {trial.until} of {write_count(trial.epochs, 'epoch')}"
    return "  ".join([paused, *_write_means(objectives, score(trial, store, objectives))])


def _write_means(objectives: Sequence[Measure], means: Mapping[str, float]) -> list[str]:
    """What validation data say of a trial."""
    known = [measure for measure in objectives if measure.name in means]
    return [f"val {measure.name} {measure.unit.express(means[measure.name]):.4g}" for measure in known]


def _describe_start(study: Study, queue: Queue) -> str:
    total, stored = len({trial.uid for trial in queue.trials}), len(queue.trials_stored)
    said = f"{study.name}, scale {study.scale}, {write_count(study.seeds, 'seed')}"
    if stored == total:
        return f"{said}: everything is stored: {write_count(total, 'trial')}, 0 to run"
    return f"{said}: {stored} of {write_count(total, 'trial')} are stored, {total - stored} to run"


def _describe_spending(study: Study, queue: Queue, expected: Estimate) -> str:
    """What this run took, beside what it was estimated to; nothing where it computed nothing."""
    if not queue.computed:
        return ""
    seconds = study.launch.threads * sum_seconds(queue.computed, queue.store)
    said = f"{write_count(len(queue.computed), 'stage')} took {write_work(seconds)}"
    if gpus := queue.purse.gpu_seconds:
        said += f" ({write_work(gpus, 'GPU')})"
    return f"{said}, estimated before: {write_work(expected.seconds) if expected.known else 'not known'}"


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

    return cluster.slots(study.launch, Chosen(study).every())


def _execute(study: Study, store: Store, queue: Queue, progress: Progress) -> None:
    progress.slots = queue.slots
    if study.launch.executor == "local":
        local.run(study, store, queue, progress)
    else:
        from fairray.launch import cluster

        cluster.run(study, store, queue, progress)
    if queue.fatal is not None:
        raise queue.fatal
