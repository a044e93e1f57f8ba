"""What every page ends in: the data, what it was computed with, the trials and what is stored of them."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from fairray.card import MOST_CELLS, count_cells, describe_sizes
from fairray.members import plain
from fairray.provenance import provenance
from fairray.report._blocks import Block, Facts, Frame, Hidden, Items, Line, Link, Strong, Text, Trials, join
from fairray.report._words import describe_point
from fairray.results import Results
from fairray.study import Study
from fairray.trial import Trial, stages

__all__ = ["Data", "Runs"]


@dataclass(frozen=True)
class Data:
    """What each task's data are, and how many rows each subgroup has."""

    title: str = "Data"

    def __call__(self, results: Results) -> Iterator[Block]:
        for task, data in results.study.datasets().items():
            yield Text((Strong(task), f": {data.task}: {describe_sizes(data)}."))
            yield Items(data.notes)
            cells = count_cells(data)
            if len(cells) <= MOST_CELLS:
                rows = cells.reset_index()
                yield Frame("", rows.astype(str), rows, f"{task}: how many rows each subgroup has in each split.")


@dataclass(frozen=True)
class Runs:
    """Settings, versions, and of every trial its stages by uid and its run in MLflow."""

    title: str = "What was run"

    def __call__(self, results: Results) -> Iterator[Block]:
        yield Facts([*provenance().items()])
        yield Hidden("Settings", json.dumps(_list_settings(results.study), indent=1))
        yield Text(
            "Numbers of tables and points of figures lead to their trial here. The uids name their stages' folders in "
            "the store: of each seed the one that the trial ends in stands first."
        )
        yield Trials([(trial.uid, _name(trial), _describe(results, trial)) for trial in results.trials])


def _list_settings(study: Study) -> dict[str, object]:
    return {
        "network": study.network.plain,
        "networks": {label: network.plain for label, network in study.networks.items()},
        "training": study.training.plain,
        "trainings": {label: training.plain for label, training in study.trainings.items()},
        "numerics": asdict(study.numerics),
        "tasks": {label: plain(dataset) for label, dataset in study.tasks.items()},
        "methods": {label: method.plain for label, method in study.methods.items()},
        "seeds": study.seeds,
    }


def _name(trial: Trial) -> str:
    return ", ".join(filter(None, [trial.task, trial.arm, describe_point(trial.point)]))


def _describe(results: Results, trial: Trial) -> Line:
    """Its run in MLflow where one is known, and by seed the uids of its stages."""
    run = results.runs.get(trial.key, "")
    where = Link(run, run) if run.startswith("http") else run
    shown: list[Line] = [("MLflow run ", where)] if run else []
    by_seed = [f"seed {of.seed}: {' '.join([*stages([of])][::-1])}" for of in trial.replicas]
    return join(". ", [*shown, *by_seed])
