"""Which of two attacks survives defences better, image by image (Imperceptible Attacks, Figure 3.5)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from fairray.report._blocks import Bad, Block, Good, Items, Line, Strong, Text, join
from fairray.report._images import find_pairs, list_defences, list_rivals, read_images
from fairray.report._words import write_interval, write_p
from fairray.results import Results
from fairray.statistics.comparison import Mean, against, holm
from fairray.statistics.power import LEVEL

__all__ = ["Survival"]

KINDS = {"jpeg": "JPEG", "depth": "fewer bits"}


class Pair(NamedTuple):
    """One method against another, under all defences of a kind."""

    task: str
    kind: str
    rival: str
    change: Mean


@dataclass(frozen=True)
class Survival:
    """By how much more of the images one method fools after a kind of defence than others, over all its strengths.

    ours: the method. rivals: whom it is compared with; without any, all others.
    """

    ours: str
    rivals: tuple[str, ...] = ()
    title: str = "Whose images survive defences"

    def __call__(self, results: Results) -> Iterator[Block]:
        pairs, left_out = find_pairs(results, self.ours, self._pair)
        yield from left_out
        if not pairs:
            yield Text("No two methods that are results were both tried with a defence.")
            return
        adjusted = holm([pair.change.p for pair in pairs])
        yield Items([self._describe(pair, p) for pair, p in zip(pairs, adjusted, strict=True)])
        yield Text(
            f"The share of the images that {self.ours} fools minus the share that the other fools, the mean over the "
            "kind's strengths, image by image [95 % t-interval over images]; p by paired t-tests, adjusted for all of "
            "these (Holm)."
        )

    def _pair(self, results: Results, task: str, arms: Sequence[str]) -> Iterator[Pair]:
        for kind, views in list_defences(results, task).items():
            for rival in list_rivals(self.ours, self.rivals, arms):
                ours, theirs = (_share(results, task, arm, views) for arm in (self.ours, rival))
                if len(differences := (ours - theirs).dropna()) > 1:
                    yield Pair(task, KINDS[kind], rival, against(differences.to_numpy(), 0))

    def _describe(self, pair: Pair, p: float) -> Line:
        change = pair.change
        words: Line = f"is not told from {pair.rival}"
        if p <= LEVEL:
            words = ("fools ", Good("more") if change.mean > 0 else Bad("fewer"), f" than {pair.rival}")
        said = write_interval("success", change.interval, "+")
        why = f"adjusted p {write_p(p)}" if np.isfinite(p) else change.reason
        return join("", (Strong(f"{pair.task}, {pair.kind}"), f": {self.ours} ", words, f": {said}, {why}"))


def _share(results: Results, task: str, arm: str, views: Sequence[str]) -> pd.Series:
    """Of the defences that an image went through, after which it still fools; by image."""
    return pd.concat([read_images(results, task, arm, "success", view) for view in views], axis=1).mean(axis=1)
