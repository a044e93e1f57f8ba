"""Parts of the test set: by group (BaDe, Table 5), and under triggers (BaDe, Table 4)."""

from collections.abc import Iterator
from dataclasses import replace
from html import escape
from itertools import combinations

import pandas as pd

from fairray.report.section import Section, named, number, shown, with_unit
from fairray.report.tables import Entry, items, laid_out, stands_for, table_section
from fairray.results import Results
from fairray.statistics.intervals import mean_interval

__all__ = ["by_group", "views"]


def by_group(results: Results, metric: str) -> Section:
    """A metric of each group, such as group_mse, and over all examples; mean over seeds with 95 % interval."""
    overall = metric.removeprefix("group_")
    entries = list(_of_groups(results, metric, overall))
    frame = laid_out(entries, rows=("task", "method"), across="group")
    note = f"{with_unit(overall)} on the test set, over all examples and by group; mean over seeds [95 % t-interval]."
    return table_section(f"{named(overall)} by group", metric, frame, entries, [note, *stands_for(results)])


def views(results: Results, metric: str) -> Section:
    """A metric by view: who is looked at, and under which trigger; a column per method."""
    entries = [
        Entry(
            key={"task": task, "view": view, "method": arm},
            metric=metric,
            interval=mean_interval(values),
            printed=_print_of(results, task, arm, metric, view),
        )
        for task, arm in results.chosen
        for view, values in _by_view(results, task, arm, metric).items()
    ]
    frame = laid_out(entries, rows=("task", "view"), across="method")
    note = f"{with_unit(metric)} on the test set; mean over seeds [95 % t-interval]."
    says = "The largest effect of a trigger on the same examples, by paired differences over seeds:"
    section = table_section(
        f"{named(metric)} under triggers", "views", frame, entries, [note, *stands_for(results), says]
    )
    return replace(section, html=section.html + items(_effects(results, metric)))


def _of_groups(results: Results, metric: str, overall: str) -> Iterator[Entry]:
    for task, arm in results.chosen:
        rows = results.of(task, arm, results.by_group)
        groups = rows[rows["metric"] == metric].groupby("group", sort=False)["value"]
        samples = {"all": results.values(task, arm, overall)} if results.has(task, arm, overall) else {}
        for group, sample in (samples | {str(group): values for group, values in groups}).items():
            yield Entry(
                key={"task": task, "method": arm, "group": group},
                metric=overall,
                interval=mean_interval(sample),
                printed=_print_of(results, task, arm, overall, group),
            )


def _by_view(results: Results, task: str, arm: str, metric: str) -> dict[str, pd.Series]:
    """The values of each view, by seed."""
    rows = results.of(task, arm, results.views)
    seen = rows[rows["metric"] == metric].set_index("seed").groupby("view", sort=False)["value"]
    return {str(view): values for view, values in seen}


def _print_of(results: Results, task: str, arm: str, metric: str, view: str) -> float | None:
    return results.print_of(task, arm, metric, view=view)


def _effects(results: Results, metric: str) -> Iterator[str]:
    """For each task, what triggers change most in each method."""
    for task in dict.fromkeys(task for task, _ in results.chosen):
        arms = [arm for of, arm in results.chosen if of == task]
        said = [text for arm in arms if (text := _effect(results, task, arm, metric))]
        if said:
            yield f"<b>{escape(task)}</b>: {'; '.join(said)}."


def _effect(results: Results, task: str, arm: str, metric: str) -> str:
    """Views of other examples differ without any trigger, so only views of the same ones are compared."""
    values = _by_view(results, task, arm, metric)
    pairs = [(a, b) for a, b in combinations(values, 2) if a.split(",")[0] == b.split(",")[0]]
    changes = {(a, b): mean_interval((values[b] - values[a]).dropna()) for a, b in pairs}
    if not changes:
        return ""
    (before, after), change = max(changes.items(), key=lambda item: abs(item[1].mean))
    return f"{escape(arm)} {shown(metric, change, '+')}{_printed_effect(results, task, arm, metric, before, after)}"


def _printed_effect(results: Results, task: str, arm: str, metric: str, before: str, after: str) -> str:
    """The two views, and the printed difference between them."""
    printed = [_print_of(results, task, arm, metric, view) for view in (after, before)]
    known = [value for value in printed if value is not None]
    beside = f", printed {number(metric, known[0] - known[1], '+')}" if len(known) == 2 else ""
    return f" ({escape(after)} against {escape(before)}{beside})"
