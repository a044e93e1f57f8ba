"""What another benchmark measured of a method, in the place of a training of ours."""

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from fairray.records import join, rows
from fairray.stages import Artifact, Step

__all__ = ["Reported"]


@dataclass(frozen=True, kw_only=True)
class Reported(Step):
    """The numbers that a table has of a method on a task, seed by seed; nothing is trained.

    path: a parquet file with columns task, method, seed, split, metric, value. task: that of the data, by its name.
    """

    brief = True

    path: Path
    method: str
    task: str = ""

    def chain(self, dataset):
        return replace(self, task=dataset.name)

    def check(self, dataset):
        """Whatever is wrong with results was said when they were read."""

    def compute(self, setting, seed, before):
        own = [("task", "==", self.task), ("method", "==", self.method), ("seed", "==", seed)]
        table = pd.read_parquet(self.path, filters=own)
        named = zip(table["metric"], table["value"], table["split"], strict=True)
        return Artifact({}, join(rows({metric: value}, split=split) for metric, value, split in named))
