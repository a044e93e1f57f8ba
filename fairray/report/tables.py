"""The table of a study, beside the printed one, and what it says in words."""

from collections.abc import Sequence
from html import escape

import pandas as pd

from fairray.report.section import Section, percent
from fairray.results import Results
from fairray.statistics.intervals import Interval, mean_interval

__all__ = ["table", "verdict"]

LOWER_IS_BETTER = {"odds", "demographic_parity_difference", "equalized_odds_difference"}
NAMES = {"odds": "Odds", "eacc": "EAcc"}


def table(results: Results, metrics: Sequence[str]) -> Section:
    """Each method on each task: mean over seeds with 95 % interval, in percent, and the printed value."""
    rows = []
    for (task, arm), trial in results.chosen.items():
        row = {"task": task, "method": arm, "seeds": str(len(trial.seeds))}
        for metric in metrics:
            row[named(metric)] = percent(results.interval(task, arm, metric))
            if len(results.printed):
                printed = results.print_of(task, arm, metric)
                row[f"{named(metric)} printed"] = "" if printed is None else f"{printed:.2f}"
        row["chosen on validation"] = ", ".join(
            f"{k.split('.')[-1]} = {v:g}" if isinstance(v, int | float) else f"{k.split('.')[-1]} = {v}"
            for k, v in trial.point.items()
        )
        rows.append(row)
    frame = pd.DataFrame(rows)
    return Section(
        "Table",
        frame.to_html(index=False, border=0)
        + "<p>Test set, percent; mean over seeds [95 % t-interval]. Odds: lower is fairer. EAcc: higher is better.</p>",
        {
            "table.csv": _numbers(results, metrics).to_csv(index=False).encode(),
            "table.md": markdown(frame).encode(),
            "table.tex": latex(frame).encode(),
        },
    )


def verdict(results: Results, metrics: Sequence[str]) -> Section:
    """What each method does to each metric against the baseline, by paired differences over seeds."""
    baseline, lines = results.study.baseline, []
    for task, arm in results.chosen:
        if baseline is None or arm == baseline or (task, baseline) not in results.chosen:
            continue
        said = [_change(metric, _paired(results, task, arm, baseline, metric)) for metric in metrics]
        lines.append(f"<li><b>{escape(task)}, {escape(arm)}</b>: {'; '.join(said)}.</li>")
    missing = [arm for arm in results.study.arms() if (arm.task, arm.name) not in results.chosen]
    lines += [f"<li>{escape(arm.task)}, {escape(arm.name)}: nothing is stored of it.</li>" for arm in missing]
    left = [f"<li>{escape(task)} was left out: {escape(why)}</li>" for task, why in results.study.left_out.items()]
    note = (
        f"<p>Against {escape(str(baseline))}, seed by seed; percentage points [95 % t-interval of the difference].</p>"
    )
    return Section("Verdict", f"<ul>{''.join(lines + left)}</ul>{note}")


def named(metric: str) -> str:
    """How a metric is printed."""
    return NAMES.get(metric, metric.replace("_", " "))


def markdown(frame: pd.DataFrame) -> str:
    """A table as GitHub renders it."""
    lines = [list(frame.columns), ["---"] * len(frame.columns), *frame.astype(str).to_numpy().tolist()]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def latex(frame: pd.DataFrame) -> str:
    """A table for booktabs."""
    lines = [" & ".join(map(_tex, line)) + r" \\" for line in frame.astype(str).to_numpy().tolist()]
    head = " & ".join(map(_tex, frame.columns)) + r" \\"
    body = "\n".join([r"\toprule", head, r"\midrule", *lines, r"\bottomrule"])
    return f"\\begin{{tabular}}{{{'l' * len(frame.columns)}}}\n{body}\n\\end{{tabular}}\n"


def _tex(text: str) -> str:
    return text.replace("\\", r"\textbackslash{}").replace("_", r"\_").replace("%", r"\%").replace("&", r"\&")


def _numbers(results: Results, metrics: Sequence[str]) -> pd.DataFrame:
    rows = []
    for task, arm in results.chosen:
        for metric in metrics:
            interval = results.interval(task, arm, metric)
            printed = results.print_of(task, arm, metric)
            rows.append({"task": task, "method": arm, "metric": metric, **interval._asdict(), "printed": printed})
    return pd.DataFrame(rows)


def _paired(results: Results, task: str, arm: str, baseline: str, metric: str) -> Interval:
    difference = results.values(task, arm, metric) - results.values(task, baseline, metric)
    return mean_interval(difference.dropna())


def _change(metric: str, change: Interval) -> str:
    text = f"{named(metric)} {change.mean:+.2f} [{change.low:+.2f}, {change.high:+.2f}]"
    if change.n < 2:
        return f"{named(metric)} {change.mean:+.2f} (one seed: no verdict)"
    if not change.clear_of_zero:
        return f"{text}, not clear of zero"
    better = (change.mean < 0) == (metric in LOWER_IS_BETTER)
    return f"{text}, <span class='{'good' if better else 'bad'}'>{'better' if better else 'worse'}</span>"
