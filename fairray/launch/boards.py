"""What a study found in the files of TensorBoard and of Weights & Biases: a run for each trial. Nothing is sent."""

import math
import re
from collections import defaultdict
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd

from fairray.errors import BadInput
from fairray.launch.progress import label
from fairray.launch.series import clean, list_curves, list_finals, list_parameters
from fairray.results import Results
from fairray.soundness import describe_doubts
from fairray.trial import Trial

__all__ = ["write_tensorboard", "write_wandb"]


def write_tensorboard(results: Results, folder: Path) -> Iterator[Path]:
    """A folder of event files for each trial: curves by epoch, final numbers, and what it was run with (hparams)."""
    from tensorboardX import SummaryWriter
    from tensorboardX.summary import hparams

    for trial, name, records in _list_runs(results):
        place = folder / name
        for old in place.glob("events.out.tfevents.*"):  # a second file would be read behind the first
            old.unlink()
        finals = {_tag(point.name): point.value for point in list_finals(records) if math.isfinite(point.value)}
        said = {
            key: value if isinstance(value, int | float) else str(value) for key, value in _describe(results, trial)
        }
        with SummaryWriter(str(place)) as writer:
            for summary in hparams(said, finals):
                writer.file_writer.add_summary(summary)
            for point in list_curves(records):
                if math.isfinite(point.value):
                    writer.add_scalar(_tag(point.name), point.value, point.step)
            for key, value in finals.items():
                writer.add_scalar(key, value, 0)
        yield place


def write_wandb(results: Results, folder: Path) -> Iterator[Path]:
    """A run in W&B's offline format for each trial, which `wandb sync` sends where its user wants it to be.

    Raises BadInput where the package is not installed.
    """
    try:
        wandb = import_module("wandb")
    except ModuleNotFoundError as error:
        raise BadInput("wandb", "it is not installed", "pip install 'fairray[wandb]'") from error
    folder.mkdir(parents=True, exist_ok=True)
    silent = wandb.Settings(silent=True, disable_git=True, save_code=False, x_disable_stats=True, console="off")
    for trial, name, records in _list_runs(results):
        said = dict(_describe(results, trial))
        place = {"project": results.study.name, "group": trial.arm, "job_type": trial.task, "name": name}
        run = wandb.init(**place, config=said, mode="offline", dir=str(folder), settings=silent)
        steps: dict[int, dict[str, float]] = defaultdict(dict)
        for point in list_curves(records):
            steps[point.step][point.name] = point.value
        for step, values in sorted(steps.items()):
            run.log({"epoch": step, **values}, step=step)
        run.summary.update({point.name: point.value for point in list_finals(records)})
        run.finish()
        yield Path(run.settings.sync_dir)


def _tag(name: str) -> str:
    """What TensorBoard takes for the name of a scalar, which hparams have to call alike."""
    return re.sub(r"[^-/\w.]", "_", name)


def _list_runs(results: Results) -> Iterator[tuple[Trial, str, pd.DataFrame]]:
    """Each trial, what its run is called, and its records."""
    records = dict([*results.records.groupby(["task", "arm", "trial"])])
    for trial in results.trials:
        parts = [clean(part) for part in (trial.task, trial.arm)]
        yield trial, "/".join([*parts, trial.uid]), records[trial.key]


def _describe(results: Results, trial: Trial) -> Iterator[tuple[str, Any]]:
    """What a run is told by: all values, whether it is what was chosen, and why it is no result."""
    yield from list_parameters(trial).items()
    yield "trial", label([trial])
    yield "chosen", results.chosen.get((trial.task, trial.arm)) is trial
    yield "doubt", describe_doubts(results.doubts.get(trial.key, ()))
