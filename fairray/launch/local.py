"""In this process, without Ray: for debugging. The records are the same."""

import time
from functools import partial

import torch

from fairray.errors import Fatal
from fairray.launch.failures import tell
from fairray.launch.progress import Progress
from fairray.launch.queue import LOOK_S, Queue
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
            execute(job.trials, store, study.launch.engine, partial(progress.at, job), job.uids)
        except Fatal:
            raise
        except Exception as error:
            queue.end(job, tell(error))
        else:
            queue.end(job)
