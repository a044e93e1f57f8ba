"""The table of a study, beside the printed one, and what it says in words."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd

from fairray.measures import PERCENT, find
from fairray.report.section import Section, named, number, shown, with_unit
from fairray.results import Results
from fairray.statistics.intervals import Interval, mean_interval

__all__ = ["Entry", "items", "laid_out", "pointed", "stands_for", "table", "table_section", "verdict"]

FEWEST = 3  # tasks that an average is taken over; of one or two it says nothing that their own rows do not


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A measured value beside the printed one. key: where it stands, by the name of the axis."""

    key: Mapping[str, str]
    metric: str
    interval: Interval
    printed: float | None = None


def table(results: Results, metrics: Sequence[str]) -> Section:
    """Each method on each task: mean over seeds with 95 % interval, and the printed value; blank if not measured.

    Where three tasks or more share a metric, a row per method averages them.
    """
    entries = [*_measured(results, metrics), *_averages(results, metrics)]
    frame = laid_out(entries, rows=("task", "method"), across="metric")
    trials = [results.chosen.get(row) for row in zip(frame["task"], frame["method"], strict=True)]
    frame.insert(2, "seeds", [str(len(trial.seeds)) if trial else "" for trial in trials])
    if results.searched:
        frame["chosen on validation"] = [pointed(trial.point) if trial else "" for trial in trials]
    ways = [f"{with_unit(m)}: {find(m).better} is better." for m in metrics]
    note = f"Test set; mean over seeds [95 % t-interval]. {' '.join(ways)}"
    return table_section("Table", "table", frame, entries, [note, *stands_for(results)])


def verdict(results: Results, metrics: Sequence[str]) -> Section:
    """What each method does to each metric against the baseline, by paired differences over seeds."""
    baseline, lines = results.study.baseline, []
    for task, arm in results.chosen:
        if baseline is None or arm == baseline:
            continue
        both = [m for m in metrics if results.has(task, arm, m) and results.has(task, baseline, m)]
        said = [_change(metric, _paired(results, task, arm, baseline, metric)) for metric in both]
        lines += [f"<b>{escape(task)}, {escape(arm)}</b>: {'; '.join(said)}."] if said else []
    missing = [arm for arm in results.study.arms() if (arm.task, arm.name) not in results.chosen]
    lines += [f"{escape(arm.task)}, {escape(arm.name)}: nothing is stored of it." for arm in missing]
    lines += [f"{escape(task)} was left out: {escape(why)}" for task, why in results.study.left_out.items()]
    points = ", ".join(named(metric) for metric in metrics if find(metric).unit == PERCENT)
    note = f"Against {escape(str(baseline))}, seed by seed [95 % t-interval of the difference]"
    return Section("Verdict", f"{items(lines)}<p>{note}{f'; {points} in percentage points' if points else ''}.</p>")


def laid_out(entries: Sequence[Entry], rows: Sequence[str], across: str) -> pd.DataFrame:
    """The entries by the names `rows`, with columns by the name `across`; printed values stand beside theirs."""
    lines: dict[tuple[str, ...], dict[str, str]] = {}
    for entry in entries:
        place = {name: entry.key[name] for name in rows}
        lines.setdefault(tuple(place.values()), place).update(_cells(entry, across))
    measured = dict.fromkeys(_column(entry, across) for entry in entries)
    order = [*rows, *(column for name in measured for column in (name, f"{name} printed"))]
    filled = set(rows).union(*lines.values())
    return pd.DataFrame(list(lines.values()), columns=[column for column in order if column in filled]).fillna("")


def table_section(
    title: str, name: str, frame: pd.DataFrame, entries: Sequence[Entry], notes: Iterable[str]
) -> Section:
    """A table and its notes, and files of that name: the numbers, Markdown and LaTeX."""
    numbers = [{**e.key, "metric": e.metric, **e.interval._asdict(), "printed": e.printed} for e in entries]
    files = {
        f"{name}.csv": pd.DataFrame(numbers).to_csv(index=False).encode(),
        f"{name}.md": _markdown(frame).encode(),
        f"{name}.tex": _latex(frame).encode(),
    }
    return Section(title, frame.to_html(index=False, border=0) + "".join(f"<p>{note}</p>" for note in notes), files)


def stands_for(results: Results) -> list[str]:
    """A note of the tasks whose printed values are those of another one; none where there are none."""
    others = {task: results.study.printed_tasks.get(task) for task, _ in results.chosen}
    said = [f"values of {escape(other)} beside {escape(task)}" for task, other in others.items() if other]
    return [f"Printed: {'; '.join(said)}."] if said else []


def items(lines: Iterable[str]) -> str:
    """A list in HTML."""
    return f"<ul>{''.join(f'<li>{line}</li>' for line in lines)}</ul>"


def _measured(results: Results, metrics: Sequence[str]) -> Iterator[Entry]:
    for task, arm in results.chosen:
        for metric in [m for m in metrics if results.has(task, arm, m)]:
            yield Entry(
                key={"task": task, "method": arm},
                metric=metric,
                interval=results.interval(task, arm, metric),
                printed=results.print_of(task, arm, metric),
            )


def _averages(results: Results, metrics: Sequence[str]) -> Iterator[Entry]:
    """Of the methods that have a metric on each task that has it at all: their averages are of the same tasks."""
    arms = dict.fromkeys(arm for _, arm in results.chosen)
    for metric in metrics:
        tasks = list(dict.fromkeys(task for task, arm in results.chosen if results.has(task, arm, metric)))
        for arm in arms:
            if len(tasks) >= FEWEST and all(results.has(task, arm, metric) for task in tasks):
                yield _average(results, tasks, arm, metric)


def _average(results: Results, tasks: Sequence[str], arm: str, metric: str) -> Entry:
    values = pd.DataFrame({task: results.values(task, arm, metric) for task in tasks}).dropna()
    printed = [value for task in tasks if (value := results.print_of(task, arm, metric)) is not None]
    return Entry(
        key={"task": f"average of {len(tasks)} tasks", "method": arm},
        metric=metric,
        interval=mean_interval(values.mean(axis=1)),
        printed=sum(printed) / len(printed) if len(printed) == len(tasks) else None,
    )


def _cells(entry: Entry, across: str) -> dict[str, str]:
    column, cells = _column(entry, across), {}
    cells[column] = shown(entry.metric, entry.interval)
    if entry.printed is not None:
        cells[f"{column} printed"] = number(entry.metric, entry.printed)
    return cells


def _column(entry: Entry, across: str) -> str:
    return named(entry.metric) if across == "metric" else entry.key[across]


def pointed(point: Mapping[str, Any]) -> str:
    """A point of a search in words."""
    names = {key.split(".")[-1]: value for key, value in point.items()}
    return ", ".join(f"{k} = {v:g}" if isinstance(v, int | float) else f"{k} = {v}" for k, v in names.items())


def _markdown(frame: pd.DataFrame) -> str:
    """As GitHub renders it."""
    lines = [list(frame.columns), ["---"] * len(frame.columns), *frame.to_numpy().tolist()]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _latex(frame: pd.DataFrame) -> str:
    """For booktabs."""
    lines = [" & ".join(map(_tex, line)) + r" \\" for line in frame.to_numpy().tolist()]
    head = " & ".join(map(_tex, frame.columns)) + r" \\"
    body = "\n".join([r"\toprule", head, r"\midrule", *lines, r"\bottomrule"])
    return f"\\begin{{tabular}}{{{'l' * len(frame.columns)}}}\n{body}\n\\end{{tabular}}\n"


def _tex(text: str) -> str:
    return (
        text.replace("\\", r"\textbackslash{}")
        .replace("_", r"\_")
        .replace("%", r"\%")
        .replace("&", r"\&")
        .replace("∞", r"$\infty$")
        .replace("×", r"$\times$")
    )


def _paired(results: Results, task: str, arm: str, baseline: str, metric: str) -> Interval:
    difference = results.values(task, arm, metric) - results.values(task, baseline, metric)
    return mean_interval(difference.dropna())


def _change(metric: str, change: Interval) -> str:
    text = f"{named(metric)} {shown(metric, change, '+')}"
    if change.n < 2:
        return f"{text} (one seed: no verdict)"
    if not change.clear_of_zero:
        return f"{text}, not clear of zero"
    better = (change.mean < 0) == (find(metric).best == "low")
    return f"{text}, <span class='{'good' if better else 'bad'}'>{'better' if better else 'worse'}</span>"
