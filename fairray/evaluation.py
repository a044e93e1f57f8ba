"""The last stage of a method that ends in a trained model: every metric on validation and test data."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

import pandas as pd
import torch

from fairray import members
from fairray.data import EVALUATED, Dataset, Tensors
from fairray.measures import Problem, find
from fairray.metrics import Metric, Predictions, apply
from fairray.records import join, rows
from fairray.signs import SIGNS, read_signs
from fairray.stages import Artifact, Parent, Step

__all__ = ["Evaluation", "measure_all", "metrics", "predictions"]


@dataclass(frozen=True, kw_only=True)
class Evaluation(Step):
    """Metrics and signs of the kept model, from its stored logits: adding or mending a metric trains nothing."""

    measures = SIGNS

    model: Parent
    metrics: tuple[Metric, ...]

    brief = True
    heeds_weights = True

    @classmethod
    def of(cls, model: Parent, dataset: Dataset) -> Self:
        """With all metrics that suit the data."""
        return cls(model=model, metrics=_suiting(dataset.problem, bool(dataset.covariate)))

    def compute(self, setting, seed, before):
        tables = []
        data, tensors = setting.dataset, before["model"].tensors
        on_groups = tuple(metric for metric in self.metrics if find(metric.__name__).covariate)
        others = tuple(metric for metric in self.metrics if metric not in on_groups)
        for name in EVALUATED:
            seen = predictions(data, tensors, (name,))
            tables += measure_all(seen, others, data.groups, split=name)
            tables.append(rows({sign: value[0] for sign, value in read_signs(seen).items()}, split=name))
            tables += measure_all(predictions(data, tensors, data.counted(name)), on_groups, data.groups, split=name)
        return Artifact({}, join(tables))


def predictions(dataset: Dataset, tensors: Tensors, splits: Sequence[str]) -> Predictions:
    """Of one replica on some splits together. tensors: those of the trained stage, with its logits."""
    logits = torch.cat([tensors[f"{name}/logits"] for name in splits])
    return Predictions.of(logits[None], dataset, *splits)


def metrics(problem: Problem | None = None, covariate: bool = False) -> dict[str, Metric]:
    """Every registered metric, by name; only those that suit the problem, if one is given.

    covariate: whether the groups have one, which some metrics need.
    """
    found: dict[str, Metric] = {}
    for name in members.names("metrics"):
        module = members.module("metrics", name)
        found |= {metric: getattr(module, metric) for metric in module.__all__}
    return {
        name: metric for name, metric in sorted(found.items()) if not problem or find(name).suits(problem, covariate)
    }


@cache
def _suiting(problem: Problem, covariate: bool) -> tuple[Metric, ...]:
    return tuple(metrics(problem, covariate).values())


def measure_all(
    predictions: Predictions, functions: Iterable[Metric], groups: tuple[str, ...], **place: Any
) -> list[pd.DataFrame]:
    """The records of metrics of one replica's predictions. place: what they are of, besides a group."""
    values = {function.__name__: apply(function, predictions)[0] for function in functions}
    whole = {name: value for name, value in values.items() if not value.ndim}
    by_group = {name: value for name, value in values.items() if value.ndim}
    return [rows(whole, **place), rows(by_group, group=[*groups], **place)]
