"""Is what was measured a result? Judges trials by their records: a model that learnt nothing is not fair.

A pure function of records; docs/decisions.md says why the limits are where they are. What a stage alone can know, such
as that a gradient vanished, it records as a measure that has an `alarm`.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from math import isfinite, isnan, nan
from statistics import fmean
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from fairray.measures import PERCENT, find, find_alarm
from fairray.records import DETAILS
from fairray.signs import SIGNS
from fairray.words import write_count

__all__ = ["GRAVITY", "Doubt", "Doubts", "Key", "describe_doubts", "find_doubts", "gravity", "list_doubts"]

ONE_CLASS = 0.1  # the least share of the examples of other classes than the most frequent that are told from it
ERRORS = 2.0  # standard errors above the constant guess that are more than luck
RISING = (
    0.01  # what the last quarter of the epochs adds to EAcc or accuracy, or the share of the squared error it takes
)
ALARMED = 0.05  # of a measure that has an alarm, such as a share of images
MOST = 0.5  # of the seeds, whose training goes on
APART = 0.25  # between seeds, of a measure in [0, 1]
FEWEST = 10  # rows of a subgroup of the test split; of fewer, each moves a rate by more than ten points

Kind = Literal["few rows", "scattered", "unfinished", "unlearnt", "failed"]
GRAVITY: Mapping[Kind, int] = {"few rows": 0, "scattered": 1, "unfinished": 1, "unlearnt": 2, "failed": 3}

KEYS = ["task", "arm", "trial"]
Key = tuple[str, str, str]  # the task, the arm, and the trial's uid
CURVES = ("eacc", "accuracy", "balanced_mse")
KEPT = "kept_epoch"
SPREAD = ("eacc", "odds", "accuracy")


class Doubt(NamedTuple):
    """Why what a trial measured is no result. words: what is wrong, and with how many of its seeds."""

    kind: Kind
    words: str


Doubts = Mapping[Key, tuple[Doubt, ...]]


class Result(NamedTuple):
    """A value of a trial. model: the stage that it is of, where that is not the one that the trial ends in."""

    seed: int
    model: str
    split: str
    metric: str
    value: float


class Trainee(NamedTuple):
    """A model in training."""

    stage: str
    seed: int
    uid: str


Curve = dict[float, dict[str, float]]  # by epoch, the values of measures


def find_doubts(records: pd.DataFrame, objectives: Sequence[str] = ()) -> Doubts:
    """What is doubtful of each trial, the gravest first; trials that are sound are not in it.

    objectives: measures of which every seed must have a finite value; few rows of a subgroup are a doubt where one of
    them is of groups, or where there is none.
    """
    if not len(records):
        return {}
    by_epoch, found = records[records["epoch"].notna()], {}
    results, trained, curves = _list_results(records, objectives), _list_trained(by_epoch), _list_curves(by_epoch)
    for key in results | curves:
        judged = _select(results[key], trained[key])
        models, few = _judge_models(judged, objectives), _count_rows(judged, objectives)
        found[key] = (*models, *_judge_training(curves[key]), *_compare_seeds(judged), *few)
    return {key: doubts for key, doubts in found.items() if doubts}


def list_doubts(records: pd.DataFrame, objectives: Sequence[str] = ()) -> list[Doubt]:
    """What is doubtful of one trial, of which all records are."""
    return [*chain(*find_doubts(records, objectives).values())]


def describe_doubts(doubts: Iterable[Doubt]) -> str:
    """In words; nothing where there are none."""
    return ", ".join(doubt.words for doubt in doubts)


def gravity(doubts: Sequence[Doubt]) -> int:
    """How grave the gravest is; 0 where it is not the models that are doubted."""
    return max((GRAVITY[doubt.kind] for doubt in doubts), default=0)


def _list_results(records: pd.DataFrame, objectives: Sequence[str]) -> dict[Key, list[Result]]:
    """By trial, what it is judged by: values over all groups and examples, after training."""
    looked_at = {*objectives, *SPREAD, *(sign.name for sign in SIGNS), *filter(find_alarm, records["metric"].unique())}
    rows = records[records["metric"].isin(looked_at)]
    rows = rows[rows[[name for name in DETAILS if name != "model"]].isna().all(axis=1)]
    found: dict[Key, list[Result]] = defaultdict(list)
    for key, (seed, model, *rest) in _go_through(rows, "seed", "model", "split", "metric", "value"):
        found[key].append(Result(seed, model if isinstance(model, str) else "", *rest))
    return found


def _list_trained(rows: pd.DataFrame) -> dict[Key, set[str]]:
    """By trial, the stages that have trained."""
    found: dict[Key, set[str]] = defaultdict(set)
    for key, (stage,) in _go_through(rows, "stage"):
        found[key].add(stage)
    return found


def _list_curves(rows: pd.DataFrame) -> dict[Key, dict[Trainee, Curve]]:
    """By trial and trainee, what validation data say after its epochs."""
    rows = rows[(rows["split"] == "val") & rows["metric"].isin([*CURVES, KEPT])]
    found: dict[Key, dict[Trainee, Curve]] = defaultdict(lambda: defaultdict(lambda: defaultdict(dict)))
    for key, (*trainee, epoch, metric, value) in _go_through(rows, "stage", "seed", "uid", "epoch", "metric", "value"):
        found[key][Trainee(*trainee)][epoch][metric] = value
    return found


def _go_through(rows: pd.DataFrame, *columns: str) -> Iterator[tuple[Key, tuple[Any, ...]]]:
    """Of each row its trial, and some columns. Trials are judged as they come, and to group the few hundred rows of one
    takes pandas more than ten times as long as to go through them."""
    return zip(*(zip(*(rows[name].tolist() for name in names)) for names in (KEYS, columns))) if len(rows) else iter(())


def _select(rows: Sequence[Result], trained: Collection[str]) -> list[Result]:
    """What is judged: the model that a trial ends in, or where it ends in something else those that it has trained; all
    of its models where it has trained none. What was made of models by no training is left out: what it cannot do was
    done to it."""
    if any(row.metric == "non_finite" and not row.model for row in rows):
        return [row for row in rows if not row.model]
    return [row for row in rows if not row.model or not trained or row.model in trained]


def _judge_models(rows: Sequence[Result], objectives: Collection[str]) -> Iterator[Doubt]:
    """What is wrong with the models of single seeds: of each the first that is."""
    first: dict[int, tuple[Kind, str]] = {}
    for seed, kind, words in _find_faults(rows, objectives):
        first.setdefault(seed, (kind, words))
    every = len({row.seed for row in rows})
    for (kind, words), some in Counter(first.values()).items():
        yield Doubt(kind, _count_seeds(words, some, every))


def _find_faults(rows: Sequence[Result], objectives: Collection[str]) -> Iterator[tuple[int, Kind, str]]:
    """What is wrong with a model, after the seed that it is of; the gravest first."""
    for row in rows:
        if row.metric == "non_finite" and row.value > 0:
            yield row.seed, "failed", "its outputs are no numbers"
    for row in rows:
        if row.metric in objectives and not row.model and not isfinite(row.value):
            yield row.seed, "failed", f"its {find(row.metric).title} is no number"
    signs = _read_signs(rows)
    for seed, of in signs.items():
        predicted, labelled = (max(of[name], default=nan) for name in ("predicted_share", "label_share"))
        if 1 - predicted < ONE_CLASS * (1 - labelled):
            yield seed, "unlearnt", "it predicts one class"
    for row in rows:
        if row.value > ALARMED and (alarm := find_alarm(row.metric)):
            yield row.seed, "unlearnt", alarm
    for seed, of in signs.items():
        if min(of["above_guess"], default=nan) < ERRORS:
            yield seed, "unlearnt", "it is no better than a constant guess"


def _read_signs(rows: Sequence[Result]) -> dict[int, dict[str, list[float]]]:
    """By seed and name, what the models' signs are on validation data."""
    found: dict[int, dict[str, list[float]]] = defaultdict(lambda: {sign.name: [] for sign in SIGNS})
    for row in rows:
        if row.split == "val" and row.metric in found[row.seed] and not isnan(row.value):
            found[row.seed][row.metric].append(row.value)
    return found


def _judge_training(curves: Mapping[Trainee, Curve]) -> Iterator[Doubt]:
    """Whether the last epoch was kept where the last quarter of them was better than the one before."""
    by_stage: dict[str, dict[Trainee, bool]] = defaultdict(dict)
    for trainee in sorted(curves):
        by_stage[trainee.stage][trainee] = _goes_on(curves[trainee])
    every = len({trainee.seed for trainee in curves})
    for stage, goes_on in by_stage.items():
        if sum(goes_on.values()) > MOST * len(goes_on):
            some = len({trainee.seed for trainee, is_so in goes_on.items() if is_so})
            words = f"training ({stage}) ended while it went on getting better"
            yield Doubt("unfinished", _count_seeds(words, some, every))


def _goes_on(curve: Curve) -> bool:
    last_epoch, quarter = len(curve) - 1, max(len(curve) // 4, 1)
    quarters: tuple[list[float], list[float]] = [], []  # the last, and the one before
    for epoch, values in curve.items():
        place, score = int(last_epoch - epoch) // quarter, _score(values)
        if 0 <= place < len(quarters) and not isnan(score):
            quarters[place].append(score)
    kept = any(values.get(KEPT) == last_epoch for values in curve.values())
    return kept and all(quarters) and fmean(quarters[0]) - fmean(quarters[1]) > RISING


def _score(values: Mapping[str, float]) -> float:
    """What is to rise: EAcc, or accuracy, or where there is neither what falls with the squared error."""
    eacc, accuracy, error = (values.get(name, nan) for name in CURVES)
    return eacc if not isnan(eacc) else accuracy if not isnan(accuracy) else -float(np.log(error))


def _compare_seeds(rows: Sequence[Result]) -> Iterator[Doubt]:
    values: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        if row.metric in SPREAD and row.split == "test" and not row.model and not isnan(row.value):
            values[row.metric].append(row.value)
    for metric, of in values.items():
        if (apart := max(of) - min(of)) > APART:
            points = f"{PERCENT.express(apart):.0f} points of {find(metric).title}"
            yield Doubt("scattered", f"its seeds lie {points} apart")


def _count_rows(rows: Sequence[Result], objectives: Collection[str]) -> Iterator[Doubt]:
    counts = [row.value for row in rows if row.metric == "fewest_rows" and row.split == "test"]
    few = [count for count in counts if count < FEWEST]
    if few and (not objectives or any(find(name).by_group for name in objectives)):
        yield Doubt("few rows", f"the smallest subgroup has {write_count(int(min(few)), 'test row')}")


def _count_seeds(words: str, some: int, every: int) -> str:
    return f"{words} ({some} of {write_count(every, 'seed')})"
