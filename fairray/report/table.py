"""Methods side by side in a table, beside the printed values."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from fairray.report._blocks import Block, Text
from fairray.report._tables import Entry, explain_directions, explain_printed, lay_out, tabulate
from fairray.report._words import describe_point
from fairray.results import Results, interval_of
from fairray.statistics.intervals import Interval

__all__ = ["Table"]

NOTHING = Interval(math.nan, math.nan, math.nan, 0)  # of a method of which no seed has a number
FEWEST = 3  # tasks that an average is taken over; of one or two it says nothing that their own rows do not


@dataclass(frozen=True)
class Table:
    """Each method on each task: mean over seeds with 95 % interval, and the printed value; blank if not measured.

    Where three tasks or more share a metric, a row per method averages them. metrics: without any, and for a task
    that has none of them, the objectives.
    """

    metrics: tuple[str, ...] = ()
    title: str = "Table"

    def __call__(self, results: Results) -> Iterator[Block]:
        metrics = results.shown(self.metrics)
        entries = [*_measure(results, metrics), *_average_tasks(results, metrics)]
        cells = lay_out(entries, rows=("task", "method"), across="metric")
        _add_trials(results, cells)
        yield tabulate("table", cells, entries, f"Test set; mean [95 % t-interval {results.covers}].")
        yield from explain_directions(entries)
        yield from _explain_budget(results)
        yield from explain_printed(results)


def _add_trials(results: Results, cells: pd.DataFrame) -> None:
    """How many seeds each row has, of how many points it was chosen, and which one it is."""
    rows = [*zip(cells["task"], cells["method"], strict=True)]
    trials = [results.chosen.get(row) for row in rows]
    cells.insert(2, "seeds", [str(len(trial.seeds)) if trial else "" for trial in trials])
    if results.searched:
        cells.insert(3, "points", [str(results.budget(*row)) if row in results.chosen else "" for row in rows])
    doubts = [_describe_doubt(results, *row) for row in rows]
    if any(doubts):
        cells["no result, as"] = doubts
    if results.searched:
        cells[results.study.selection.said] = [describe_point(trial.point) if trial else "" for trial in trials]


def _explain_budget(results: Results) -> Iterator[Block]:
    """By which seeds points were chosen, where others are reported."""
    if results.searched and results.study.confirm:
        chosen, reported = (f"{of[0]} to {of[-1]}" for of in (results.study.choosing, results.study.reported))
        yield Text(f"Points were chosen by seeds {chosen}; reported are seeds {reported}, which had no part in that.")


def _describe_doubt(results: Results, task: str, arm: str) -> str:
    """Why a row is no result; an average has none either if one of its tasks has not."""
    if (task, arm) in results.chosen:
        return results.doubt(task, arm)
    without = [task for task, other in results.chosen if other == arm and results.doubt(task, arm)]
    return f"no result on {', '.join(without)}" if without else ""


def _measure(results: Results, metrics: Sequence[str]) -> Iterator[Entry]:
    for task, arm in results.chosen:
        measured = [metric for metric in metrics if results.has(task, arm, metric)]
        for metric in measured or [metric for metric in metrics if results.doubt(task, arm)]:
            yield Entry(
                key={"task": task, "method": arm},
                metric=metric,
                interval=results.interval(task, arm, metric) if measured else NOTHING,
                printed=results.find_printed(task, arm, metric),
                deviation=results.find_printed(task, arm, metric, "deviation"),
                uid=results.chosen[task, arm].uid,
            )


def _average_tasks(results: Results, metrics: Sequence[str]) -> Iterator[Entry]:
    """An average for each method that has a metric on every task that has it at all: all are over the same tasks."""
    arms = dict.fromkeys(arm for _, arm in results.chosen)
    for metric in metrics:
        tasks = list(dict.fromkeys(task for task, arm in results.chosen if results.has(task, arm, metric)))
        for arm in arms:
            if len(tasks) >= FEWEST and all(results.has(task, arm, metric) for task in tasks):
                yield _average(results, tasks, arm, metric)


def _average(results: Results, tasks: Sequence[str], arm: str, metric: str) -> Entry:
    values = pd.DataFrame({task: results.values(task, arm, metric) for task in tasks}).dropna()
    printed = [value for task in tasks if (value := results.find_printed(task, arm, metric)) is not None]
    return Entry(
        key={"task": f"average of {len(tasks)} tasks", "method": arm},
        metric=metric,
        interval=interval_of(metric, values.mean(axis=1)),
        printed=sum(printed) / len(printed) if len(printed) == len(tasks) else None,
    )
