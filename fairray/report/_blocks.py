"""What sections are made of: blocks, each with its form in the page and its files. Nothing else here writes HTML,
Markdown, LaTeX or pictures, or escapes."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from typing import TYPE_CHECKING, ClassVar

import pandas as pd
from markupsafe import Markup

if TYPE_CHECKING:  # a section is listed without it
    from matplotlib.figure import Figure

__all__ = ["Bad", "Block", "Frame", "Good", "Items", "Line", "Part", "Picture", "Strong", "Text", "join"]

MARKDOWN = re.compile(r"[\\`*<&|~]|(?<![^\W_])_|_(?![^\W_])")  # what GitHub reads as marks; not the _ inside a word
SYMBOLS = {"∞": r"$\infty$", "×": r"$\times$"}  # that LaTeX's usual fonts lack


@dataclass(frozen=True)
class Strong:
    """A part of a line that stands out."""

    text: str
    markup: ClassVar = Markup("<b>{}</b>")

    def __str__(self) -> str:
        return self.text

    def __html__(self) -> Markup:  # what markupsafe asks for
        return self.markup.format(self.text)


class Good(Strong):
    """A part of a line that says something good."""

    markup = Markup('<span class="good">{}</span>')


class Bad(Strong):
    """A part of a line that says something bad."""

    markup = Markup('<span class="bad">{}</span>')


Part = str | Strong
Line = Part | Sequence[Part]


class Block:
    """A piece of a section: its form in the page, and by name the files that hold it besides."""

    @property
    def html(self) -> Markup:
        raise NotImplementedError

    @property
    def files(self) -> dict[str, bytes]:
        return {}


@dataclass(frozen=True)
class Text(Block):
    """A paragraph."""

    line: Line

    @property
    def html(self) -> Markup:
        return _fill("<p>{}</p>", self.line)


@dataclass(frozen=True)
class Items(Block):
    """A list; without lines there is none."""

    lines: Sequence[Line]

    @property
    def html(self) -> Markup:
        return _fill("<ul>{}</ul>", [_fill("<li>{}</li>", line) for line in self.lines]) if self.lines else Markup()


@dataclass(frozen=True)
class Frame(Block):
    """A table, with the files NAME.csv, NAME.md and NAME.tex.

    cells: text, as people read it. numbers: what it is made of, for programs.
    """

    name: str
    cells: pd.DataFrame
    numbers: pd.DataFrame
    caption: Line

    @property
    def html(self) -> Markup:
        head = [_fill('<th scope="col">{}</th>', str(column)) for column in self.cells]
        rows = [[_fill("<td>{}</td>", cell) for cell in row] for row in self.cells.to_numpy().tolist()]
        caption = _fill("<caption><span>{}</span></caption>", self.caption)
        table = [caption, _fill("<thead><tr>{}</tr></thead>", head), *(_fill("<tr>{}</tr>", row) for row in rows)]
        return _fill('<div class="scroll" tabindex="0"><table>{}</table></div>', table)

    @property
    def files(self) -> dict[str, bytes]:
        forms = {
            "csv": self.numbers.to_csv(index=False),
            "md": _write_markdown(self.cells),
            "tex": _write_latex(self.cells),
        }
        return {f"{self.name}.{form}": text.encode() for form, text in forms.items()}


@dataclass(frozen=True)
class Picture(Block):
    """A picture, inside the page and as the file NAME.png.

    image: a figure, or the bytes of a png. alt: what it shows, for those who do not see it. caption: stands under it.
    """

    name: str
    image: "Figure | bytes"
    alt: str
    caption: Line = ""

    @cached_property
    def png(self) -> bytes:
        if isinstance(self.image, bytes):
            return self.image
        file = BytesIO()
        self.image.savefig(file, dpi=150, bbox_inches="tight")
        return file.getvalue()

    @property
    def html(self) -> Markup:
        data = base64.b64encode(self.png).decode()
        image = Markup('<img alt="{}" src="data:image/png;base64,{}">').format(self.alt, data)
        caption = _fill("<figcaption>{}</figcaption>", self.caption) if self.caption else ""
        return _fill("<figure>{}</figure>", [image, caption])

    @property
    def files(self) -> dict[str, bytes]:
        return {f"{self.name}.png": self.png}


def join(separator: str, lines: Sequence[Line]) -> list[Part]:
    """Several lines as one."""
    parts = [part for line in lines for part in (separator, *_split(line))]
    return parts[1:]


def _split(line: Line) -> Sequence[Part]:
    return [line] if isinstance(line, str | Strong) else line


def _fill(markup: str, line: Line) -> Markup:
    """The markup around a line; what is no markup itself is escaped."""
    return Markup(markup).format(Markup().join(_split(line)))


def _write_markdown(cells: pd.DataFrame) -> str:
    """The table as GitHub reads it."""
    lines = [[MARKDOWN.sub(r"\\\g<0>", str(cell)) for cell in line] for line in ([*cells], *cells.to_numpy().tolist())]
    lines.insert(1, ["---"] * len(cells.columns))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _write_latex(cells: pd.DataFrame) -> str:
    """The table as LaTeX's booktabs reads it."""
    text = cells.to_latex(index=False, escape=True)
    for symbol, command in SYMBOLS.items():
        text = text.replace(symbol, command)
    return text
