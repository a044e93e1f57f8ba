"""What an epoch of each correction costs (RR-ClArC, Table A.6)."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from fairray.report._answers import tell_needed
from fairray.report._blocks import Answer, Block, Frame, Text
from fairray.results import Results
from fairray.statistics.intervals import Interval, mean_interval

__all__ = ["EpochSeconds"]


@dataclass(frozen=True)
class EpochSeconds:
    """Seconds of an epoch of what each method trains last, and their ratio to the baseline's, seed by seed."""

    title: str = "Seconds of an epoch"

    def __call__(self, results: Results) -> Iterator[Block]:
        rows = _compare(results)
        if not rows:
            yield Text("The baseline was not trained, so there is nothing to compare with.")
            return
        yield _tabulate(rows, str(results.study.baseline))
        if len(results.printed):
            yield Frame("printed", *_lay_out_printed(results.printed), "The paper's ratios (Table A.6), on a GPU.")

    def answer(self, results: Results) -> Answer | None:
        base = str(results.study.baseline)
        ratios = {row["method"]: row["ratio"] for row in _compare(results) if row["method"] != base}
        said = ", ".join(f"{arm} {_write(ratio)}" for arm, ratio in ratios.items())
        found = f"Epochs take so many times as long as {base}'s: {said}."
        beyond = [r._replace(mean=r.mean - 1, low=r.low - 1, high=r.high - 1) for r in ratios.values()]
        takes = tell_needed([one for one in beyond if not one.clear_of_zero])
        sure = "By 95 % t-intervals over seeds, of times on whatever machine computed them."
        return Answer(found, sure, takes.replace("of zero", "of 1")) if ratios else None


def _compare(results: Results) -> list[dict]:
    """A row for each method on a task, of those with a baseline."""
    found = {key: _measure(results, *key) for key in results.chosen}
    return [
        {"task": task, "method": arm, "seconds": mean_interval(seconds), "ratio": mean_interval(seconds / base)}
        for (task, arm), seconds in found.items()
        if len(seconds) and len(base := found.get((task, str(results.study.baseline)), seconds[:0]))
    ]


def _measure(results: Results, task: str, arm: str) -> pd.Series:
    """By seed, of the model that the last stage looks at, where it is trained and stored."""
    models = {replica.seed: replica.parents.get("model") for replica in results.chosen[task, arm].replicas}
    seconds = {
        seed: float(str(results.made[model.uid]["seconds"])) / model.training.epochs
        for seed, model in models.items()
        if model is not None and model.uid in results.made
    }
    return pd.Series(seconds, dtype=float)


def _tabulate(rows: list[dict], baseline: str) -> Frame:
    cells = [{**row, **{key: _write(row[key]) for key in ("seconds", "ratio")}} for row in rows]
    numbers = [
        {"task": row["task"], "method": row["method"], "seconds": row["seconds"].mean, **row["ratio"]._asdict()}
        for row in rows
    ]
    caption = (
        f"Mean over seeds [95 % t-interval]; the ratio is to {baseline}. Times of single models mean something only "
        "where nothing else ran, and where models were trained one by one (launch.engine=alone)."
    )
    return Frame("epoch_seconds", pd.DataFrame(cells), pd.DataFrame(numbers), caption)


def _write(interval: Interval) -> str:
    if interval.n < 2:
        return f"{interval.mean:.3f}"
    return f"{interval.mean:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def _lay_out_printed(printed: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A row for each data set and network, a column for each method; and the numbers as they are."""
    cells = printed.pivot(index="task", columns="arm", values="value").reset_index()
    return cells.map(lambda value: f"{value:.2f}" if isinstance(value, float) else value), printed
