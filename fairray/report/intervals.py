"""What intervals cover: other seeds, and other test examples besides."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from fairray.report._blocks import Block, Frame, Text
from fairray.report._words import express_interval, name_metric, write_interval
from fairray.resampling import widen, widen_change
from fairray.results import Results

__all__ = ["Intervals"]


@dataclass(frozen=True)
class Intervals:
    """Each metric over seeds alone, and over seeds and test examples; so its difference to the baseline.

    metrics: that are made of a model's predictions; without any, the objectives. draws: of the test split.
    """

    metrics: tuple[str, ...] = ()
    draws: int = 200
    title: str = "With other test examples"

    def __call__(self, results: Results) -> Iterator[Block]:
        rows = [row for task, arm in results.chosen for metric in results.shown(self.metrics)
                if (row := self._measure(results, task, arm, metric))]  # fmt: skip
        if not rows:
            yield Text("Nothing here is measured of predictions on one test split that all seeds share.")
            return
        cells, numbers = (pd.DataFrame([row[i] for row in rows]) for i in (0, 1))
        caption = (
            "95 % intervals over seeds of the training, on this test split; and over seeds and the examples of a test "
            f"split, drawn anew {self.draws} times. Nothing is said of other training data."
        )
        yield Frame("intervals", cells.fillna(""), numbers, caption)

    def _measure(self, results: Results, task: str, arm: str, metric: str) -> tuple[dict, dict] | None:
        """A line of the table, as people read it and as numbers."""
        if not results.has(task, arm, metric) or not (wide := widen(results, task, arm, metric, self.draws)):
            return None
        place, baseline = {"task": task, "method": arm}, str(results.study.baseline)
        cells = place | {
            "measure": name_metric(metric),
            "over seeds": write_interval(metric, results.interval(task, arm, metric)),
        }
        cells["over seeds and examples"] = write_interval(metric, wide)
        compared = baseline != arm and results.has(task, baseline, metric)
        if compared and (change := widen_change(results, task, arm, baseline, metric, self.draws)):
            cells[f"minus {baseline}"] = write_interval(metric, change, "+")
        return cells, place | {"metric": metric} | express_interval(metric, wide)._asdict()
