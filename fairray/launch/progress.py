"""How far a study is: one line for each thing that happened, readable in a log and in a job's log, and for whoever
watches a bar."""

import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from fairray.launch.bar import Bar
from fairray.launch.failures import Failure
from fairray.launch.queue import Job
from fairray.trial import Trial

__all__ = ["Progress", "label", "tell"]

EVERY_S = 15.0
WATCHED_S = 0.5  # for a bar


def tell(line: str) -> None:
    """Say what a run is doing, while it runs."""
    print(line, file=sys.stderr, flush=True)


class Progress:
    """Counts trials and stages as they end, and says so.

    present: shows elsewhere what a trial found, and says it. show: only shows one that was stored before. log: is given
    the counts every quarter of a minute. say: says a line. note: writes down which stage failed, and why. bar: stands
    in the place of lines. slots: how many jobs can run at once, where that is known.
    """

    def __init__(
        self,
        present: Callable[[Trial], str],
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
        self.said: list[Future[None]] = []

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
        self._say(lambda: self._present(trial))

    def _present(self, trial: Trial) -> str:
        return f"{'paused' if trial.pausing else 'done'} {label([trial])}  {self.present(trial)}".rstrip()

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
        for said in self.said:
            said.result()
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

    def _say(self, text: str | Callable[[], str], has_ended: bool = True) -> None:
        """Say where the study is now, and this; and every so often let the counts be logged."""
        self.told = time.monotonic()
        counts = None
        if self.told - self.logged > EVERY_S:
            self.logged, counts = self.told, self.counts
        self.said.append(self.thread.submit(self._write, self._head(), self._share(), text, counts, has_ended))

    def _head(self) -> str:
        elapsed, share = self.told - self.start, self._share()
        left = f" ~{_clock(elapsed / share - elapsed)} left" if 0.05 < share < 1 else ""
        failed = f", {len(self.failures)} failed" if self.failures else ""
        busy = f", {len(self.shares)}/{self.slots} slots" if self.slots > 1 else ""
        return f"[{len(self.ended_trials):>3}/{len(self.trials)}{failed}{busy}] {_clock(elapsed)}{left}"

    def _write(
        self,
        head: str,
        share: float,
        text: str | Callable[[], str],
        counts: Mapping[str, float] | None,
        has_ended: bool,
    ) -> None:
        said = text if isinstance(text, str) else text()
        if self.bar:
            self.bar.show(head, share, said, has_ended)
        else:
            self.say(f"{head}  {said}")
        if counts is not None:
            self.log(counts)


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
