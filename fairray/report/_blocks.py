"""What sections are made of: blocks, each with its form in the page and its files. Nothing else here writes HTML,
Markdown or LaTeX, or escapes; pictures are drawn as SVG by `_drawing.py`."""

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import pandas as pd
from markupsafe import Markup, escape

from fairray.sheets import write_csv

if TYPE_CHECKING:  # a section is listed without it
    from matplotlib.figure import Figure

__all__ = [
    "Answer", "Bad", "Block", "Facts", "Frame", "Good", "Hidden", "Items", "Line", "Link", "Part", "Picture", "Strong",
    "Text", "Trials", "find_place", "join", "read_markdown", "show_alone",
]  # fmt: skip

MARKDOWN = re.compile(r"[\\`*<&|~]|(?<![^\W_])_|_(?![^\W_])")  # what GitHub reads as marks; not the _ inside a word
ESCAPED = re.compile(r"\\([\\`*<&|~_])")
PLACE = re.compile(r'<a href="#[^"]*">(.*?)</a>')
LARGE = 8_000_000  # characters of a drawing in the page; a larger one would be slow to scroll
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


class Link(str):
    """A text that leads somewhere. to: a place in the page, as `find_place` gives that of a trial, or a URL."""

    to: str

    def __new__(cls, text: str, to: str) -> "Link":
        link = super().__new__(cls, text)
        link.to = to
        return link

    def __html__(self) -> Markup:
        return Markup('<a href="{}">{}</a>').format(self.to, str(self))


Part = str | Strong
Line = Part | Sequence[Part]


class Answer(NamedTuple):
    """What a study found, in a sentence, and how sure that is. takes: what would answer what is left open."""

    found: Line
    sure: Line
    takes: str = ""

    @property
    def whole(self) -> Line:
        """What was found, and what the rest takes."""
        return (*_split(self.found), f" {self.takes}") if self.takes else self.found

    @property
    def text(self) -> str:
        """The same without what stands out."""
        return "".join(map(str, _split(self.whole)))


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
class Facts(Block):
    """What is said of each of several things, side by side."""

    lines: Iterable[tuple[str, Line]]

    @property
    def html(self) -> Markup:
        return _fill("<dl>{}</dl>", [_fill("<dt>{}</dt>", name) + _fill("<dd>{}</dd>", of) for name, of in self.lines])


@dataclass(frozen=True)
class Hidden(Block):
    """A long text as it is, which opens by a click on its title."""

    title: str
    text: str

    @property
    def html(self) -> Markup:
        return Markup("<details><summary>{}</summary><pre>{}</pre></details>").format(self.title, self.text)


@dataclass(frozen=True)
class Trials(Block):
    """A list of trials to which links lead. lines: of each its uid, what it is called, and what is said of it."""

    lines: Sequence[tuple[str, Line, Line]]

    @property
    def html(self) -> Markup:
        each = [
            Markup('<div class="trial" id="{}">{}{}</div>').format(
                find_place(uid)[1:], _fill("<b>{}</b>", name), _fill("<p>{}</p>", said)
            )
            for uid, name, said in self.lines
        ]
        return _fill("<details><summary>All trials</summary>{}</details>", each)


@dataclass(frozen=True)
class Frame(Block):
    """A table, with the files NAME.csv, NAME.md and NAME.tex; without a name there are none.

    cells: text, as people read it; those that are a `Link` lead to their trials. numbers: what it is made of, for
    programs. In the page a click on a column's head sorts by it.
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
        body = _fill("<tbody>{}</tbody>", [_fill("<tr>{}</tr>", row) for row in rows])
        table = [caption, _fill("<thead><tr>{}</tr></thead>", head), body]
        return _fill('<div class="scroll" tabindex="0"><table>{}</table></div>', table)

    @property
    def files(self) -> dict[str, bytes]:
        forms = {
            "csv": write_csv(self.numbers),
            "md": _write_markdown(self.cells).encode(),
            "tex": _write_latex(self.cells).encode(),
        }
        return {f"{self.name}.{form}": content for form, content in forms.items() if self.name}


@dataclass(frozen=True)
class Picture(Block):
    """A picture, inside the page and as the files NAME.png and, of a figure, NAME.svg.

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
        from fairray.report._drawing import draw_png

        return draw_png(self.image)

    @cached_property
    def svg(self) -> str:
        """The drawing; nothing where the image is none."""
        if isinstance(self.image, bytes):
            return ""
        from fairray.report._drawing import draw_svg

        return draw_svg(self.image)

    @property
    def html(self) -> Markup:
        caption = _fill("<figcaption>{}</figcaption>", self.caption) if self.caption else ""
        image = _fill('<div class="scroll" tabindex="0">{}</div>', self._show())
        return _fill("<figure>{}</figure>", [image, caption])

    @property
    def files(self) -> dict[str, bytes]:
        drawing = {f"{self.name}.svg": self.svg.encode()} if self.svg else {}
        return {f"{self.name}.png": self.png, **drawing}

    def _show(self) -> Markup:
        """The drawing, whose colours are the page's; a picture where there is none, or where it would be too large."""
        if self.svg and len(self.svg) < LARGE:
            from fairray.report._drawing import fit_to_page

            return Markup(fit_to_page(self.svg, escape(self.alt)))
        data = base64.b64encode(self.png).decode()
        return Markup('<img alt="{}" src="data:image/png;base64,{}">').format(self.alt, data)


def find_place(uid: str) -> str:
    """Where the page lists a trial, its seeds, stages and runs."""
    return f"#trial-{uid}"


def show_alone(blocks: Iterable[Block]) -> str:
    """The HTML of blocks outside of a page, whose places no link leads to there."""
    return PLACE.sub(r"\1", "".join(block.html for block in blocks))


def read_markdown(text: str) -> str:
    """A table of `Frame.files` as it is read without being rendered, such as on a terminal."""
    return ESCAPED.sub(r"\1", text)


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
