"""Why a job failed: by kind, in words, and what that means for the study."""

import re
import traceback
from collections import defaultdict
from typing import Literal

from fairray.errors import BadInput, Fatal
from fairray.secrecy import hide

__all__ = ["COUNTED", "Failure", "Hung", "Kind", "Repeats", "find_kind", "say_hung", "tell"]

Kind = Literal["bug", "input", "memory", "died", "hung", "node"]
COUNTED: tuple[Kind, ...] = ("bug", "input", "memory", "died", "hung")  # what is lost with a node is nobody's fault

FULL = re.compile("out of memory|not enough memory|low on memory|allocate memory|ALLOC_FAILED", re.IGNORECASE)


class Failure(str):
    """What an error said: a traceback, or one message with its cure; secrets are not in it, nor what moves a terminal.

    kind: bug, an error that was raised; input, BadInput; memory, there was not enough; died, its process ended; hung,
    it went on no more; node, its node was lost or taken back.
    """

    kind: Kind

    def __new__(cls, text: str, kind: Kind) -> "Failure":
        made = super().__new__(cls, _conceal(text))
        made.kind = kind
        return made

    @property
    def headline(self) -> str:
        """In one line."""
        lines = self.strip().splitlines()
        return "; ".join(line.strip() for line in lines) if self.kind == "input" else lines[-1]

    @property
    def calls(self) -> tuple[str, ...]:
        """The lines of code that led to it, the outermost first."""
        return tuple(line.strip() for line in self.splitlines() if line.startswith('  File "'))


class Hung(Exception):
    """A job went on no more."""


class Repeats:
    """Counts the trials that end in the same traceback. most: at which a study is ended."""

    def __init__(self, most: int):
        self.most = most
        self.trials: dict[tuple[str, ...], set[str]] = defaultdict(set)

    def add(self, trial: str, failure: Failure) -> Fatal | None:
        """One more; what ends the study, if it is one too many."""
        if failure.kind != "bug":
            return None
        found = self.trials[failure.calls]
        found.add(trial)
        if len(found) < self.most:
            return None
        problem = f"{len(found)} trials ended in the same traceback: {failure.headline}"
        cure = (
            "mend it and run again, what is stored is not computed again; `fairray logs` prints the traceback, and "
            f"launch.repeats={10 * self.most} goes on in spite of it"
        )
        return Fatal(failure.calls[-1] if failure.calls else "study", problem, cure)


def tell(error: Exception) -> Failure:
    """What there is to say of an error."""
    kind = find_kind(error)
    return Failure(str(error) if kind == "input" else "".join(traceback.format_exception(error)), kind)


def say_hung(minutes: float) -> str:
    return f"no progress for {minutes:g} minutes (launch.hang)"


def find_kind(error: Exception) -> Kind:
    if isinstance(error, BadInput):
        return "input"
    if isinstance(error, Hung):
        return "hung"
    return "memory" if isinstance(error, MemoryError) or FULL.search(str(error)) else "bug"


def _conceal(text: str) -> str:
    """The text without secrets, and without characters that move a terminal."""
    return "".join(char if char.isprintable() or char in "\n\t" else ascii(char)[1:-1] for char in hide(text))
