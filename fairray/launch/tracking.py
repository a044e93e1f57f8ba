"""The mirror in MLflow: what the store holds, where people compare runs. Only the driver writes to it.

It is never read back, but for which trials it shows already (the tag fairray.trial).
"""

import json
import logging
import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import wraps
from pathlib import Path
from typing import Any

os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")  # seven take four minutes to say that nobody is there

import pandas as pd
from filelock import FileLock
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from fairray.errors import BadInput
from fairray.files import holder, is_gone
from fairray.launch.failures import Failure
from fairray.launch.progress import label
from fairray.launch.series import Point, clean, list_curves, list_finals, list_parameters
from fairray.provenance import provenance
from fairray.secrecy import hide, strip_password
from fairray.soundness import describe_doubts, list_doubts
from fairray.study import Study
from fairray.trial import Trial
from fairray.words import write_count

__all__ = ["Mirror", "clean_name", "connect"]

BATCH = 1000  # the most metrics MLflow takes at once
LOOK_S = 1.0  # between two looks at whether another driver has come
DOUBT, DRIVER, PARENT = "fairray.doubt", "fairray.driver", "mlflow.parentRunId"
ERROR, STOPPED = "fairray.error", "fairray.stopped"
KEYS = ("fairray.trial", "fairray.arm", "fairray.study")  # the tags that say what a run shows
REFUSED, EXISTS = "INVALID_PARAMETER_VALUE", "RESOURCE_ALREADY_EXISTS"


def _optional(write: Callable[..., None]) -> Callable[..., None]:
    """A tracking server that goes away in the middle must not cost the computation: it is not asked again."""

    @wraps(write)
    def attempt(mirror: "Mirror", *arguments: Any) -> None:
        mirror.opened.result()
        if mirror.away:
            return
        try:
            with mirror.lock:
                write(mirror, *arguments)
        except (MlflowException, OSError) as error:
            mirror.away = getattr(error, "error_code", None) != REFUSED
            what = "nothing more is shown" if mirror.away else "this is not shown"
            print(hide(f"{what} in MLflow, `fairray mirror` fills it in: {error}"), file=sys.stderr)

    return attempt


class Mirror:
    """Experiment = study; in it a run for the study, below it one per method, below that one per trial.

    uri: a tracking server's, or a database's. Raises BadInput where nothing answers. A database that is not there takes
    seconds to make, in which Ray starts: only what is shown waits for it.
    """

    def __init__(self, study: Study, uri: str):
        self.study, self.uri, self.away, self.driver = study, uri, False, holder()
        self.shown: dict[str, Run] = {}  # by what they show
        self.failed: dict[str, str] = {}  # by what they show, why it failed, or that it was stopped
        self.begun: dict[str, None] = {}  # the runs that this driver has to end
        self.looked, self.is_shared = -math.inf, True  # whether another driver may show the same study
        thread, is_new = ThreadPoolExecutor(1), _can_make(uri)
        self.opened = thread.submit(self._open)
        thread.shutdown(wait=False)
        if not is_new:
            self.opened.result()

    def _open(self) -> None:
        """Find the experiment, or make it, and what is shown of it."""
        try:
            with connect(self.uri) as self.client:
                self.lock = _lock(self.uri)
                self.experiment = self._experiment(self.uri)
                self._look_around()
        except (MlflowException, SQLAlchemyError, ImportError, OSError) as error:
            cure = "start it, or set launch.tracking to a URI that answers, or to none"
            if isinstance(error, ImportError):  # the driver of a database, which only its server needs
                cure = f"only its server needs {error.name}: launch.tracking=http://HOST:5000 (docs/tracking.md)"
            raise BadInput(f"MLflow at {self.uri} (launch.tracking)", f"it does not answer: {error}", cure) from error

    def _look_around(self) -> None:
        """Find what is shown already, end what others have left, and begin."""
        for run in self._search():
            self._remember(run)
            if run.info.status == "RUNNING" and self._is_left(run):
                self.client.set_terminated(run.info.run_id, status="KILLED")
        self.common = {
            **provenance(),
            DRIVER: self.driver,
            "seeds": str(self.study.seeds),
            "scale": self.study.scale,
            "mlflow.source.name": f"fairray run {self.study.name}",
            "mlflow.source.git.commit": provenance()["git_sha"],
        }
        self.parent = self._run("fairray.study", self.study.uid, f"{self.study.name} {self.study.scale}", None)
        before = self.shown[self.study.uid].data.tags.get(DRIVER, "")
        self.is_shared = before != self.driver and not is_gone(before)

    @_optional
    def show(self, trial: Trial, records: pd.DataFrame, doubt: str | None = None) -> None:
        """Log a trial, unless it is shown already: parameters, curves, what `list_finals` says of each metric, and in
        the tag fairray.doubt why it is no result, if it is none. doubt: that, where it is known."""
        if found := self._find("fairray.trial", self._key(trial)):
            self._place(found, self._arm(trial))
            return
        if doubt is None:
            doubt = describe_doubts(list_doubts(records, self.study.objectives))
        run, params = self._create_trial(trial, doubt), _list_parameters(trial)
        metrics = _list_metrics([*list_curves(records), *list_finals(records)])
        for start in range(0, max(len(metrics), 1), BATCH):
            batch = metrics[start : start + BATCH]
            self.client.log_batch(run.info.run_id, metrics=batch, params=params if start == 0 else [])
        self.client.set_terminated(run.info.run_id)
        self.shown[self._key(trial)] = run

    @_optional
    def fail(self, trial: Trial, error: Failure) -> None:
        """Log a trial that failed, with its kind and why, as a failed run, unless that is shown already; it is shown
        anew when it succeeds."""
        tags = {ERROR: error[-5000:], "fairray.kind": error.kind}
        self._show_unfinished(trial, error[-5000:], "FAILED", tags)

    @_optional
    def show_stopped(self, trial: Trial, means: Mapping[str, float]) -> None:
        """Log a trial that was stopped early as a killed run, with what it had scored on validation data, unless that
        is shown already; it is shown anew when it has been trained to its end."""
        said = f"stopped early after {write_count(trial.until or 0, 'epoch')}"
        now = _now()
        metrics = [Metric(f"val_{name}", value, now, trial.until or 0) for name, value in means.items()]
        self._show_unfinished(trial, said, "KILLED", {STOPPED: said}, metrics)

    @_optional
    def stop(self, status: str) -> None:
        """End the runs that have begun and not ended, as KILLED or FAILED."""
        for run in self.begun:
            self.client.set_terminated(run, status=status)
        self.begun.clear()

    @_optional
    def progress(self, counts: Mapping[str, float]) -> None:
        """Say on the study's run how far it is."""
        self.client.log_batch(self.parent, [Metric(f"progress/{k}", v, _now(), 0) for k, v in counts.items()])

    @_optional
    def finish(
        self, summary: Mapping[str, Mapping[str, float]], files: Iterable[Path], doubts: Mapping[str, str]
    ) -> None:
        """Say of each method what the study found, keep its figures, tables and report, and end all runs.

        doubts: why a method's numbers are no results, for the tag fairray.doubt.
        """
        for arm, metrics in summary.items():
            run = self._run("fairray.arm", f"{self.study.uid} {arm}", arm, self.parent)
            names = {name: clean_name(name) for name in metrics}
            if renamed := {clean: name for name, clean in names.items() if clean != name}:
                self.client.set_tag(run, "fairray.names", json.dumps(renamed, ensure_ascii=False)[:5000])
            if arm in doubts:
                self.client.set_tag(run, DOUBT, doubts[arm][:5000])
            self.client.log_batch(run, metrics=[Metric(names[k], v, _now(), 0) for k, v in metrics.items()])
            self._end(run)
        for file in files:
            self.client.log_artifact(self.parent, str(file), artifact_path="report")
        self._end(self.parent)

    def find_runs(self, trials: Iterable[Trial]) -> dict[tuple[str, str, str], str]:
        """The runs that show these trials, by task, arm and uid: pages of a server, or ids in a database."""
        url = strip_password(self.uri).rstrip("/")
        page = f"{url}/#/experiments/{self.experiment}/runs/" if url.startswith("http") else ""
        shown = ((trial, self.shown.get(self._key(trial))) for trial in trials)
        return {trial.key: page + run.info.run_id for trial, run in shown if run}

    def _key(self, trial: Trial) -> str:
        return f"{self.study.uid} {trial.task} {trial.arm} {trial.uid}"

    def _show_unfinished(
        self, trial: Trial, said: str, status: str, tags: Mapping[str, str], metrics: Sequence[Metric] = ()
    ) -> None:
        """A run for a trial that has no result, unless that is shown already. said: why it has none, as a tag says."""
        if self._find("fairray.trial", self._key(trial)) or self.failed.get(self._key(trial)) == said:
            return
        run = self._create_trial(trial).info.run_id
        self.client.log_batch(run, metrics, _list_parameters(trial), [RunTag(*tag) for tag in tags.items()])
        self.client.set_terminated(run, status=status)

    def _arm(self, trial: Trial) -> str:
        return self._run("fairray.arm", f"{self.study.uid} {trial.arm}", trial.arm, self.parent)

    def _create_trial(self, trial: Trial, doubt: str = "") -> Run:
        """A run for a trial, below that of its arm."""
        uids = " ".join(replica.uid for replica in trial.ends)
        tags = {"fairray.trial": self._key(trial), "fairray.uids": uids[:5000]}
        return self._create(label([trial]), self._arm(trial), tags | ({DOUBT: doubt[:5000]} if doubt else {}))

    def _experiment(self, uri: str) -> str:
        found = self.client.get_experiment_by_name(self.study.name)
        # without a server the artefacts lie beside the database, not wherever the user happens to stand
        place = (self.study.launch.folder / "mlartifacts").as_uri() if _find_file(uri) else None
        if found is not None:
            if found.lifecycle_stage == "deleted":
                self.client.restore_experiment(found.experiment_id)
            if self.study.launch.tracking is not None or found.artifact_location == place:
                return found.experiment_id
            # the folder was moved, and an experiment writes for ever where it was made: its runs are shown anew
            moved = f"{self.study.name}, before its folder was moved (experiment {found.experiment_id})"
            self.client.rename_experiment(found.experiment_id, moved)
        kind = {"mlflow.experimentKind": "custom_model_development"}  # so that the UI opens on runs, not on chats
        try:
            return self.client.create_experiment(self.study.name, artifact_location=place, tags=kind)
        except MlflowException as error:
            if error.error_code == EXISTS and found is None:  # another driver has made it since we looked
                return self._experiment(uri)
            raise

    def _search(self, which: str = "") -> Iterable[Run]:
        token = None
        while True:
            page = self.client.search_runs([self.experiment], which, max_results=5000, page_token=token)
            yield from page
            token = page.token
            if not token:
                return

    def _run(self, tag: str, value: str, name: str, parent: str | None) -> str:
        """The run of the study or of an arm, which this driver goes on with; a new one where there is none that is not
        deleted."""
        found = self._find(tag, value)
        if found is None:
            found = self.shown[value] = self._create(name, parent, {tag: value})
        elif parent:
            self._place(found, parent)
        if found.info.run_id not in self.begun:
            self._begin(found)
        return found.info.run_id

    def _create(self, name: str, parent: str | None, tags: Mapping[str, str]) -> Run:
        tags = {**self.common, **tags, **({PARENT: parent} if parent else {})}
        return self.client.create_run(self.experiment, run_name=name, tags=tags)

    def _place(self, run: Run, parent: str) -> None:
        """Below its parent, if it is not there."""
        if run.data.tags.get(PARENT) != parent:
            self.client.set_tag(run.info.run_id, PARENT, parent)

    def _find(self, tag: str, value: str) -> Run | None:
        """The run that shows something, which another driver may have made since we looked."""
        quote = '"' if "'" in value else "'"
        if value not in self.shown and self._look():
            for run in self._search(f"tags.`{tag}` = {quote}{value}{quote}"):
                self._remember(run)
        return self.shown.get(value)

    def _look(self) -> bool:
        """Whether another driver may show the same study: one did when this one came, or has come since and called the
        study's run its own. To ask that now and then takes less than to search for every trial."""
        if not self.is_shared and time.monotonic() - self.looked > LOOK_S:
            self.looked = time.monotonic()
            self.is_shared = self.client.get_run(self.parent).data.tags.get(DRIVER) != self.driver
        return self.is_shared

    def _remember(self, run: Run) -> None:
        for key in KEYS:
            if key in run.data.tags and (key != "fairray.trial" or run.info.status == "FINISHED"):
                self.shown[run.data.tags[key]] = run
        for tag in (ERROR, STOPPED):
            if tag in run.data.tags:
                self.failed[run.data.tags["fairray.trial"]] = run.data.tags[tag]

    def _is_left(self, run: Run) -> bool:
        """Whether whoever had to end a run cannot: a trial's is begun and ended at one go."""
        return "fairray.trial" in run.data.tags or is_gone(run.data.tags.get(DRIVER, ""))

    def _begin(self, run: Run) -> None:
        """This driver goes on with a run, and will end it."""
        self.begun[run.info.run_id] = None
        self.client.set_tag(run.info.run_id, DRIVER, self.driver)
        self.client.update_run(run.info.run_id, status="RUNNING")

    def _end(self, run: str) -> None:
        self.client.set_terminated(run)
        self.begun.pop(run, None)


@contextmanager
def connect(uri: str) -> Iterator[MlflowClient]:
    """A client of MLflow; nobody else opens the same database until the block ends."""
    for name in ("alembic", "mlflow"):
        logging.getLogger(name).setLevel(logging.WARNING)
    with _lock(uri):
        yield MlflowClient(tracking_uri=uri)


def _can_make(uri: str) -> bool:
    """Whether it is a database that is not there, and a folder to make it in is."""
    path = _find_file(uri)
    if path is None or path.exists():
        return False
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
    return os.access(path.parent, os.W_OK)


def _lock(uri: str) -> AbstractContextManager[Any]:
    """What keeps others from a database in a file: MLflow makes its tables step by step, and trips over another that
    does so too."""
    path = _find_file(uri)
    if path is None:
        return nullcontext()
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(f"{path}.lock")


def _find_file(uri: str) -> Path | None:
    """Where a database is that is a file; of others there is none."""
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


def _list_parameters(trial: Trial) -> list[Param]:
    return [Param(name, str(value)[:6000]) for name, value in list_parameters(trial).items()]


def _list_metrics(points: Iterable[Point]) -> list[Metric]:
    now = _now()
    return [Metric(name, value, now, step) for name, value, step in points]


def clean_name(name: str) -> str:
    """What MLflow takes for the name of a metric; slashes stay."""
    return "/".join(clean(part).strip(".") or "_" for part in name.split("/"))


def _now() -> int:
    return int(time.time() * 1000)
