"""In this process, without Ray: for debugging. The records are the same."""

import traceback
from collections.abc import Iterable
from functools import partial

import torch

from fairray.launch.progress import Progress
from fairray.launch.rounds import Pack
from fairray.store import Store
from fairray.study import Study
from fairray.trial import execute

__all__ = ["run"]


def run(study: Study, store: Store, rounds: Iterable[list[Pack]], progress: Progress) -> None:
    """Run every pack, one after the other."""
    torch.set_num_threads(study.launch.threads)
    for packs in rounds:
        progress.expect(packs)
        for pack in packs:
            try:
                execute(pack, store, study.launch.engine, partial(progress.at, pack))
            except Exception:
                progress.failed(pack, traceback.format_exc())
            else:
                progress.done(pack)
