"""What a study at the papers' scale needs, before its data are there: files, models, hours of a GPU, room on disk.

It is an estimate. Models are counted as a run would ask for them, on small data that stand in for those that are not
there; training one takes 3 x the forward operations of its network x examples x epochs, at `WORKER_FLOPS` an hour. A
stage that attacks images has an `effort`: what that takes if every image takes all steps.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

import torch

from fairray import config, members
from fairray.data import Dataset, Tensors
from fairray.datasets._published import PUBLISHED
from fairray.errors import BadInput
from fairray.launch.resources import WORKER_FLOPS, Demand, estimate, look_forward
from fairray.launch.search import askers
from fairray.stages import Replica
from fairray.study import Study
from fairray.training.stage import TrainStage
from fairray.trial import dataset
from fairray.words import write_bytes, write_count

__all__ = ["Needs", "foresee_needs"]

STAND_IN = {"name": "toy", "side": 8}


@dataclass(frozen=True)
class Needs:
    """lacking: of each data set that is not there, what to give and where it is published. blocked: whether nothing
    runs without one of these. models: how many are trained. gpu_hours: of training them. others: stages that train
    none and attack nothing, whose time is not known. attack_hours: of a GPU, at most, for attacks. images, results:
    bytes of decoded images, and of models. unknown: methods, costs and data sets of which nothing is known without the
    files."""

    lacking: dict[str, str] = field(default_factory=dict)
    blocked: bool = False
    models: int = 0
    gpu_hours: float = 0.0
    others: int = 0
    attack_hours: float = 0.0
    images: int = 0
    results: int = 0
    unknown: tuple[str, ...] = ()

    def __str__(self) -> str:
        attacks = f"attacks: at most {_write_hours(self.attack_hours)}, were every image to take all steps"
        lines = [
            *(f"needs {name}: {said}" for name, said in self.lacking.items()),
            f"trains {write_count(self.models, 'model')}: {_write_hours(self.gpu_hours)}, estimated as 3 x forward "
            f"operations x examples x epochs at {WORKER_FLOPS / 3600:.0e} operations a second, a tenth of what makers "
            "of cards promise",
            *([attacks] if self.attack_hours else []),
            f"not in that: reading images, and {write_count(self.others, 'stage')} of evaluation, measures and probes",
            f"disk: about {write_bytes(self.images)} of decoded images and {write_bytes(self.results)} of models",
        ]
        if self.unknown:
            lines.append(f"nothing is known without the files, and counted, of {', '.join(self.unknown)}")
        return "\n".join([*lines, *(["not run here, where these data are not"] if self.lacking else [])])


def _write_hours(hours: float) -> str:
    return f"about {hours:,.{0 if hours >= 10 else 3}f} GPU hours"


def foresee_needs(name: str, scale: str, overrides: Sequence[str]) -> Needs:
    """What a study needs at a scale, its optional tasks too. Raises BadInput as `config.load` does."""
    study = config.load(name, scale, [*overrides, "optional=[]"])
    lacking = {task: said for task, member in study.tasks.items() if (said := _say_lacking(member))}
    datas = {task: _stand_in(name) if task in lacking else member for task, member in study.tasks.items()}
    found = [_count(study, task, data) for task, data in datas.items()]
    images = {(members.label(member), _shape(member)): _count_bytes(member) for member in study.tasks.values()}
    strange = [members.label(study.tasks[task]) for task in lacking]
    return Needs(
        {members.label(study.tasks[task]): said for task, said in lacking.items()},
        bool({study.families[task] for task in lacking} - _list_optional(name, scale, overrides)),
        sum(one.models for one in found),
        sum(one.gpu_hours for one in found),
        sum(one.others for one in found),
        sum(one.attack_hours for one in found),
        sum(images.values()),
        sum(one.results for one in found),
        tuple(
            dict.fromkeys(
                [name for name in strange if name not in PUBLISHED] + [n for one in found for n in one.unknown]
            )
        ),
    )


def _list_optional(name: str, scale: str, overrides: Sequence[str]) -> set[str]:
    """The tasks without which it runs; none where these are all that it has."""
    try:
        return {*config.load(name, scale, overrides).left_out}
    except BadInput:
        return set()


def _say_lacking(member: Any) -> str:
    """What to give where a data set's files are not there, in its loader's words; nothing where they are."""
    folder = getattr(member, "folder", "")
    if folder == "" or (folder is not None and Path(folder).is_dir()):
        return ""
    published = PUBLISHED.get(members.label(member))
    try:
        member.load()
    except BadInput as error:
        return error.cure + (f" (published: {published.at})" if published else "")
    return ""


@cache
def _stand_in(name: str) -> Any:
    """The first data set of the study at smoke scale that is there: the study's methods run on it."""
    tasks = config.load(name, "smoke").tasks.values()
    return next((one for one in tasks if not _say_lacking(one)), members.build("datasets", STAND_IN))


def _count(study: Study, task: str, data: Any) -> Needs:
    """What one task takes. data: its data set, or what stands in for it."""
    known, weights, unknown = _ask(replace(study, tasks={task: data}))
    real = dataset(data) if data is study.tasks[task] else _enlarge(dataset(data), study.tasks[task])
    demands: dict[str, Demand] = {}
    models, others, flops, results = 0, 0, 0.0, 0
    for uid, one in known.items():
        if isinstance(one.stage, TrainStage):
            key = repr((one.setting.network, one.training))
            if key not in demands:
                demands[key] = estimate(one.setting.network, real, one.training, one.setting.numerics)
            models += weights[uid]
            flops += weights[uid] * demands[key].flops
            results += weights[uid] * 4 * demands[key].parameters
        elif not hasattr(one.stage, "effort"):
            others += weights[uid]
    attacks, lacks = _sum_attacks(known, weights, real)
    hours, attack_hours = flops / WORKER_FLOPS, attacks / WORKER_FLOPS
    return Needs({}, False, models, hours, others, attack_hours, 0, results, (*unknown, *lacks))


def _sum_attacks(known: Mapping[str, Replica], weights: Counter[str], real: Dataset) -> tuple[float, tuple[str, ...]]:
    """The operations of all attacks, and those of which nothing is known, for lack of weights. real: the data set."""
    flops, lacks, forward = 0.0, dict[str, None](), dict[str, int]()
    for uid, one in known.items():
        stage: Any = one.stage
        if not hasattr(stage, "effort"):
            continue
        setting, network = replace(one.setting, dataset=real), repr(one.setting.network)
        if network not in forward:
            forward[network] = look_forward(setting.network, real, setting.numerics, 1).flops
        try:
            effort = stage.effort(setting, one.training)
        except BadInput:
            lacks[f"{members.label(stage.attack)}'s cost"] = None
            continue
        flops += weights[uid] * (effort.passes * forward[network] + effort.flops)
    return flops, tuple(lacks)


def _ask(study: Study) -> tuple[dict[str, Replica], Counter[str], tuple[str, ...]]:
    """The stages of all trials that a run would ask for, by uid, and how many each speaks for: those of a sampler's
    first batch for its later ones, those of a point's first seed for its fresh ones. And the methods that name
    something of their data which a stand-in lacks."""
    known: dict[str, Replica] = {}
    weights: Counter[str] = Counter()
    unknown = []
    for asker, arm in zip(askers(study), study.arms(), strict=True):
        trials, search = asker.ask(), study.searches.get(arm.name, study.search)
        try:
            needed = [trial.needed for trial in trials]
        except ValueError:
            unknown.append(arm.name)
            continue
        new = {uid: one for of in needed for uid, one in of.items() if uid not in known}
        known |= new
        weights.update(dict.fromkeys(new, 1))
        if arm.space and search.name != "grid":
            own = [uid for uid in needed[-1] if uid not in needed[0]]
            weights.update(dict.fromkeys(own, max(0, search.points - len(trials))))
        if arm.space and study.confirm:
            first = [uid for uid, one in needed[0].items() if one.seed == trials[0].seeds[0]]
            weights.update(dict.fromkeys(first, study.confirm))
    return known, weights, tuple(unknown)


def _enlarge(data: Dataset, member: Any) -> Dataset:
    """What stands in, with as many and as large examples as the published data set has."""
    published = PUBLISHED.get(members.label(member))
    rows, shape = published.train if published else len(data.train["y"]), _shape(member) or data.shape
    held_out = max(0, published.images - rows) if published else len(data.test["y"])
    train, val, test = (_imagine(size, shape) for size in (rows, 0, held_out))
    return replace(data, train=train, val=val, test=test, render=None)


def _imagine(rows: int, shape: tuple[int, ...]) -> Tensors:
    """So many examples, which take no memory."""
    return {"x": torch.zeros(1, dtype=torch.uint8).expand(rows, *shape), "y": torch.zeros(1).expand(rows)}


def _shape(member: Any) -> tuple[int, ...] | None:
    """Of the images of a published data set."""
    published = PUBLISHED.get(members.label(member))
    return (3, *getattr(member, "size", published.side)) if published and published.images else None


def _count_bytes(member: Any) -> int:
    """Of the decoded images of a published data set."""
    shape = _shape(member)
    return PUBLISHED[members.label(member)].images * prod(shape) if shape else 0
