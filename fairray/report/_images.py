"""What methods did to attacked images, image by image."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Protocol, TypeVar

import pandas as pd

from fairray.report._blocks import Block, Text
from fairray.report._words import refuse_verdict
from fairray.results import Results
from fairray.statistics.intervals import Interval, mean_interval, share_interval
from fairray.words import write_count

__all__ = [
    "average_images", "count_images", "count_stuck", "find_attacked", "find_pairs", "find_read", "list_defences",
    "list_rivals", "read_images", "time_attack",
]  # fmt: skip


class Rivalry(Protocol):
    """A method of a task that another is compared with."""

    @property
    def task(self) -> str: ...
    @property
    def rival(self) -> str: ...


P = TypeVar("P", bound=Rivalry)
SHARES = {"accuracy", "judged", "success"}  # 0 or 1 for each image
KINDS = ("jpeg", "depth")  # of defences


def find_attacked(results: Results) -> dict[str, list[str]]:
    """The tasks of which images were attacked, and by which methods."""
    return _find_measured(results, "success")


def find_read(results: Results) -> dict[str, list[str]]:
    """The tasks of which images were to be attacked, if the model reads them right, and by which methods."""
    return _find_measured(results, "accuracy")


def _find_measured(results: Results, metric: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for task, arm in results.chosen:
        if len(read_images(results, task, arm, metric)):
            found.setdefault(task, []).append(arm)
    return found


def read_images(results: Results, task: str, arm: str, metric: str, view: str | None = None) -> pd.Series:
    """A metric by the id of the image; the mean over seeds. view: the defence that images went through."""
    rows = results.of(task, arm, results.per_image)
    rows = rows[(rows["metric"] == metric) & (rows["view"].isna() if view is None else rows["view"] == view)]
    return rows.groupby("sample")["value"].mean()


def list_defences(results: Results, task: str) -> dict[str, list[str]]:
    """What images of a task went through, by its kind (jpeg, depth), the weakest first."""
    rows = results.per_image
    found: dict[str, list[str]] = {}
    for view in sorted(rows.loc[(rows["task"] == task) & rows["view"].notna(), "view"].unique(), key=_place):
        found.setdefault(view.split()[0], []).append(view)
    return found


def _place(view: str) -> tuple[int, int]:
    kind, strength = view.split()
    return KINDS.index(kind), -int(strength)


def list_rivals(ours: str, rivals: Sequence[str], arms: Sequence[str]) -> list[str]:
    """Those of the named methods, or of all, that ours is to be compared with; none where ours attacked no image."""
    return [arm for arm in rivals or arms if arm in arms and arm != ours] if ours in arms else []


def find_pairs(
    results: Results, ours: str, pair: Callable[[Results, str, Sequence[str]], Iterator[P]]
) -> tuple[list[P], list[Block]]:
    """The comparisons of two methods that are results, over all tasks, and a line about those that are none.

    pair: the comparisons of a task's methods.
    """
    pairs = [one for task, arms in find_attacked(results).items() for one in pair(results, task, arms)]
    doubtful = [results.doubtful(one.task, ours, one.rival) for one in pairs]
    names = sorted({*chain(*doubtful)})
    sound = [one for one, of in zip(pairs, doubtful, strict=True) if not of]
    return sound, [Text(f"Left out: {refuse_verdict(names)}.")] if names else []


def count_stuck(results: Results, task: str, arm: str) -> str:
    """On how many images the attack's gradient is 0, in words; nothing if it is on none."""
    vanished = read_images(results, task, arm, "vanished")
    if not vanished.any():
        return ""
    return f"gradient is 0 on {int((vanished > 0).sum())} of {write_count(len(vanished), 'image')}"


def time_attack(results: Results, task: str, arm: str) -> float | None:
    """Seconds an image, of all that its stages attacked, whatever the split and seed; None where nothing says it."""
    rows = results.of(task, arm, results.records)
    rows = rows[(rows["trial"] == results.chosen[task, arm].uid) & (rows["metric"] == "accuracy")]
    rows = rows[rows["sample"].notna() & rows["defence"].isna() & rows["uid"].isin([*results.made])]
    seconds = sum(float(str(results.made[uid]["seconds"])) for uid in rows["uid"].unique())
    attacked = rows["value"].sum()  # an image that is misread is left as it is
    return seconds / attacked if attacked else None


def average_images(metric: str, values: pd.Series) -> Interval:
    """The mean over images, with the interval that suits a metric's values."""
    return share_interval(values) if metric in SHARES else mean_interval(values)


def count_images(results: Results, arms: Mapping[str, Sequence[str]]) -> str:
    """How many images the methods of each task attacked, in words. arms: as of `find_attacked`."""
    counts = {task: {len(read_images(results, task, arm, "success")) for arm in of} for task, of in arms.items()}
    return "; ".join(f"{task}: {_count_range(of)}" for task, of in counts.items())


def _count_range(numbers: set[int]) -> str:
    least, most = min(numbers), write_count(max(numbers), "image")
    return most if len(numbers) == 1 else f"{least} to {most}"
