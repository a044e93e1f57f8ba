"""Is this machine able to run studies, and is this study's input sound?"""

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from fairray.card import describe_data
from fairray.errors import BadInput
from fairray.launch.resources import Chosen, Resources
from fairray.launch.search import askers
from fairray.members import label
from fairray.methods._attacked import predicted
from fairray.provenance import provenance
from fairray.secrecy import hide
from fairray.store import Store
from fairray.study import Launch, Study
from fairray.trial import Trial, dataset
from fairray.words import write_count

__all__ = ["checks"]

Check = tuple[str, str, str | None]

LOW_DISK_GB = 5
LOOKED_AT, BATCH = 200, 32  # images by a network with weights, and at a time


def checks(study: Study | None) -> Iterator[Check]:
    """(what, finding, cure), the cure being None where all is well; each check is made as it is asked for."""
    launch = study.launch if study else Launch()
    yield "python", sys.version.split()[0], None if sys.version_info >= (3, 11) else "use Python 3.11 or newer"
    yield "versions", ", ".join(f"{k} {provenance()[k]}" for k in ("torch", "ray", "optuna", "mlflow")), None
    yield "hardware", f"{provenance()['cpu']}, {provenance()['cores']} cores, gpu {provenance()['gpu']}", None
    yield _attempt("store", lambda: _store(launch), "set launch.store to a folder you can write to")
    if (uri := launch.tracking_uri) is not None:
        yield _attempt("mlflow", lambda: _mlflow(uri), "set launch.tracking to a URI that answers")
    yield _disk(launch.folder)
    if launch.executor == "ray":
        yield _attempt(
            "ray", lambda: _ray(launch, study), "set launch=local, or launch.address to a cluster that answers"
        )
    if study:
        yield _attempt("study", lambda: _arms(study), "mend the input as the message says")
        for task, member in study.tasks.items():
            yield _attempt(f"data {task}", partial(_data, member), "mend the input as the message says")
        read: dict[str, list[str]] = {}
        for task, trial in _find_pretrained(study):
            check = _attempt(f"model {task}", partial(_read, trial), "mend the input as the message says")
            read.setdefault(task, []).append(check[1])
            yield check
        yield _attempt("report", lambda: _sections(study), "mend the study's script as the message says")
        yield _attempt("page", lambda: _page(study, read), "set launch.output to a folder you can write to")


def _attempt(name: str, check: Callable[[], str], cure: str) -> Check:
    try:
        return name, check(), None
    except BadInput as error:
        return name, f"{error.where}: {error.problem}", error.cure
    except Exception as error:  # whatever a library raises, a doctor says it
        return name, hide(f"{type(error).__name__}: {error}"), cure


def _store(launch: Launch) -> str:
    store = Store(launch.store_root)
    store.check_writable()
    return f"{hide(store.url)} can be written"


def _mlflow(uri: str) -> str:
    from fairray.launch import tracking

    with tracking.connect(uri) as client:
        return f"{hide(uri)}, {write_count(len(client.search_experiments()), 'experiment')}"


def _disk(folder: Path) -> Check:
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(there).free / 1e9
    return (
        "disk",
        f"{free:.0f} GB free at {there}",
        None if free > LOW_DISK_GB else "free some space, or set launch.store",
    )


def _ray(launch: Launch, study: Study | None) -> str:
    from fairray.launch import cluster

    needs = Chosen(study).every() if study else [Resources(0, launch.cpus, 0.0)]
    return f"{write_count(cluster.slots(launch, needs), 'job')} at once"


def _arms(study: Study) -> str:
    study.check()
    askers(study)
    return f"{write_count(len([*study.arms()]), 'arm')} can run"


def _data(member: Any) -> str:
    return "\n         ".join(describe_data(dataset(member)))


def _find_pretrained(study: Study) -> Iterator[tuple[str, Trial]]:
    """A trial of each task and network that is used with the weights that it comes with."""
    seen = set()
    for arm in study.arms():
        trial = arm.corner
        key = arm.task, repr(trial.network)
        if getattr(trial.method, "pretrained", False) and key not in seen:
            seen.add(key)
            yield arm.task, trial


def _read(trial: Trial) -> str:
    """How many of the test images a network reads right. Raises BadInput where chance would read as many."""
    data = trial.data
    model = trial.network.build(data.shape, data.outputs).eval()
    rows = torch.linspace(0, len(data.test["y"]) - 1, min(LOOKED_AT, len(data.test["y"]))).long()
    if not len(rows):
        return f"{label(trial.network)} has no test images to read"
    parts = (data.shown({"x": data.test["x"][part], "y": data.test["y"][part]}) for part in rows.split(BATCH))
    count = sum(int((predicted(model, part["x"]) == part["y"]).sum()) for part in parts)
    said = f"{label(trial.network)} reads {count} of {write_count(len(rows), 'test image')} right"
    if count * data.outputs <= len(rows):
        cure = "name the classes in the order of the network's outputs with classes: FILE, or choose another network"
        raise BadInput("network", f"{said}, no more than chance would", cure)
    return said


def _page(study: Study, read: Mapping[str, Sequence[str]]) -> str:
    from fairray.report import write_data_page

    return str(write_data_page(study, read))


def _sections(study: Study) -> str:
    from fairray.report import load_sections

    return write_count(len(load_sections(study)), "section")
