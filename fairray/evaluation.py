"""The last stage of a method that ends in a trained model: every metric on validation and test data."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import pandas as pd
import torch

from fairray import members
from fairray.data import Problem
from fairray.metrics import Metric, Predictions, is_fraction, suits
from fairray.stages import Artifact, Stage, Step

# what the measures of methods are multiplied by before they are printed, where they are no fractions in percent
UNITS = {
    **dict.fromkeys(("trust", "tsne_x", "tsne_y", "l1", "l2", "linf", "neural", "ssim"), 1.0),
    **dict.fromkeys(("saliency_l1", "saliency_l2", "saliency_linf", "saliency_ssim"), 1.0),
    **dict.fromkeys(("lpips", "dists", "pieapp"), 1000.0),
}

__all__ = ["Evaluation", "measured", "metrics", "unit"]


@dataclass(frozen=True, kw_only=True)
class Evaluation(Step):
    """Metrics of the kept model, from its stored logits: adding or mending a metric trains nothing."""

    model: Stage
    metrics: tuple[Metric, ...]

    def compute(self, setting, seed, before):
        tables = []
        for name in ("val", "test"):
            split, logits = setting.dataset.split(name), before["model"].tensors[f"{name}/logits"]
            seen = Predictions(logits[None], split["y"], split["group"], len(setting.dataset.groups))
            tables.append(measured(seen, self.metrics, setting.dataset.groups).assign(split=name))
        return Artifact({}, pd.concat(tables, ignore_index=True))


def metrics(problem: Problem | None = None) -> dict[str, Metric]:
    """Every registered metric, by name; only those that suit the problem, if one is given."""
    found: dict[str, Metric] = {}
    for name in members.names("metrics"):
        module = members.module("metrics", name)
        found |= {metric: getattr(module, metric) for metric in module.__all__}
    return {name: metric for name, metric in sorted(found.items()) if problem is None or suits(metric, problem)}


@cache  # a report asks for each of its cells, and members are looked for among installed packages
def unit(metric: str) -> float:
    """What a metric is multiplied by before it is printed: fractions are printed in percent, costs as papers do."""
    known = metrics()
    if metric in known:
        return 100.0 if is_fraction(known[metric]) else 1.0
    return UNITS.get(metric, 100.0)


def measured(seen: Predictions, functions: Iterable[Metric], groups: tuple[str, ...]) -> pd.DataFrame:
    """Metrics of one replica's predictions, with columns metric, group and value."""
    rows = []
    for function in functions:
        value = torch.as_tensor(function(seen))[0]
        labels = groups if value.ndim else ("all",)
        rows += [(function.__name__, group, float(v)) for group, v in zip(labels, value.reshape(-1), strict=True)]
    return pd.DataFrame(rows, columns=["metric", "group", "value"])
