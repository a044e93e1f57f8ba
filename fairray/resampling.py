"""Intervals of metrics that cover other test examples besides other seeds, from stored logits."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from fairray import evaluation
from fairray.evaluation import Evaluation, predictions
from fairray.matrices import Matrix
from fairray.measures import find
from fairray.metrics import Predictions
from fairray.results import Results
from fairray.statistics.bootstrap import Counts, Drawn, cover, resample, two_level
from fairray.statistics.intervals import Interval

__all__ = ["widen", "widen_change", "widen_trust"]

ENDLESS = (-np.inf, np.inf)


def widen(results: Results, task: str, arm: str, metric: str, draws: int = 200) -> Interval | None:
    """A metric of a chosen trial, over its seeds, if it has several, and the examples of the test split.

    None where it is not made of logits, or seeds have other splits, over which intervals are then.
    """
    found = _resample(results, task, arm, metric, draws)
    return found and cover(found, find(metric).range)


def widen_change(results: Results, task: str, arm: str, rival: str, metric: str, draws: int = 200) -> Interval | None:
    """Likewise the difference to another method on the same seeds and examples."""
    ours, theirs = (_resample(results, task, each, metric, draws) for each in (arm, rival))
    if ours is None or theirs is None or results.chosen[task, arm].seeds != results.chosen[task, rival].seeds:
        return None
    low, high = find(metric).range
    return cover(ours - theirs, ENDLESS).cut(low - high, high - low)


def widen_trust(results: Results, matrix: Matrix, draws: int = 200) -> Interval | None:
    """A trust score, over its seeds and the test examples that all of its probes read; None where these differ."""
    probes = zip(matrix.probes["uid"], matrix.probes["probed"], strict=True)
    right = [results.read(uid).tensors[f"test/right/{task}"].numpy() for uid, task in probes]
    if results.study.splits > 1 or len({*map(len, right)}) > 1:
        return None
    every = np.stack(right)
    return two_level(lambda counts: matrix.score_by(every @ counts / counts.sum()), every.shape[1], (0, 1), draws)


def _resample(results: Results, task: str, arm: str, metric: str, draws: int) -> Drawn | None:
    """A metric of every seed on draws of the test examples, which are the same for all methods; drawn once."""
    key = task, arm, metric, draws
    if key not in results.drawn:
        found = _read(results, task, arm, metric)
        results.drawn[key] = found and resample(*found, draws)
    return results.drawn[key]


def _read(results: Results, task: str, arm: str, metric: str) -> tuple[Counts, int] | None:
    """What a metric of every seed is where examples count so often, and how many there are."""
    trial, known = results.chosen[task, arm], evaluation.metrics()
    if metric not in known or results.study.splits > 1 or not isinstance(trial.last_stage, Evaluation):
        return None
    splits = trial.data.counted("test") if find(metric).covariate else ("test",)
    models = [results.read(replica.parents["model"].uid).tensors for replica in trial.replicas]
    single = [predictions(trial.data, tensors, splits) for tensors in models]
    every = replace(single[0], logits=torch.cat([one.logits for one in single]))
    return _weigh(known[metric], every), len(every.y)


def _weigh(metric: Callable[[Predictions], torch.Tensor], every: Predictions) -> Counts:
    own = torch.ones(len(every.y), dtype=torch.float64) if every.weight is None else every.weight
    return lambda counts: metric(replace(every, weight=own * torch.from_numpy(counts))).numpy()
