"""Why a job failed: by kind, and in words."""

import traceback
from typing import Literal

from fairray.errors import BadInput

__all__ = ["Failure", "Kind", "tell"]

Kind = Literal["bug", "input", "memory", "died"]


class Failure(str):
    """What an error said: a traceback, or one message with its cure.

    kind: bug, an error that was raised; input, BadInput; memory, there was not enough; died, its process ended.
    """

    kind: Kind

    def __new__(cls, text: str, kind: Kind) -> "Failure":
        made = super().__new__(cls, text)
        made.kind = kind
        return made

    @property
    def headline(self) -> str:
        """In one line."""
        lines = self.strip().splitlines()
        return "; ".join(line.strip() for line in lines) if self.kind == "input" else lines[-1]


def tell(error: Exception) -> Failure:
    """What there is to say of an error that was just raised."""
    if isinstance(error, BadInput):
        return Failure(str(error), "input")
    full = isinstance(error, MemoryError) or "out of memory" in str(error).lower()
    return Failure(traceback.format_exc(), "memory" if full else "bug")
