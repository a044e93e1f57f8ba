"""How an answer is put into a sentence."""

from collections.abc import Iterable

from fairray.report._blocks import Line, Part, Strong, join
from fairray.words import list_some

__all__ = ["UNADJUSTED", "sum_up"]

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


def _list(word: Part, whom: list[str]) -> Line:
    return word, f": {list_some(whom, NAMED)}"
