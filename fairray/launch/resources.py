"""What a job is given: Ray Train workers, and the CPUs and GPUs of each, by what its networks need."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import ceil, prod
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from fairray.data import Dataset
from fairray.stages import Numerics, Training
from fairray.study import Launch, Study
from fairray.trial import Trial
from fairray.words import write_count

__all__ = ["Chosen", "Demand", "Resources", "choose", "estimate", "look_forward"]

CARD_BYTES = 16 * 2**30  # of the smallest GPU that is reckoned with
WORKER_FLOPS = 3.6e16  # about an hour of it, at a tenth of what its makers promise
FEWEST = 32  # examples of a batch that are worth a worker of their own


@dataclass(frozen=True)
class Demand:
    """What training one replica takes. memory: bytes on the device. flops: of all epochs, forward and backward.
    parameters: how many numbers its network has."""

    memory: int
    flops: float
    parameters: int = 0


class Forward(NamedTuple):
    """flops: of one batch. parameters: of the network. outputs: how many numbers its modules give."""

    flops: int
    parameters: int
    outputs: int


@dataclass(frozen=True)
class Resources:
    """workers: of Ray Train; 0 computes in the trial's own process. cpus, gpus: of each worker, or of that process."""

    workers: int
    cpus: int
    gpus: float

    def __str__(self) -> str:
        each = f"{self.cpus} CPU" + (f" and {self.gpus:g} GPU" if self.gpus else "")
        return f"{write_count(self.workers, 'worker')} of {each}" if self.workers else each


class Chosen:
    """What jobs of a study are given, worked out once for each method on each task."""

    def __init__(self, study: Study):
        self.study = study
        self.known: dict[tuple[str, str], Resources] = {}

    def of(self, trial: Trial, again: bool = False) -> Resources:
        """again: it is tried once more; where a share of a GPU was chosen here, it gets a whole one."""
        key = trial.task, trial.arm
        if key not in self.known:
            self.known[key] = choose(trial, self.study.launch)
        known = self.known[key]
        return replace(known, gpus=ceil(known.gpus)) if again and self.study.launch.gpus == "auto" else known

    def every(self) -> list[Resources]:
        """Of each arm."""
        return [self.of(arm.corner) for arm in self.study.arms()]


def choose(trial: Trial, launch: Launch) -> Resources:
    """What the launch gives, and where it leaves that open: tenths of a GPU by the memory that a job needs, a whole one
    above a half; a worker for each `WORKER_FLOPS`, up to eight, each with `FEWEST` examples of a batch at least.

    On CPUs one worker: more of them add up a batch in another order, and gain nothing over more jobs.
    """
    if trial.numerics.device != "cuda":
        return Resources(1 if launch.workers == "auto" else launch.workers, launch.cpus, 0.0)
    demand = estimate(trial.network, trial.data, trial.training, trial.numerics)
    together = launch.pack if launch.engine != "alone" else 1
    tenths = ceil(10 * demand.memory * together / CARD_BYTES)
    gpus = (tenths / 10 if tenths <= 5 else 1.0) if launch.gpus == "auto" else launch.gpus
    most = max(1, min(8, trial.training.batch // FEWEST))
    workers = min(ceil(demand.flops / WORKER_FLOPS), most) if launch.workers == "auto" else launch.workers
    return Resources(workers, launch.cpus, 1.0 if workers > 1 and launch.gpus == "auto" else gpus)


def estimate(network: Any, dataset: Dataset, training: Training, numerics: Numerics) -> Demand:
    """Counted on a device without memory: parameters with gradient and Adam's two moments, what every module gives and
    its gradient for a batch, and the data set."""
    forward = look_forward(network, dataset, numerics, training.batch)
    numbers = 4 * forward.parameters + 2 * forward.outputs
    held = sum(t.numel() * t.element_size() for t in dataset.train.values())
    steps = max(training.steps, training.epochs * len(dataset.train["y"]) / training.batch)
    return Demand(numbers * numerics.precision.itemsize + held, 3.0 * steps * forward.flops, forward.parameters)


def look_forward(network: Any, dataset: Dataset, numerics: Numerics, batch: int) -> Forward:
    """A batch once through a network, on a device without memory."""
    shape = dataset.shape  # of inputs that are drawn, which needs a device that has memory
    with torch.device("meta"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "for .*: copying from a non-meta parameter")  # a network's own weights
        built = network.build(shape, dataset.outputs).to(numerics.precision)
        x = torch.empty(batch, *shape, dtype=numerics.precision)
    with _outputs(built) as sizes, FlopCounterMode(display=False) as counter, torch.no_grad():
        built(x)
    return Forward(counter.get_total_flops(), sum(p.numel() for p in built.parameters()), sum(sizes))


@contextmanager
def _outputs(network: nn.Module) -> Iterator[list[int]]:
    """The sizes of what each of its innermost modules gives, while it is called."""
    sizes: list[int] = []
    note = lambda module, given, output: sizes.append(prod(output.shape))  # noqa: E731
    hooks = [module.register_forward_hook(note) for module in network.modules() if not [*module.children()]]
    try:
        yield sizes
    finally:
        for hook in hooks:
            hook.remove()
