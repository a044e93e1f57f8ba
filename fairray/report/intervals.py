"""What intervals cover: other seeds, and other test examples besides."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from fairray.report._blocks import Answer, Block, Frame, Strong, Text, join
from fairray.report._words import express_interval, name_metric, write_interval
from fairray.resampling import widen, widen_change
from fairray.results import Results

__all__ = ["Intervals"]


@dataclass(frozen=True)
class Intervals:
    """Each metric over seeds alone, and over seeds and test examples; so its difference to the baseline.

    Of one seed over test examples alone, by which it can open the page where nothing else does.
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
        yield Frame("intervals", cells.fillna(""), numbers, self._explain(results))

    def answer(self, results: Results) -> Answer | None:
        """Of each method with a single seed what it measures; nothing where others have several."""
        if not _has_one_seed(results):
            return None
        said = {pair: [*self._list_objectives(results, *pair)] for pair in results.chosen}
        found = [(Strong(arm), f" has {', '.join(of)}") for (_, arm), of in said.items() if of]
        sure = "One seed gives no verdict: the intervals (95 %) are over test examples, for these very predictions."
        return Answer(join("; ", found), sure) if found else None

    def _list_objectives(self, results: Results, task: str, arm: str) -> Iterator[str]:
        for metric in results.study.objectives:
            if results.has(task, arm, metric) and (wide := widen(results, task, arm, metric, self.draws)):
                yield f"{name_metric(metric)} {write_interval(metric, wide)}"

    def _explain(self, results: Results) -> str:
        drawn = f"drawn anew {self.draws} times"
        if _has_one_seed(results):
            return (
                f"95 % intervals over the examples of the test split, {drawn}, for these very predictions. Nothing is "
                "said of other seeds of the training, nor of other training data."
            )
        return (
            "95 % intervals over seeds of the training, on this test split; and over seeds and the examples of a test "
            f"split, {drawn}. Nothing is said of other training data."
        )

    def _measure(self, results: Results, task: str, arm: str, metric: str) -> tuple[dict, dict] | None:
        """A line of the table, as people read it and as numbers."""
        if not results.has(task, arm, metric) or not (wide := widen(results, task, arm, metric, self.draws)):
            return None
        place, baseline = {"task": task, "method": arm}, str(results.study.baseline)
        cells = place | {"measure": name_metric(metric)}
        if wide.n > 1:
            cells["over seeds"] = write_interval(metric, results.interval(task, arm, metric))
        cells["over seeds and examples" if wide.n > 1 else "over examples"] = write_interval(metric, wide)
        compared = baseline != arm and results.has(task, baseline, metric)
        if compared and (change := widen_change(results, task, arm, baseline, metric, self.draws)):
            cells[f"minus {baseline}"] = write_interval(metric, change, "+")
        return cells, place | {"metric": metric} | express_interval(metric, wide)._asdict()


def _has_one_seed(results: Results) -> bool:
    return all(len(trial.seeds) == 1 for trial in results.chosen.values())
