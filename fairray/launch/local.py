"""In this process, without Ray: for debugging. The records are the same."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from fairray.errors import Fatal
from fairray.launch.failures import Hung, say_hung, tell
from fairray.launch.progress import Progress
from fairray.launch.queue import LOOK_S, Job, Queue
from fairray.store import Store
from fairray.study import Study
from fairray.trial import execute

__all__ = ["run"]


def run(study: Study, store: Store, queue: Queue, progress: Progress) -> None:
    """Run every job, one after the other. Raises Fatal at what all the others would meet as well."""
    torch.set_num_threads(study.launch.threads)
    while not queue.over:
        job = queue.take()
        if job is None:
            time.sleep(LOOK_S)  # another driver is computing what comes next
            continue
        progress.begun(job)
        try:
            with _watched(study.launch.hang) as heard:
                told, launch = _told(progress, job, heard), study.launch
                execute(job.trials, store, launch.engine, told, job.uids, launch.checkpoint, job.pauses)
        except Fatal:
            raise
        except Exception as error:
            queue.end(job, tell(error))
        else:
            queue.end(job)


def _told(progress: Progress, job: Job, heard: Callable[[], None]) -> Callable[[str, float], None]:
    def at(message: str, share: float) -> None:
        heard()
        progress.at(job, message, share)

    return at


@contextmanager
def _watched(minutes: float | None) -> Iterator[Callable[[], None]]:
    """Raises Hung in here where what it gives was not called for so long.

    By a signal, so only in a program's first thread, and not before a library that is called comes back to Python.
    """
    if minutes is None or threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return

    def end(number: int, frame: object) -> None:
        raise Hung(say_hung(minutes))

    def start() -> None:
        signal.setitimer(signal.ITIMER_REAL, 60 * minutes)

    before = signal.signal(signal.SIGALRM, end)
    try:
        start()
        yield start
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
