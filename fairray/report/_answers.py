"""How an answer is put into a sentence."""

from collections.abc import Iterable, Sequence
from math import isnan, sqrt

from scipy import stats

from fairray.report._blocks import Line, Part, Strong, join
from fairray.statistics.intervals import Interval
from fairray.statistics.power import LEVEL, MOST, POWER, needed_seeds
from fairray.words import list_some

__all__ = ["UNADJUSTED", "count_needed", "sum_up", "tell_needed", "write_range"]

UNADJUSTED = "By 95 % t-intervals of differences seed by seed, which are not adjusted for their number."

NAMED = 6  # of whom the same is said


def sum_up(said: Iterable[tuple[str, Part, str]]) -> list[Part]:
    """What is said of whom: for each measure the words, each with those that it is said of, in the order given.

    said: a measure's title, a word, and of whom it is said.
    """
    found: dict[str, dict[Part, list[str]]] = {}
    for title, word, who in said:
        found.setdefault(title, {}).setdefault(word, []).append(who)
    lines = [(Strong(title), " ", *join(", ", [_list(*one) for one in of.items()])) for title, of in found.items()]
    return join("; ", lines)


def count_needed(change: Interval, level: float = LEVEL) -> int:
    """How many values would tell a mean of this size from zero, and that there is none, by the spread of these."""
    spread = change.half * sqrt(change.n) / float(stats.t.ppf(0.975, change.n - 1))
    return needed_seeds(spread, abs(change.mean), level) if change.mean else MOST


def tell_needed(unclear: Sequence[Interval], unit: str = "seed", level: float = LEVEL) -> str:
    """What it takes to tell from zero mean differences that are not told; nothing where there are none.

    Values that are all equal have no spread, and say nothing of what it takes.
    """
    if any(change.n < 2 for change in unclear):
        return f"One {unit} does not tell: two are the least."
    needed = [count_needed(change, level) for change in unclear if not isnan(change.low)]
    if not needed:
        return ""
    power = f"in {POWER:.0%} of studies, should differences and spreads stay as they are"
    return f"To tell what is not clear of zero takes {write_range(needed)} {unit}s ({power})."


def write_range(needed: Sequence[int]) -> str:
    """The least and the most of some numbers of seeds."""
    ends = dict.fromkeys(f"{n:,}" if n < MOST else f"{MOST:,} or more" for n in (min(needed), max(needed)))
    return " to ".join(ends)


def _list(word: Part, whom: list[str]) -> Line:
    return word, f": {list_some(whom, NAMED)}"
