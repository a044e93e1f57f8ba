"""The last stage of a method that ends in a trained model: every metric on validation and test data."""

from dataclasses import dataclass

import pandas as pd
import torch

from fairray import registry
from fairray.metrics import Metric, Predictions
from fairray.stages import Artifact, Stage, Step

__all__ = ["Evaluation", "metrics"]


@dataclass(frozen=True, kw_only=True)
class Evaluation(Step):
    """Metrics of the kept model, from its stored logits: adding or mending a metric trains nothing."""

    model: Stage
    metrics: tuple[str, ...]

    def modules(self):
        functions = metrics()
        return (__name__, *sorted({functions[name].__module__ for name in self.metrics}))

    def compute(self, setting, seed, before):
        tables = []
        for name in ("val", "test"):
            split, logits = setting.dataset.split(name), before["model"].tensors[f"{name}/logits"]
            seen = Predictions(logits[None], split["y"], split["group"], len(setting.dataset.groups))
            tables.append(_measure(seen, self.metrics, setting.dataset.groups).assign(split=name))
        return Artifact({}, pd.concat(tables, ignore_index=True))


def metrics() -> dict[str, Metric]:
    """Every registered metric, by name."""
    found: dict[str, Metric] = {}
    for name in registry.names("metrics"):
        module = registry.module("metrics", name)
        found |= {metric: getattr(module, metric) for metric in module.__all__}
    return dict(sorted(found.items()))


def _measure(seen: Predictions, names: tuple[str, ...], groups: tuple[str, ...]) -> pd.DataFrame:
    functions, rows = metrics(), []
    for name in names:
        value = torch.as_tensor(functions[name](seen))[0]
        labels = groups if value.ndim else ("all",)
        rows += [(name, group, float(v)) for group, v in zip(labels, value.reshape(-1), strict=True)]
    return pd.DataFrame(rows, columns=["metric", "group", "value"])
