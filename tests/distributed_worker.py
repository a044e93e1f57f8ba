"""Two processes that train together, of which this one starts the other: python distributed_worker.py FOLDER."""

import os
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from unittest import mock

import torch.distributed as dist
from conformance import counted, to_distribute
from conftest import trial
from test_checkpoints import assert_alike, disturbed, found

from fairray.evaluation import Evaluation
from fairray.store import Store
from fairray.training.alone import Alone
from fairray.training.distributed import Distributed
from fairray.trial import execute

folder, other = Path(sys.argv[1]), os.fork()
rank = 0 if other else 1
os.environ["FAIRRAY_MEMORY"] = str(rank)  # the first has no room for data
meeting = f"file://{folder}/rendezvous"
dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=2, timeout=timedelta(minutes=2))
evaluated = mock.patch.object(Evaluation, "compute", autospec=True, side_effect=Evaluation.compute)
in_step = lambda *said: dist.barrier()  # noqa: E731  (as Ray Train has it)
with counted(Distributed) as steps, evaluated as evaluations:
    execute(to_distribute(trial.__wrapped__()), Store(str(folder / "together")), progress=in_step)
# eight stages of three batches, one of six, for three epochs, and two for two; a fine-tuning of six; a biased model of
# eleven, and its correction
assert steps.call_count == (8 * 3 + 6) * 3 + 2 * 3 * 2 + 6 * 2 + 4 * 11 + 2 * 3
(folder / f"evaluated{rank}").write_text(str(evaluations.call_count))
few, lost = [to_distribute(trial.__wrapped__())[place] for place in (2, 8)], Store(str(folder / "lost"))
assert disturbed(few, lost, places=((Alone, "step"),)) == (18, 18)  # both lose their way after every step
assert_alike(found(few, lost), found(few, Store(str(folder / "together"))))
paused = Store(str(folder / "paused"))
for until in (1, None):
    asked = [replace(one, until=until) for one in few]
    due = [uid for one in asked for uid in one.due]
    execute(asked, paused, only=due, pauses={uid: epochs for one in asked for uid, epochs in one.pausing.items()})
    assert all(one.reached(paused) for one in asked)
assert_alike(found(few, paused), found(few, Store(str(folder / "together"))))
dist.barrier()
assert not other or os.waitpid(other, 0)[1] == 0
os._exit(0)  # gloo's threads abort now and then where one process tears down before the other
