"""On Ray: one Tuner for the whole study; a trial trains inside itself or with Ray Train workers."""

import os
import shutil
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.1")
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")  # its banner counts our endless samples

import pandas as pd
import ray
import torch
from ray import train, tune
from ray.train.torch import TorchTrainer
from ray.tune.integration.ray_train import TuneReportCallback
from ray.tune.search import Searcher

from fairray.errors import BadInput
from fairray.launch.connect import connect
from fairray.launch.progress import Progress, label
from fairray.launch.queue import Job, Queue
from fairray.selection import val_means
from fairray.store import Store
from fairray.study import Launch, Study
from fairray.trial import Trial, execute, results

__all__ = ["run", "slots"]

REPORT_S = 5.0


def slots(launch: Launch) -> int:
    """How many trials can run at once; connects to the cluster, or starts one here. BadInput where none can."""
    connect(launch)
    have = ray.cluster_resources()
    each = max(launch.workers, 1)
    fits = [have.get("CPU", 1) // (launch.cpus * each)]
    if launch.gpus:
        fits.append(have.get("GPU", 0) // (launch.gpus * each))
    if min(fits) < 1:
        need = f"{launch.cpus * each} CPUs and {launch.gpus * each:g} GPUs"
        has = f"{have.get('CPU', 0):g} CPUs and {have.get('GPU', 0):g} GPUs"
        cure = "lower launch.cpus, launch.gpus or launch.workers, or use a larger cluster"
        raise BadInput("launch", f"a trial needs {need}, the cluster has {has}", cure)
    return int(min(fits))


def run(study: Study, store: Store, queue: Queue, progress: Progress) -> None:
    """Run every job on the cluster, each as a trial of Tune's. One whose process dies is tried once more, elsewhere."""
    launch = study.launch
    folder = Path(tempfile.mkdtemp(prefix="tune-", dir=_made(launch.folder)))
    common = {
        "store": store.url,
        "engine": launch.engine,
        "threads": launch.threads,
        "workers": launch.workers,
        "cpus": launch.cpus,
        "gpus": launch.gpus,
        "folder": str(folder),
        "objectives": study.objectives,
    }
    reserved = {"node:__internal_head__": 0.001} if launch.workers else {"cpu": launch.cpus, "gpu": launch.gpus}
    tuner = tune.Tuner(
        tune.with_resources(_trial, reserved),
        tune_config=tune.TuneConfig(
            search_alg=Jobs(queue, common, progress),
            num_samples=-1,
            reuse_actors=True,
            max_concurrent_trials=queue.slots,
            metric="share",
            mode="max",
            trial_name_creator=lambda trial: trial.config["label"].replace("/", "_"),
            trial_dirname_creator=lambda trial: trial.trial_id,
        ),
        run_config=tune.RunConfig(
            name=study.name,
            storage_path=str(folder),
            verbose=0,
            failure_config=tune.FailureConfig(max_failures=1),
        ),
    )
    try:
        tuner.fit()
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # Tune's own state; the results are in the store


class Jobs(Searcher):
    """Hands Tune the jobs of a queue."""

    def __init__(self, queue: Queue, common: dict[str, Any], progress: Progress):
        super().__init__(metric="share", mode="max")
        self.queue, self.common, self.progress = queue, common, progress
        self.running: dict[str, Job] = {}

    def suggest(self, trial_id: str) -> Any:
        job = self.queue.take()
        if job is None:
            return Searcher.FINISHED if self.queue.over else None
        self.running[trial_id] = job
        self.progress.begun(job)
        first = job.trials[0]
        said = {"label": label(job.trials), "task": first.task, "method": first.arm, **job.points, "stages": job.stages}
        return {**self.common, **said, "trials": [trial.plain for trial in job.trials], "uids": job.uids}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        if "message" in result:
            self.progress.at(self.running[trial_id], result["message"], result["share"])

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        died = "its process died twice; is there enough memory?" if error else None
        self.queue.end(self.running.pop(trial_id), (result or {}).get("error", died))

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Tune writes its searcher down to resume it; studies are resumed from the store instead

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the store is the ledger, and a study is resumed by running it again."""

    def restore(self, checkpoint_path: str) -> None:
        raise NotImplementedError("run the study again; what is stored is not computed again")


def _trial(config: dict[str, Any]) -> None:
    """What Tune runs. An error of ours is reported at once; a process that dies is Tune's to start again."""
    try:
        trials, store = _opened(config)
        if config["workers"]:
            _with_workers(config)
        else:
            _execute(trials, store, config, tune.report)
    except Exception:
        tune.report({"share": 1.0, "error": traceback.format_exc()})
    else:
        tune.report({"share": 1.0, **_scores(trials, store, config["objectives"])})


def _opened(config: dict[str, Any]) -> tuple[list[Trial], Store]:
    """What is to be run, and where its results are."""
    return [Trial(**trial) for trial in config["trials"]], Store(config["store"])


def _scores(trials: Sequence[Trial], store: Store, objectives: Sequence[str]) -> dict[str, float]:
    """The objectives on validation data, as means over the points that are whole, and their seeds."""
    found = [val_means(results(trial, store)) for trial in trials if trial.stored(store)]
    means = pd.DataFrame(found).mean()
    return {f"val_{name}": float(means[name]) for name in objectives if name in means}


def _with_workers(config: dict[str, Any]) -> None:
    resources = {"CPU": config["cpus"], **({"GPU": config["gpus"]} if config["gpus"] else {})}
    TorchTrainer(
        _worker,
        train_loop_config=config,
        scaling_config=train.ScalingConfig(
            num_workers=config["workers"], use_gpu=config["gpus"] > 0, resources_per_worker=resources
        ),
        run_config=train.RunConfig(
            name=f"{tune.get_context().get_trial_id()}-{time.time_ns()}",  # a name used before resumes that run
            storage_path=config["folder"],
            callbacks=[TuneReportCallback()],  # type: ignore[list-item]
        ),
    ).fit()


def _worker(config: dict[str, Any]) -> None:
    # Train waits until every worker has reported: the workers are in step, but their clocks are not.
    _execute(*_opened(config), config, train.report, every_s=0.0)


def _execute(
    trials: Sequence[Trial], store: Store, config: dict[str, Any], report: Any, every_s: float = REPORT_S
) -> None:
    torch.set_num_threads(config["threads"])
    said = time.monotonic()

    def progress(message: str, share: float) -> None:
        nonlocal said
        if time.monotonic() - said >= every_s:
            said = time.monotonic()
            report({"message": message, "share": share})

    execute(trials, store, config["engine"], progress, config["uids"])


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
