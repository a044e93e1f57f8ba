"""The last stage of a method that ends in a trained model: every metric on validation and test data."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from fairray import members
from fairray.data import EVALUATED
from fairray.measures import Problem, find
from fairray.metrics import Metric, Predictions
from fairray.records import join, rows
from fairray.stages import Artifact, Stage, Step

__all__ = ["Evaluation", "measure_all", "metrics"]


@dataclass(frozen=True, kw_only=True)
class Evaluation(Step):
    """Metrics of the kept model, from its stored logits: adding or mending a metric trains nothing."""

    model: Stage
    metrics: tuple[Metric, ...]

    def compute(self, setting, seed, before):
        tables = []
        for name in EVALUATED:
            split, logits = setting.dataset.split(name), before["model"].tensors[f"{name}/logits"]
            predictions = Predictions(logits[None], split["y"], split["group"], len(setting.dataset.groups))
            tables += measure_all(predictions, self.metrics, setting.dataset.groups, split=name)
        return Artifact({}, join(tables))


def metrics(problem: Problem | None = None) -> dict[str, Metric]:
    """Every registered metric, by name; only those that suit the problem, if one is given."""
    found: dict[str, Metric] = {}
    for name in members.names("metrics"):
        module = members.module("metrics", name)
        found |= {metric: getattr(module, metric) for metric in module.__all__}
    return {name: metric for name, metric in sorted(found.items()) if problem in (None, *find(name).problems)}


def measure_all(
    predictions: Predictions, functions: Iterable[Metric], groups: tuple[str, ...], **place: Any
) -> list[pd.DataFrame]:
    """The records of metrics of one replica's predictions. place: what they are of, besides a group."""
    values = {function.__name__: function(predictions)[0] for function in functions}
    whole = {name: value for name, value in values.items() if not value.ndim}
    by_group = {name: value for name, value in values.items() if value.ndim}
    return [rows(whole, **place), rows(by_group, group=[*groups], **place)]
