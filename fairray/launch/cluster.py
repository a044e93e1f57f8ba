"""On Ray: one Tuner for the whole study; a trial trains inside itself or with Ray Train workers."""

import logging
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.1")
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")  # its banner counts our endless samples
os.environ.setdefault("TUNE_PRINT_ALL_TRIAL_ERRORS", "0")  # what fails is told once, by us

import pandas as pd
import ray
import torch
from ray import train, tune
from ray._private.state import state
from ray.exceptions import RayError
from ray.train.torch import TorchTrainer
from ray.train.v2._internal.exceptions import RayTrainError
from ray.train.v2.api.exceptions import WorkerGroupError
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.integration.ray_train import TuneReportCallback
from ray.tune.search import Searcher

from fairray.errors import BadInput, Fatal
from fairray.launch.connect import check_reach, connect
from fairray.launch.failures import FULL, Failure, Kind, find_kind, say_hung, tell
from fairray.launch.progress import Progress, label
from fairray.launch.queue import Job, Queue
from fairray.launch.resources import Chosen, Resources
from fairray.selection import val_means
from fairray.store import Store
from fairray.study import Launch, Study
from fairray.trial import Trial, execute, results

__all__ = ["describe", "fit", "run", "slots", "tell_death"]

REPORT_S = 5.0
DIED = "its process died; is there enough memory?"
NODE = re.compile("is unavailable:|node has died|preempted")  # what Ray says where it is not the process that died
CAUSES: tuple[Kind, ...] = ("input", "memory", "node", "died", "bug", "hung")  # a worker's death is a bug to others


def slots(launch: Launch, needs: Iterable[Resources]) -> int:
    """How many jobs can run at once; connects to the cluster, or starts one here. BadInput where one can never run."""
    connect(launch)
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    later = state.get_max_resources_from_cluster_config()  # of a cluster that grows when it is asked to
    return max(fit(each, nodes, later) for each in {*needs})


def fit(each: Resources, nodes: Sequence[Mapping[str, float]], later: Mapping[str, float] | None) -> int:
    """How many jobs fit at once; each worker is whole on one node. BadInput where none does."""
    together = sum(_count(each, node) for node in nodes)
    if later is not None:
        together = max(together, _count(each, later))
    if together < max(each.workers, 1):
        has = "; ".join(f"{node.get('CPU', 0):g} CPUs and {node.get('GPU', 0):g} GPUs" for node in nodes)
        cure = "lower launch.cpus, launch.gpus or launch.workers, or use a larger cluster"
        cure += " (launch.gpus=0 computes on CPUs)" if each.gpus else ""
        raise BadInput("launch", f"a job needs {each}, the cluster's nodes have {has}", cure)
    return together // max(each.workers, 1)


def _count(each: Resources, node: Mapping[str, float]) -> int:
    """How many workers fit on a node."""
    fits = [node.get("CPU", 0) // each.cpus]
    if each.gpus >= 1:
        fits.append(node.get("GPU", 0) // each.gpus)
    elif each.gpus:  # a fraction is of one card; the small number is for tenths, of which ten are one
        fits.append(node.get("GPU", 0) * int(1 / each.gpus + 1e-6))
    return int(min(fits))


def run(study: Study, store: Store, queue: Queue, progress: Progress) -> None:
    """Run every job on the cluster, each as a trial of Tune's; what fails is the queue's to try again.

    Raises KeyboardInterrupt where a signal ended it.
    """
    launch = study.launch
    check_reach(study, store)
    folder = Path(tempfile.mkdtemp(prefix="tune-", dir=_made(launch.folder)))
    common = {
        "store": store.url,
        "engine": launch.engine,
        "checkpoint": launch.checkpoint,
        "threads": launch.threads,
        "folder": str(folder),
        "objectives": study.objectives,
    }
    jobs = Jobs(queue, common, progress, Chosen(study))
    tuner = tune.Tuner(
        tune.with_resources(_trial, _reserve),
        tune_config=tune.TuneConfig(
            search_alg=jobs,
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
            callbacks=[Watch(jobs, launch.hang)],
        ),
    )
    logging.getLogger("ray.tune.tune").setLevel(logging.CRITICAL)  # it calls failed what the queue has tried again
    try:
        tuner.fit()
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # Tune's own state; the results are in the store
    if not queue.over:  # Tune takes the signal for itself, and ends as if all were well
        raise KeyboardInterrupt


def _reserve(config: dict[str, Any]) -> tune.PlacementGroupFactory:
    """What Tune sets aside for a job; Ray Train places its workers itself."""
    if config["workers"]:
        return tune.PlacementGroupFactory([{"node:__internal_head__": 0.001}])
    return tune.PlacementGroupFactory([{"CPU": config["cpus"], "GPU": config["gpus"]}])


class Jobs(Searcher):
    """Hands Tune the jobs of a queue."""

    def __init__(self, queue: Queue, common: dict[str, Any], progress: Progress, chosen: Chosen):
        super().__init__(metric="share", mode="max")
        self.queue, self.common, self.progress, self.chosen = queue, common, progress, chosen
        self.running: dict[str, Job] = {}

    def suggest(self, trial_id: str) -> Any:
        job = self.queue.take()
        if job is None:
            return Searcher.FINISHED if self.queue.over else None
        self.running[trial_id] = job
        self.progress.begun(job)
        first = job.trials[0]
        said = {"label": label(job.trials), "task": first.task, "method": first.arm, **job.points, "stages": job.stages}
        needs = asdict(self.chosen.of(first, again=job.again))
        return {**self.common, **said, **needs, "trials": [trial.plain for trial in job.trials], "uids": job.uids,
                "pauses": job.pauses}  # fmt: skip

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        if "message" in result:
            self.progress.at(self.running[trial_id], result["message"], result["share"])

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """A job has ended and said how; of one that could not, `Watch` tells."""
        said = result or {}
        if "fatal" in said:
            self.queue.fatal = Fatal(*said["fatal"])
        if not error:
            self.end(trial_id, Failure(said["error"], said["kind"]) if "error" in said else None)

    def end(self, trial_id: str, failure: Failure | None) -> None:
        self.queue.end(self.running.pop(trial_id), failure)

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Tune writes its searcher down to resume it; studies are resumed from the store instead

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the store is the ledger, and a study is resumed by running it again."""

    def restore(self, checkpoint_path: str) -> None:
        raise NotImplementedError("run the study again; what is stored is not computed again")


class Watch(tune.Callback):
    """Sees the jobs that cannot say any more how they are: their process or node died, or they hang.

    minutes: without progress, after which a job is ended; None: it is waited for.
    """

    def __init__(self, jobs: Jobs, minutes: float | None):
        self.jobs, self.minutes = jobs, minutes
        self.heard: dict[str, float] = {}  # when, of the jobs that run
        self.hung: dict[str, Failure] = {}

    def on_trial_start(self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **info: Any) -> None:
        self.heard[trial.trial_id] = time.monotonic()

    def on_trial_result(
        self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, result: dict[str, Any], **info: Any
    ) -> None:
        self.heard[trial.trial_id] = time.monotonic()

    def on_step_begin(self, iteration: int, trials: list[TuneTrial], **info: Any) -> None:
        """End the jobs that hang; Tune then finds them dead."""
        if self.minutes is None:
            return
        latest = time.monotonic() - 60 * self.minutes
        for trial in trials:
            number, actor = trial.trial_id, trial.temporary_state.ray_actor
            quiet = number in self.jobs.running and self.heard.get(number, latest) < latest
            if quiet and actor is not None and number not in self.hung:
                self.hung[number] = Failure(say_hung(self.minutes), "hung")
                ray.kill(actor)

    def on_trial_error(self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **info: Any) -> None:
        self.jobs.end(trial.trial_id, self.hung.get(trial.trial_id) or tell_death(_last(trial)))

    def __getstate__(self) -> dict[str, Any]:
        return {}  # see Jobs


def _last(trial: TuneTrial) -> str:
    """What Tune wrote down of a trial's error."""
    return Path(trial.error_file).read_text() if trial.error_file else ""


def tell_death(text: str) -> Failure:
    """What there is to say of a job whose process ended, by what Ray says of that."""
    kind: Kind = "memory" if FULL.search(text) else "node" if NODE.search(text) else "died"
    return Failure(f"{text}\n{DIED}" if kind == "died" else text, kind)


def _trial(config: dict[str, Any]) -> None:
    """What Tune runs. An error of ours is reported; of a process that dies `Watch` tells."""
    try:
        trials, store = _opened(config)
        if config["workers"]:
            _with_workers(config)
        else:
            _execute(trials, store, config, tune.report)
    except Exception as error:
        tune.report({"share": 1.0, **describe(error)})
    else:
        tune.report({"share": 1.0, **_scores(trials, store, config["objectives"])})


def describe(error: Exception) -> dict[str, Any]:
    """What a job reports of an error; of Ray Train's workers, which fail one by another, the one that tells most."""
    told = [(error, tell(error))]
    if isinstance(error, WorkerGroupError):
        told = [(one, _tell_of_worker(one, str(error))) for _, one in sorted(error.worker_failures.items())]
    cause, failure = min(told, key=lambda one: CAUSES.index(one[1].kind))
    said = {"error": str(failure), "kind": failure.kind}
    return {**said, "fatal": cause.args} if isinstance(cause, Fatal) else said


def _tell_of_worker(error: Exception, text: str) -> Failure:
    """What there is to say of a Ray Train worker's error. text: with the traceback, which the error has lost."""
    if isinstance(error, RayError | RayTrainError):
        return tell_death(str(error))
    kind = find_kind(error)
    return Failure(str(error) if kind == "input" else text, kind)


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

    execute(trials, store, config["engine"], progress, config["uids"], config["checkpoint"], config["pauses"])


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
