"""Measured values beside the printed ones, as a table."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from fairray.report._blocks import Frame, Link, Text, find_place
from fairray.report._words import describe_metric, express_interval, name_metric, write_interval, write_printed
from fairray.results import Results
from fairray.statistics.intervals import Interval

__all__ = ["Entry", "explain_directions", "explain_printed", "lay_out", "lead_to_trials", "tabulate"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A value as measured beside the one that the paper prints.

    key: where it stands, by the name of the axis. deviation: of the printed value over the paper's runs, where it is
    printed. uid: of the trial that it is of, if it is of one.
    """

    key: Mapping[str, str]
    metric: str
    interval: Interval
    printed: float | None = None
    deviation: float | None = None
    uid: str = ""


def lay_out(entries: Sequence[Entry], rows: Sequence[str], across: str) -> pd.DataFrame:
    """The entries by the names `rows`, with columns by the name `across`; printed values stand beside theirs."""
    lines: dict[tuple[str, ...], dict[str, str]] = {}
    for entry in entries:
        place = {name: entry.key[name] for name in rows}
        lines.setdefault(tuple(place.values()), place).update(_write_cells(entry, across))
    measured = dict.fromkeys(_name_column(entry, across) for entry in entries)
    order = [*rows, *(column for name in measured for column in (name, f"{name} printed"))]
    filled = set(rows).union(*lines.values())
    shown = [column for column in order if column in filled]
    return pd.DataFrame(list(lines.values()), columns=shown, dtype=object).fillna("")  # as text a cell leads nowhere


def tabulate(name: str, cells: pd.DataFrame, entries: Iterable[Entry], caption: str) -> Frame:
    """The block of a table. cells: the entries as they were laid out. Its numbers are in the units of print, too."""
    return Frame(name, cells, pd.DataFrame([_list_numbers(entry) for entry in entries]), caption)


def lead_to_trials(table: Frame, results: Results) -> Frame:
    """The table, in which each method's name leads to the trial that was chosen of it on the row's task, and says how
    many there were to choose from where some are missing."""
    if "task" not in table.cells:
        return table
    cells = table.cells.copy()
    for column in cells.columns.intersection(["method", "against"]):
        names = [_lead(results, *place) for place in zip(cells["task"], cells[column], strict=True)]
        cells[column] = pd.Series(names, index=cells.index, dtype=object)  # as text a cell leads nowhere
    return replace(table, cells=cells)


def _lead(results: Results, task: str, arm: str) -> str:
    trial = results.chosen.get((task, arm))
    if trial is None:
        return arm
    missing, asked = results.count_missing(task, arm)
    return Link(f"{arm} ({asked - missing} of {asked} trials)" if missing else arm, find_place(trial.uid))


def explain_directions(entries: Iterable[Entry]) -> Iterator[Text]:
    """A note of which way each metric is better, if there are any."""
    if metrics := dict.fromkeys(entry.metric for entry in entries):
        yield Text(f"{'. '.join(map(describe_metric, metrics))}.")


def explain_printed(results: Results) -> Iterator[Text]:
    """A note of the tasks whose printed values are those of another one, if there are any."""
    others = {task: results.study.printed_tasks.get(task) for task, _ in results.chosen}
    if said := [f"values of {other} beside {task}" for task, other in others.items() if other]:
        yield Text(f"Printed: {'; '.join(said)}.")


def _list_numbers(entry: Entry) -> dict[str, str | float | None]:
    numbers = express_interval(entry.metric, entry.interval)._asdict()
    return {**entry.key, "metric": entry.metric, **numbers, "printed": entry.printed}


def _write_cells(entry: Entry, across: str) -> dict[str, str]:
    column, cells = _name_column(entry, across), {}
    value = write_interval(entry.metric, entry.interval)
    cells[column] = Link(value, find_place(entry.uid)) if entry.uid else value
    if entry.printed is not None:
        known = [value for value in (entry.printed, entry.deviation) if value is not None]
        cells[f"{column} printed"] = " ± ".join(write_printed(entry.metric, value) for value in known)
    return cells


def _name_column(entry: Entry, across: str) -> str:
    return name_metric(entry.metric) if across == "metric" else entry.key[across]
