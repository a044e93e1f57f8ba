"""Metrics, one file each, named by ``__all__``: predictions in, numbers out, for all replicas at once.

A metric is a function of `Predictions` that returns one number per replica, with axis (replica,), or one
per group, with axes (replica, group). Where fairlearn has the metric it has fairlearn's name.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import torch
from torch import Tensor

from fairray.data import Dataset, membership

__all__ = ["Metric", "Predictions", "apply", "rate_by_group", "spread"]


@dataclass(frozen=True)
class Predictions:
    """What a metric sees of several replicas on one split.

    logits: axes (replica, example, class), or (replica, example, 1) for the numbers of a regression.
    y, group: axis (example,). groups: how many there are. covariate: of each, where they have one, with axis (group,).
    weight: what each example counts, with axis (example,); all count alike without. unit: what 1 of a y that is a
        number is in its own unit, in which errors are measured.
    """

    logits: Tensor
    y: Tensor
    group: Tensor
    groups: int
    covariate: Tensor | None = None
    weight: Tensor | None = None
    unit: float = 1.0

    @classmethod
    def of(cls, logits: Tensor, dataset: Dataset, *splits: str) -> Self:
        """On some splits of a data set together; logits of all of their examples, one split behind the other."""
        names = [name for name in ("y", "group", "weight") if name in dataset.train]
        seen = {name: torch.cat([dataset.split(split)[name] for split in splits]) for name in names}
        covariate = torch.tensor(dataset.covariate, dtype=torch.float64) if dataset.covariate else None
        return cls(logits, **seen, groups=len(dataset.groups), covariate=covariate, unit=dataset.unit)

    def mean(self, values: Tensor) -> Tensor:
        """Over the examples, of axes (replica, example)."""
        if self.weight is None:
            return values.double().mean(-1)
        return values.double() @ self.weight.double() / self.weight.double().sum()

    @cached_property
    def predicted(self) -> Tensor:
        """Labels, with axes (replica, example)."""
        return self.logits.argmax(-1)

    @cached_property
    def score(self) -> Tensor:
        """How much class 1 is preferred to class 0, with axes (replica, example)."""
        return self.logits[..., 1].double() - self.logits[..., 0].double()

    @cached_property
    def member(self) -> Tensor:
        """What an example counts in its group, else 0, with axes (example, group)."""
        member = membership(self.group, self.groups).double()
        return member if self.weight is None else member * self.weight.double()[:, None]

    @cached_property
    def recall(self) -> Tensor:
        """P(predicted c | label c) by group, with axes (replica, class, group)."""
        hit, classes = self.predicted == self.y, range(self.logits.shape[-1])
        return torch.stack([rate_by_group(hit, self, self.y == c) for c in classes], dim=1)


Metric = Callable[[Predictions], Tensor]


def apply(metric: Metric, p: Predictions) -> Tensor:
    """What a metric finds; no number (nan) for a replica of which an output is none, whose class would be the first."""
    values = metric(p)
    finite = p.logits.isfinite().flatten(1).all(1)
    return values.where(finite.view(-1, *[1] * (values.ndim - 1)), torch.nan)


def rate_by_group(event: Tensor, p: Predictions, where: Tensor | None = None) -> Tensor:
    """The mean in each group of an event's indicator, or of a number (replica, example); axes (replica, group).

    where: restricts the examples, with axis (example,).
    """
    member = p.member if where is None else p.member * where[:, None]
    return event.double() @ member / member.sum(0)


def spread(rates: Tensor) -> Tensor:
    """The largest difference between groups; for two groups the absolute difference."""
    return rates.amax(-1) - rates.amin(-1)
