"""What a study cost: when each stage was computed, and what its kinds took."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.collections import PolyCollection
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure

from fairray.report._blocks import Block, Frame, Picture, Text
from fairray.report._drawing import note
from fairray.report._figures import pick_colours
from fairray.results import Results
from fairray.trial import stages

__all__ = ["Timeline"]

MANY = 2000  # bars beyond which a drawing has them as one picture


@dataclass(frozen=True)
class Timeline:
    """Every stage from its begin to its end, by kind; and of each kind how many there are, and what they took."""

    title: str = "Time and cost"

    def __call__(self, results: Results) -> Iterator[Block]:
        made = _read_stages(results)
        if made.empty:
            yield Text("Of no stage is it known when it was computed.")
            return
        alt = f"when each of {len(made)} stages was computed, by kind"
        caption = (
            "Each bar is a stage, from its begin to its end (UTC). Replicas that are trained together end together; "
            "their time is the first one's."
        )
        yield Picture("timeline", _draw(made), alt, caption)
        yield _tabulate(made)


def _read_stages(results: Results) -> pd.DataFrame:
    """A row for each stored stage: kind, seed, seconds, host, begin and end."""
    found = stages(replica for trial in results.trials for replica in trial.ends)
    rows = [
        {"uid": uid, "kind": replica.stage.name, "seed": replica.seed, **results.made[uid]}
        for uid, replica in found.items()
        if uid in results.made
    ]
    if not rows:
        return pd.DataFrame()
    table = pd.DataFrame(rows).astype({"seconds": float})
    table["end"] = pd.to_datetime(table["at"])
    table["begin"] = table["end"] - pd.to_timedelta(table["seconds"], unit="s")
    return table.sort_values("begin", ignore_index=True)


def _draw(made: pd.DataFrame) -> Figure:
    kinds = list(made["kind"].unique())
    with sns.axes_style("whitegrid"):
        figure = Figure(figsize=(10.0, 1.0 + 0.35 * len(kinds)), layout="constrained")
        axes = figure.subplots()
        for place, (kind, colour) in enumerate(pick_colours(kinds).items()):
            axes.add_collection(_make_bars(made[made["kind"] == kind], place, colour))
        locator = AutoDateLocator()
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
        axes.set_yticks(range(len(kinds)), kinds)
        axes.set(xlabel="time (UTC)", ylim=(len(kinds) - 0.5, -0.5))
        axes.set_xlim(made["begin"].min(), made["end"].max() + pd.Timedelta(seconds=1))
    return figure


def _make_bars(made: pd.DataFrame, place: int, colour: Any) -> PolyCollection:
    low, high = place - 0.35, place + 0.35
    corners = [
        [(begin, low), (end, low), (end, high), (begin, high)]
        for begin, end in zip(date2num(made["begin"]), date2num(made["end"]), strict=True)
    ]
    notes = [
        note(f"{row['kind']}, seed {row['seed']}: {row['seconds']:.2f} s, {row['uid']}")
        for row in made.to_dict("records")
    ]
    style = {"facecolor": colour, "edgecolor": colour, "alpha": 0.6, "rasterized": len(made) > MANY}
    return PolyCollection(corners, urls=notes, **style)


def _tabulate(made: pd.DataFrame) -> Frame:
    seconds = made.groupby("kind", sort=False)["seconds"]
    table = pd.DataFrame({"stages": seconds.size(), "seconds": seconds.sum(), "longest": seconds.max()})
    table["share"] = table["seconds"] / table["seconds"].sum()
    cells = pd.DataFrame(
        {
            "kind": table.index,
            "stages": [str(count) for count in table["stages"]],
            "minutes": [f"{of / 60:.2f}" for of in table["seconds"]],
            "share (%)": [f"{100 * of:.1f}" for of in table["share"]],
            "longest (s)": [f"{of:.2f}" for of in table["longest"]],
        }
    )
    caption = "What the kinds of stages took; one that several trials share counts once."
    return Frame("cost", cells, table.reset_index(), caption)
