"""Sections of a study's report, one file each: a frozen dataclass that gives blocks.

What is public here is a section: `report.Table` is in table.py. A section is loaded when it is asked for, as most draw
with seaborn. Nothing here trains, and nothing else here plots.
"""

import re
from collections.abc import Iterable
from importlib import import_module
from typing import Any, Protocol

from fairray.report._blocks import (
    Answer,
    Bad,
    Block,
    Frame,
    Good,
    Items,
    Line,
    Link,
    Picture,
    Strong,
    Text,
    read_markdown,
    show_alone,
)
from fairray.results import Results

__all__ = [
    "Answer", "Bad", "Block", "Frame", "Good", "Items", "Line", "Link", "Picture", "Results", "Section", "Strong",
    "Text", "comparison", "find_answer", "inspection", "load_sections", "read_markdown", "review", "show_alone",
    "write", "write_data_page", "write_report",
]  # fmt: skip

LAZY = {
    "write": "_page", "write_data_page": "_data", "comparison": "_study", "inspection": "_study",
    "find_answer": "_opening", "load_sections": "_study", "review": "_study", "write_report": "_study",
}  # fmt: skip


class Section(Protocol):
    """A member of fairray/report: what one part of the page shows. Its title stands over it.

    One that can tell in a sentence what was found has `answer(results) -> Answer | None`, too: with the first one of a
    study's sections its page opens.
    """

    @property
    def title(self) -> str: ...

    def __call__(self, results: Results) -> Iterable[Block]:
        """The blocks in their order. What it raises stands in its place, with the blocks that it gave before."""


def __getattr__(name: str) -> Any:
    """What is not loaded yet: a section, from the file that is called like it, or what writes the page."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    try:
        return getattr(import_module(f"{__name__}.{LAZY.get(name, words)}"), name)
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.{words}":
            raise
        raise AttributeError(f"module {__name__!r} has no section {name!r}") from None
