"""Two objectives of a search against each other: every point that was tried, and those that no other one beats."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fairray.measures import find
from fairray.records import headline
from fairray.report._answers import tell_needed
from fairray.report._blocks import Answer, Block, Items, Line, Picture, Strong, Text, find_place, join
from fairray.report._drawing import note
from fairray.report._figures import Look, add_legend_above, express_points, pick_looks, scale_by_ratio
from fairray.report._words import describe_metric, describe_point, name_metric, write_interval, write_value
from fairray.results import Results, interval_of
from fairray.rules import place
from fairray.soundness import gravity
from fairray.statistics.intervals import Interval, mean_interval
from fairray.statistics.pareto import hypervolume, pareto_front

__all__ = ["Pareto"]

NAMED = 4  # points of an answer
BEATEN = (
    "A point beats another that is no better in either mean, and worse in one, by a 95 % t-interval of differences "
    "seed by seed, which is not adjusted for their number."
)


@dataclass(frozen=True)
class Pareto:
    """Every point of every method, a panel per task; the front is of validation means, its values of test data.

    x, y: metrics; without them the study's last objective and its first.
    """

    x: str | None = None
    y: str | None = None
    title: str = "Pareto front"

    def __call__(self, results: Results) -> Iterator[Block]:
        objectives = results.study.objectives
        x, y = self.x or objectives[-1], self.y or objectives[0]
        points = _average(results, x, y)
        if points.empty:
            yield Text("Nothing was measured.")
            return
        caption = (
            f"Means over seeds on the test set with their 95 % intervals. On the front are the points whose "
            f"{name_metric(x)} and {name_metric(y)} no other point of the task beats on validation data; hollow points "
            "are no results, and on no front while others are:"
        )
        alt = f"{name_metric(y)} against {name_metric(x)} of every point"
        yield Picture("pareto", _draw(points, x, y), alt, caption)
        yield Items([*_describe_front(points, x, y), *_measure_fronts(points, x, y)])

    def answer(self, results: Results) -> Answer | None:
        objectives = results.study.objectives
        x, y = self.x or objectives[-1], self.y or objectives[0]
        points = _average(results, x, y)
        if points.empty:
            return None
        front = points[points["front"]].sort_values(["task", "x"])
        names = [", ".join(filter(None, of)) for of in zip(front["task"], front["arm"], front["place"])]
        both = f"{name_metric(x)} and {name_metric(y)}"
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        beaten, unclear = _count_beaten(points, x, y)
        found = (
            f"In {both} together no other point beats on validation data ",
            *join(" or ", [Strong(name) for name in names[:NAMED]]),
            f"{more}; on test data these beat {beaten} of the other {len(points) - len(names)} that were tried.",
        )
        return Answer(found, BEATEN, tell_needed(unclear, results.unit))


def _average(results: Results, x: str, y: str) -> pd.DataFrame:
    """A row per trial: task, arm, place in the search, test intervals of x and y, and whether it is on the front."""
    rows = headline(results.tried).query("metric in [@x, @y]")
    if rows.groupby("split")["metric"].nunique().reindex(["val", "test"]).ne(2).any():
        return pd.DataFrame()
    keys = ["task", "arm", "trial"]
    values = {
        split: part.groupby([*keys, "metric"], sort=False)["value"].agg(list).unstack("metric").dropna()
        for split, part in rows.groupby("split")
    }
    places = {trial.key: describe_point(trial.point) for trial in results.trials}
    table = values["test"].rename(columns={x: "x", y: "y"})
    table["note"] = [
        _tell(places, key, {x: of_x, y: of_y}) for key, of_x, of_y in zip(table.index, table["x"], table["y"])
    ]
    for axis, metric in (("x", x), ("y", y)):
        table[f"by seed {axis}"] = table[axis].map(np.array)
        table[f"interval {axis}"] = table[axis].map(partial(interval_of, metric))
        table[axis] = table[f"interval {axis}"].map(lambda interval: interval.mean)
        table[f"{axis} half"] = table[f"interval {axis}"].map(lambda interval: interval.half)
        table[f"val {axis}"] = find(metric).sign * values["val"][metric].map(np.mean)
    grave = pd.Series([gravity(results.doubts.get(key, ())) for key in table.index], index=table.index)
    table["sound"] = grave == grave.groupby("task").transform("min")
    scores = table[table["sound"]].groupby("task", sort=False)[["val x", "val y"]]
    fronts = pd.concat([pd.Series(pareto_front(part.to_numpy()), index=part.index) for _, part in scores])
    table["front"] = fronts.reindex(table.index, fill_value=False)
    return table.assign(place=[places[key] for key in table.index]).reset_index()


def _count_beaten(points: pd.DataFrame, x: str, y: str) -> tuple[int, list[Interval]]:
    """How many points one of the front beats on test data; and of the others by how much one seems to beat them."""
    beaten, unclear = 0, []
    for row in points[points["sound"] & ~points["front"]].to_dict("records"):
        front = points[points["front"] & (points["task"] == row["task"])].to_dict("records")
        gains = [gain for other in front if (gain := _gain(other, row, x, y)) is not None]
        if any(gain.clear_of_zero for gain in gains):
            beaten += 1
        elif gains:
            unclear.append(max(gains, key=lambda gain: gain.mean / gain.half if gain.half else 0.0))
    return beaten, unclear


def _gain(ours: Mapping[Any, Any], theirs: Mapping[Any, Any], x: str, y: str) -> Interval | None:
    """What one point gains on another in the metric that tells more; none where it is worse in either mean."""
    pairs = [
        (find(metric).sign, ours[f"by seed {axis}"], theirs[f"by seed {axis}"]) for axis, metric in (("x", x), ("y", y))
    ]
    if any(len(a) != len(b) for _, a, b in pairs):
        return None
    gains = [mean_interval(sign * (a - b)) for sign, a, b in pairs]
    return None if min(gain.mean for gain in gains) < 0 else max(gains, key=lambda gain: gain.low)


def _tell(places: Mapping[Any, str], key: tuple[str, str, str], values: Mapping[str, list[float]]) -> str:
    """A point's values by seed, as its note. key: task, method, and the trial's uid."""
    said = (f"{name_metric(m)} {', '.join(write_value(m, value) for value in of)}" for m, of in values.items())
    return note(f"{', '.join(filter(None, [*key[:2], places[key]]))}, by seed: {'; '.join(said)}", find_place(key[2]))


def _draw(points: pd.DataFrame, x: str, y: str) -> Figure:
    tasks, arms = (list(points[key].unique()) for key in ("task", "arm"))
    points = express_points(points, x, y)
    looks = pick_looks(arms)
    with sns.axes_style("whitegrid"):
        figure = Figure(figsize=(1.0 + 6.4 * len(tasks), 5.4), layout="constrained")
        for task, axes in zip(tasks, figure.subplots(1, len(tasks), squeeze=False)[0], strict=True):
            of = points[points["task"] == task]
            for arm in arms:
                _draw_points(axes, of[of["arm"] == arm], arm, looks[arm])
            _draw_front(axes, of[of["front"]].sort_values("x"))
            axes.set(title=task, xlabel=describe_metric(x), ylabel=describe_metric(y), ylim=_around(of["y"]))
            if not scale_by_ratio(axes, of["x"]):
                axes.set_xlim(_around(of["x"]))
        add_legend_above(figure)
    return figure


def _draw_points(axes: Axes, points: pd.DataFrame, arm: str, look: Look) -> None:
    style = {"color": look.colour, "fmt": "none", "lw": 0.8, "alpha": 0.2}
    axes.errorbar(points["x"], points["y"], xerr=points["x half"], yerr=points["y half"], **style)
    dots: Any = {"marker": look.marker, "s": 45}
    axes.scatter([], [], color=look.colour, linewidths=0, label=arm, **dots)
    faces = [look.colour if sound else "none" for sound in points["sound"]]
    edges: Any = {"edgecolors": [look.colour] * len(points), "lw": 0.8, "urls": [*points["note"]]}
    axes.scatter(points["x"], points["y"], facecolors=faces, **edges, **dots)


def _draw_front(axes: Axes, front: pd.DataFrame) -> None:
    axes.plot(front["x"], front["y"], color="black", lw=1.2, ls="--", zorder=0)
    axes.scatter(front["x"], front["y"], s=110, facecolors="none", edgecolors="black", label="front")


def _around(values: pd.Series) -> tuple[float, float]:
    """Limits of an axis that show the means well; wide intervals may reach beyond."""
    margin = 0.15 * max(float(values.max() - values.min()), 1e-3)
    return float(values.min()) - margin, float(values.max()) + margin


def _describe_front(points: pd.DataFrame, x: str, y: str) -> Iterator[Line]:
    for row in points[points["front"]].sort_values(["task", "x"]).to_dict("records"):
        values = [f"{name_metric(m)} {write_interval(m, row[f'interval {axis}'])}" for axis, m in (("x", x), ("y", y))]
        yield Strong(", ".join(filter(None, [row["task"], row["arm"], row["place"]]))), f": {'; '.join(values)}."


def _measure_fronts(points: pd.DataFrame, x: str, y: str) -> Iterator[Line]:
    """How much of what lies between the worst and the best of each number a front beats, where there are any two."""
    for task, of in points.groupby("task", sort=False):
        box = place(of[["val x", "val y"]].to_numpy())
        if box.any():
            between = f"the worst and the best {name_metric(x)} and {name_metric(y)} of its points"
            yield f"{task}: the front beats {hypervolume(box):.2f} of the rectangle between {between} (hypervolume)."
