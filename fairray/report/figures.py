"""The figures of a study: all seeds faint, mean and 95 % interval on top."""

import base64
from collections.abc import Sequence
from io import BytesIO

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from fairray.report.section import Section
from fairray.report.tables import named
from fairray.results import Results
from fairray.statistics.intervals import mean_interval

__all__ = ["sweep", "tradeoff"]

mpl.use("agg")  # reports are written where there is no screen


def tradeoff(results: Results, x: str, y: str) -> Section:
    """Accuracy against bias of every method, a panel per task; a cross is what the paper prints."""
    tasks = list(dict.fromkeys(task for task, _ in results.chosen))
    arms = list(dict.fromkeys(arm for _, arm in results.chosen))
    colours = dict(zip(arms, sns.color_palette("colorblind", len(arms)), strict=True))
    with sns.axes_style("whitegrid"):
        figure = Figure(figsize=(1.5 + 5.0 * len(tasks), 4.4), layout="constrained")
        for task, axes in zip(tasks, figure.subplots(1, len(tasks), squeeze=False)[0], strict=True):
            for arm in [arm for arm in arms if (task, arm) in results.chosen]:
                colour = colours[arm]
                h, v = (results.values(task, arm, metric) for metric in (x, y))
                axes.scatter(h, v, color=colour, alpha=0.25, s=22, linewidths=0)
                means = [mean_interval(values) for values in (h, v)]
                axes.errorbar(
                    means[0].mean, means[1].mean, xerr=means[0].half, yerr=means[1].half,
                    color=colour, marker="o", markersize=7, capsize=3, lw=1.5, label=arm,
                )  # fmt: skip
                printed = [results.print_of(task, arm, metric) for metric in (x, y)]
                if None not in printed:
                    axes.plot(*printed, color=colour, marker="x", markersize=8, ls="", mew=1.5)
            if len(results.printed):
                axes.plot([], [], color="grey", marker="x", ls="", label="printed")
            axes.set(title=task, xlabel=f"{named(x)} (%), lower is fairer", ylabel=f"{named(y)} (%), higher is better")
        figure.legend(*axes.get_legend_handles_labels(), loc="outside right center", frameon=False)
    return _section("Accuracy and fairness", figure, "tradeoff.png")


def sweep(results: Results, metrics: Sequence[str]) -> Section:
    """Each metric along each searched number; the line is the mean, the band its 95 % interval."""
    lines = [
        (task, arm, key)
        for key in results.searched
        for task, arm in results.chosen
        if _is_swept(results.of(task, arm)[key])
    ]
    if not lines:
        return Section("Search", "<p>No number was searched.</p>")
    with sns.axes_style("whitegrid"):
        figure = Figure(figsize=(4.6 * len(metrics), 3.6 * len(lines)), layout="constrained")
        panels = figure.subplots(len(lines), len(metrics), squeeze=False)
        for (task, arm, key), row in zip(lines, panels, strict=True):
            rows = results.of(task, arm)
            for metric, axes in zip(metrics, row, strict=True):
                _curve(results, axes, rows.assign(**{key: rows[key].astype(float)}), task, arm, key, metric)
        panels[0][0].legend(frameon=False)
    return _section("Search", figure, "sweep.png")


def _is_swept(values: pd.Series) -> bool:
    return values.nunique() > 1 and bool(pd.to_numeric(values, errors="coerce").notna().all())


def _curve(results, axes, rows, task, arm, key, metric):
    at = {value: mean_interval(part[metric]) for value, part in rows.groupby(key)}
    colour = sns.color_palette("colorblind")[0]
    axes.scatter(rows[key], rows[metric], color=colour, alpha=0.25, s=22, linewidths=0)
    axes.plot(list(at), [i.mean for i in at.values()], color=colour, marker="o", label=arm)
    axes.fill_between(list(at), [i.low for i in at.values()], [i.high for i in at.values()], color=colour, alpha=0.15)
    axes.axvline(float(results.chosen[task, arm].point[key]), color="grey", ls=":", label="chosen on validation")
    baseline = results.study.baseline
    if baseline and (task, baseline) in results.chosen:
        axes.axhline(results.interval(task, baseline, metric).mean, color="grey", ls="--", lw=1, label=baseline)
    axes.set(title=f"{task}, {arm}", xlabel=key.split(".")[-1], ylabel=f"{named(metric)} (%)")


def _section(title: str, figure: Figure, name: str) -> Section:
    png = BytesIO()
    figure.savefig(png, dpi=150)
    data = base64.b64encode(png.getvalue()).decode()
    return Section(title, f"<img alt='{title}' src='data:image/png;base64,{data}'>", {name: png.getvalue()})
