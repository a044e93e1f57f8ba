"""What a user did that cannot work, said in one message."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from difflib import get_close_matches

from fairray.secrecy import hide
from fairray.words import list_some

__all__ = ["BadInput", "Fatal", "placed", "said_of", "unknown"]

COMPARED = 1000  # names that are looked through for a near one, which takes its time


class BadInput(Exception):
    """Input that cannot be used; the message says where, what, and the cure.

    where: the file, folder or command-line argument, with the key inside it; the dotted name of a field alone, or
        nothing, where only the caller knows the rest.
    problem: what was found, and what was expected instead.
    cure: what to do about it.
    """

    def __init__(self, where: str, problem: str, cure: str):
        where, problem, cure = map(hide, (where, problem, cure))
        super().__init__(where, problem, cure)
        self.where, self.problem, self.cure = where, problem, cure

    @property
    def names_field(self) -> bool:
        """Whether `where` is no more than the name of a field."""
        return bool(re.fullmatch(r"[\w.]*", self.where))

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}\n  cure: {self.cure}"


class Fatal(BadInput):
    """What every other job would meet as well, such as a full disk: a study stops at it."""


@contextmanager
def placed(where: Callable[[str], str]) -> Iterator[None]:
    """An error about a field, raised in here, says what `where` makes of the field's name."""
    try:
        yield
    except BadInput as error:
        if not error.names_field:
            raise
        raise BadInput(where(error.where), error.problem, error.cure) from error


def said_of(part: str) -> AbstractContextManager[None]:
    """An error about a field, raised in here, is about that field of a part."""
    return placed(lambda name: ".".join(filter(None, (part, name))))


def unknown(where: str, kind: str, name: object, known: Iterable[str]) -> BadInput:
    """The error for a name that does not exist, with the nearest one that does."""
    names = sorted(known)
    near = get_close_matches(str(name), names[:COMPARED], n=1)
    cure = f"did you mean {near[0]!r}? " if near else ""
    return BadInput(where, f"there is no {kind} {name!r}", f"{cure}there are: {list_some(names) or 'none'}")
