"""Results that other benchmarks wrote, DomainBed's and SubpopBench's, as a study of which nothing is trained.

Both write a folder for each run, with a line of JSON for each checkpoint and, at the end, a file `done`. What a search
has tried is chosen from by the benchmark's own rules on validation data, for each seed anew; those rules of theirs that
look at test data are not offered. Sources: domainbed/scripts/train.py, domainbed/model_selection.py (Gulrajani and
Lopez-Paz, 2021); subpopbench/train.py, subpopbench/utils/eval_helper.py, subpopbench/learning/model_selection.py (Yang
et al., 2023).
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, takewhile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from fairray import frames
from fairray.datasets._reported import Reported as Data
from fairray.errors import BadInput, unknown
from fairray.given import declare
from fairray.methods._reported import Reported
from fairray.space import Template
from fairray.study import Study
from fairray.words import list_some

__all__ = ["RULES", "ask"]

Record = Mapping[str, Any]  # a checkpoint, as it was written
Values = dict[str, float]  # by metric


class Choice(NamedTuple):
    """A checkpoint that can be chosen. score: of validation data, by which it is."""

    score: float
    val: Values
    test: Values


@dataclass(frozen=True)
class Rule:
    """How one of the checkpoints of a seed's whole search is chosen. said: the benchmark's own words for it."""

    said: str
    choices: Callable[[Sequence[Record], int], Iterator[Choice]]


@dataclass(frozen=True)
class Benchmark:
    """What a benchmark's runs look like. seed: which argument says it. splits: whether each seed divides the data."""

    name: str
    file: str
    seed: str
    splits: bool
    objectives: tuple[str, ...]
    tasks: Callable[[Record], Iterable[tuple[str, int]]]
    rules: Mapping[str, Rule]


def ask(folder: Path, output: str, name: str, baseline: str | None = None, selection: str | None = None) -> Study:
    """Which algorithm is better than the baseline (default: ERM, or the first), on what a folder of runs has?

    selection: by which of the benchmark's rules on validation data (`RULES`; default: its first).
    Raises BadInput where the folder has no finished runs, or the baseline has none.
    """
    benchmark = _recognise(folder)
    rule = _find_rule(benchmark, selection)
    chosen, unfinished = _choose(folder, benchmark, rule)
    methods = sorted({method for _, method, _ in chosen})
    baseline = baseline or ("ERM" if "ERM" in methods else methods[0])
    if baseline not in methods:
        raise unknown("baseline", f"algorithm in {folder}", baseline, methods)
    needed = sorted((task, seed) for task, method, seed in chosen if method == baseline)
    left_out = {**_find_incomplete(chosen, methods, needed), **unfinished}
    whole = [method for method in methods if method not in left_out]
    tasks, seeds = list(dict.fromkeys(task for task, _ in needed)), sorted({seed for _, seed in needed})
    if len(needed) < len(tasks) * len(seeds):
        problem = f"{baseline} lacks a seed of a task that it has of another"
        raise BadInput(f"{folder} (baseline)", problem, "finish its runs, or give another baseline")
    path = frames.keep(_tabulate(chosen, whole, seeds), Path(output) / "frames", name)
    return declare(
        name,
        output,
        question=f"Which algorithm differs from {baseline}? {benchmark.name}'s results; of each seed's search that "
        f"checkpoint is taken which is best by {rule.said}.",
        tasks={task: Data(task=task, source=benchmark.name) for task in tasks},
        methods={method: Template(Reported(path=path.resolve(), method=method)) for method in whole},
        seeds=len(seeds),
        splits=len(seeds) if benchmark.splits else 1,
        objectives=benchmark.objectives,
        baseline=baseline if len(whole) > 1 else None,
        left_out=left_out,
    )


def _recognise(folder: Path) -> Benchmark:
    for benchmark in BENCHMARKS:
        if any(folder.glob(f"*/{benchmark.file}")):
            return benchmark
    files = " or ".join(f"RUN/{benchmark.file} ({benchmark.name})" for benchmark in BENCHMARKS)
    raise BadInput(str(folder), f"it has no {files}", "give the folder in which a sweep wrote its runs")


def _find_rule(benchmark: Benchmark, selection: str | None) -> Rule:
    name = selection or next(iter(benchmark.rules))
    if name not in benchmark.rules:
        raise unknown("selection", f"rule of {benchmark.name} on validation data", name, benchmark.rules)
    return benchmark.rules[name]


def _choose(
    folder: Path, benchmark: Benchmark, rule: Rule
) -> tuple[dict[tuple[str, str, int], Choice], dict[str, str]]:
    """By task, method and seed the checkpoint that is taken; and the runs that are not finished, with why."""
    groups: dict[tuple[str, str, int, int], dict[int, list[Record]]] = defaultdict(lambda: defaultdict(list))
    unfinished = {}
    for file in sorted(folder.glob(f"*/{benchmark.file}")):
        if not file.with_name("done").is_file():
            unfinished[f"run {file.parent.name}"] = "it has no file `done`: it is not finished"
            continue
        for record in _read(file):
            said = record["args"]
            for task, domain in benchmark.tasks(record):
                place = task, said["algorithm"], said[benchmark.seed], domain
                groups[place][said["hparams_seed"]].append(record)
    found = {}
    for (task, method, seed, domain), search in sorted(groups.items()):
        choices = [choice for _, records in sorted(search.items()) for choice in rule.choices(records, domain)]
        if choices:
            found[task, method, seed] = max(choices, key=lambda choice: choice.score)
    if not found:
        problem = f"none of its runs is finished, with all that {rule.said} needs"
        raise BadInput(str(folder), problem, "finish the sweep, or give another selection")
    return found, unfinished


def _read(file: Path) -> list[Record]:
    """The checkpoints of a run."""
    records = []
    for number, line in enumerate(file.read_text().splitlines(), 1):
        try:
            record = json.loads(line)
            if not {"args", "step"} <= record.keys():
                raise ValueError("it has no args and step")
        except (ValueError, AttributeError) as error:
            cure = "leave the run out, or run it again"
            raise BadInput(f"{file}, line {number}", f"it is no checkpoint: {error}", cure) from error
        records.append(record)
    return records


def _find_incomplete(
    chosen: Iterable[tuple[str, str, int]], methods: Iterable[str], needed: Sequence[tuple[str, int]]
) -> dict[str, str]:
    """The methods that lack a seed of a task which the baseline has, and which."""
    have = {*chosen}
    lacking = {m: [f"{task} seed {seed}" for task, seed in needed if (task, m, seed) not in have] for m in methods}
    return {method: f"it has no {list_some(places, 3)}" for method, places in lacking.items() if places}


def _tabulate(chosen: Mapping[tuple[str, str, int], Choice], methods: Sequence[str], seeds: Sequence[int]) -> pa.Table:
    """A row for each number, as `Reported` reads them. seeds: whose places stand for them."""
    rows = [
        {"task": task, "method": method, "seed": seeds.index(seed), "split": split, "metric": metric, "value": value}
        for (task, method, seed), choice in chosen.items()
        if method in methods and seed in seeds
        for split, values in (("val", choice.val), ("test", choice.test))
        for metric, value in values.items()
    ]
    return pa.Table.from_pylist(rows)


def _list_domains(record: Record) -> Iterator[tuple[str, int]]:
    """Each domain that a run did not train on, as a task: of two, the run tells of both when one is held out for the
    other's choice."""
    said = record["args"]
    yield from ((f"{said['dataset']} env{domain}", domain) for domain in said["test_envs"])


def _by_training_domains(records: Sequence[Record], domain: int) -> Iterator[Choice]:
    """DomainBed's IIDAccuracySelectionMethod: the mean accuracy on the held-out parts of the training domains."""
    for record in records:
        if len(record["args"]["test_envs"]) == 1:
            score = float(np.mean([record[f"env{i}_out_acc"] for i in _count_domains(record) if i != domain]))
            yield Choice(score, {"accuracy": score}, {"accuracy": record[f"env{domain}_in_acc"]})


def _by_left_out_domains(records: Sequence[Record], domain: int) -> Iterator[Choice]:
    """DomainBed's LeaveOneOutSelectionMethod: the mean accuracy on each other domain, of the run that leaves it out."""
    steps: dict[int, list[Record]] = defaultdict(list)
    for record in records:
        steps[record["step"]].append(record)
    for _, same in sorted(steps.items()):
        alone = [record for record in same if record["args"]["test_envs"] == [domain]]
        pairs = {
            other: record[f"env{other}_in_acc"]
            for record in same
            if len(record["args"]["test_envs"]) == 2
            for other in {*record["args"]["test_envs"]} - {domain}
        }
        if len(alone) == 1 and len(pairs) == len([*_count_domains(alone[0])]) - 1:
            score = float(np.mean([*pairs.values()]))
            yield Choice(score, {"accuracy": score}, {"accuracy": alone[0][f"env{domain}_in_acc"]})


def _count_domains(record: Record) -> Iterator[int]:
    return takewhile(lambda i: f"env{i}_out_acc" in record, count())


def _name_task(record: Record) -> Iterator[tuple[str, int]]:
    """The data set with its parameters, as the run's own name begins; with or without attributes in training."""
    said = record["args"]
    name = said.get("store_name", said["dataset"]).split(f"_{said['algorithm']}_hparams")[0]
    yield name if said.get("train_attr", "yes") == "yes" else f"{name} (attributes unknown)", 0


def _by(score: Callable[[Record], float]) -> Callable[[Sequence[Record], int], Iterator[Choice]]:
    """A rule of SubpopBench's. score: of what was measured on validation data."""

    def list_choices(records: Sequence[Record], _: int) -> Iterator[Choice]:
        for record in records:
            test = {"ImagenetBG": "mixed_rand", "Living17": "zs"}.get(record["args"]["dataset"], "te")
            yield Choice(float(score(record["va"])), _measure(record["va"]), _measure(record[test]))

    return list_choices


def _measure(split: Record) -> Values:
    """What SubpopBench measures on a split, by our names; Odds and EAcc where no (label, attribute) subgroup lacks."""
    values = {"accuracy": _mean(split), "worst_group_accuracy": _worst_group(split)}
    cells = {tuple(key.split(",")): own["accuracy"] for key, own in split["per_group"].items()}
    labels, attributes = (sorted({cell[i] for cell in cells}) for i in (0, 1))
    if len(cells) == len(labels) * len(attributes):
        recall = np.array([[cells[y, a] for a in attributes] for y in labels])
        values |= {"eacc": float(recall.mean()), "odds": float(np.ptp(recall, axis=1).mean())}
    return values


def _mean(split: Record) -> float:
    return split["overall"]["accuracy"]


def _worst_group(split: Record) -> float:
    return split["min_group"]["accuracy"]


def _worst_class(split: Record) -> float:
    return min(own["recall"] for own in split["per_class"].values())


BENCHMARKS = (
    Benchmark(
        name="DomainBed",
        file="results.jsonl",
        seed="trial_seed",
        splits=True,
        objectives=("accuracy",),
        tasks=_list_domains,
        rules={
            "training_domains": Rule("accuracy on a training-domain validation set", _by_training_domains),
            "leave_one_out": Rule("leave-one-domain-out cross-validation", _by_left_out_domains),
        },
    ),
    Benchmark(
        name="SubpopBench",
        file="results.json",
        seed="seed",
        splits=False,
        objectives=("worst_group_accuracy", "accuracy"),
        tasks=_name_task,
        rules={
            "worst_group": Rule("worst-group accuracy on the validation set, with attributes", _by(_worst_group)),
            "worst_class": Rule("worst-class accuracy on the validation set, without attributes", _by(_worst_class)),
            "accuracy": Rule("mean accuracy on the validation set", _by(_mean)),
        },
    ),
)
RULES = {benchmark.name: [*benchmark.rules] for benchmark in BENCHMARKS}
