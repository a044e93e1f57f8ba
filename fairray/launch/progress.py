"""How far a study is: one line for each thing that happened, readable in a log and in a job's log, and for whoever
watches a bar."""

import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from fairray.launch.bar import Bar
from fairray.launch.failures import Failure
from fairray.launch.queue import Job
from fairray.trial import Trial

__all__ = ["Progress", "label", "tell"]

EVERY_S = 15.0
WATCHED_S = 0.5  # for a bar
TOGETHER = 25  # the most trials that are presented before the first of them is said


def tell(line: str) -> None:
    """Say what a run is doing, while it runs."""
    print(line, file=sys.stderr, flush=True)


class _Said(NamedTuple):
    """What is to be said: where the study was, and what happened, which of a trial that ended is what it found; the
    counts, where they are to be logged."""

    head: str
    share: float
    happened: str | Trial
    has_ended: bool
    counts: Mapping[str, float] | None


class Progress:
    """Counts trials and stages as they end, and says so.

    present: shows elsewhere what trials found, and says it of each. show: only shows one that was stored before. log:
    is given the counts every quarter of a minute. say: says a line. note: writes down which stage failed, and why. bar:
    stands in the place of lines. slots: how many jobs can run at once, where that is known.
    """

    def __init__(
        self,
        present: Callable[[Sequence[Trial]], Sequence[str]],
        show: Callable[[Trial], None] = lambda trial: None,
        log: Callable[[Mapping[str, float]], None] = lambda counts: None,
        say: Callable[[str], None] = tell,
        note: Callable[[str, Failure], None] = lambda uid, failure: None,
        bar: Bar | None = None,
    ):
        self.present, self.show, self.log, self.say, self.note, self.bar = present, show, log, say, note, bar
        self.trials: set[str] = set()  # two methods can have one in common
        self.ended_trials: set[str] = set()
        self.stages = self.behind = 0
        self.start = self.told = self.logged = time.monotonic()
        self.shares: dict[str, float] = {}  # of the jobs that run, in stages
        self.failures: list[tuple[Trial, Failure]] = []
        self.slots = 1
        self.thread = ThreadPoolExecutor(1)
        self.waiting: deque[_Said] = deque()
        self.written: list[Future[None]] = []

    def expect(self, trial: Trial, stages: int) -> None:
        """A trial is to come, and with it so many stages that no other needed."""
        self.trials.add(trial.uid)
        self.ended_trials.discard(trial.uid)  # it goes on from where it has paused
        self.stages += stages

    def stored(self, trial: Trial) -> None:
        self.show(trial)

    def begun(self, job: Job) -> None:
        self.shares[job.uids[0]] = 0.0

    def at(self, job: Job, message: str, share: float) -> None:
        """Somebody is this far with a job; said every quarter of a minute."""
        self.shares[job.uids[0]] = share * len(job.uids)
        if time.monotonic() - self.told > (WATCHED_S if self.bar else EVERY_S):
            self._say(f"{label(job.trials)}: {message} {share:.0%}", has_ended=False)

    def ended(self, job: Job, stages: int) -> None:
        """So many of its stages are stored."""
        self.shares.pop(job.uids[0], None)
        self.behind += stages

    def done(self, trial: Trial) -> None:
        self.ended_trials.add(trial.uid)
        self._say(trial)

    def failed(self, trial: Trial, error: Failure) -> None:
        self.ended_trials.add(trial.uid)
        self.failures.append((trial, error))
        self._say(f"FAILED ({error.kind}) {label([trial])}: {error.headline}")

    def lost(self, uid: str, error: Failure) -> None:
        """A stage has failed by itself."""
        self.note(uid, error)

    def again(self, job: Job, error: Failure) -> None:
        self._say(f"again ({error.kind}) {label(job.trials)}: {error.headline}")

    def close(self) -> None:
        """Wait until all is said, and log the last counts."""
        self.thread.shutdown()
        for written in self.written:
            written.result()
        if self.bar:
            self.bar.close()
        self.log(self.counts)

    @property
    def counts(self) -> dict[str, float]:
        """What there is to say of a study that runs, as numbers."""
        ended, failed = len(self.ended_trials), len({trial.uid for trial, _ in self.failures})
        return {
            "trials_done": ended - failed,
            "trials_failed": failed,
            "trials_left": len(self.trials) - ended,
            "jobs_running": len(self.shares),
            "slots": self.slots,
            "share": self._share(),
            "trials_per_minute": 60 * ended / max(time.monotonic() - self.start, 1.0),
        }

    def _share(self) -> float:
        return (self.behind + sum(self.shares.values())) / max(self.stages, 1)

    def _say(self, happened: str | Trial, has_ended: bool = True) -> None:
        """Say where the study is now, and this; and every so often let the counts be logged."""
        self.told = time.monotonic()
        counts = None
        if self.told - self.logged > EVERY_S:
            self.logged, counts = self.told, self.counts
        self.waiting.append(_Said(self._head(), self._share(), happened, has_ended, counts))
        self.written.append(self.thread.submit(self._write))

    def _head(self) -> str:
        elapsed, share = self.told - self.start, self._share()
        left = f" ~{_clock(elapsed / share - elapsed)} left" if 0.05 < share < 1 else ""
        failed = f", {len(self.failures)} failed" if self.failures else ""
        busy = f", {len(self.shares)}/{self.slots} slots" if self.slots > 1 else ""
        return f"[{len(self.ended_trials):>3}/{len(self.trials)}{failed}{busy}] {_clock(elapsed)}{left}"

    def _write(self) -> None:
        """Say what waits. The trials that have ended while others were presented are presented together, which takes
        a fraction of the time."""
        waiting = [self.waiting.popleft() for _ in range(min(len(self.waiting), TOGETHER))]
        ended = [said.happened for said in waiting if isinstance(said.happened, Trial)]
        found = iter(self.present(ended) if ended else ())
        for head, share, happened, has_ended, counts in waiting:
            text = happened if isinstance(happened, str) else _describe(happened, next(found))
            if self.bar:
                self.bar.show(head, share, text, has_ended)
            else:
                self.say(f"{head}  {text}")
            if counts is not None:
                self.log(counts)


def _describe(trial: Trial, found: str) -> str:
    return f"{'paused' if trial.pausing else 'done'} {label([trial])}  {found}".rstrip()


def label(trials: list[Trial]) -> str:
    """Task, method and the searched values."""
    first = trials[0]
    if len({trial.uid for trial in trials}) > 1:
        return f"{first.task} {first.arm} ({len(trials)} points)"
    values = [f"{key.split('.')[-1]}={_short(value)}" for key, value in first.point.items()]
    return " ".join([first.task, first.arm, *values])


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
