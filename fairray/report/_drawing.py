"""Figures as files and in the page: what a point is stands in the drawing, and is shown where it is pointed at."""

import re
from functools import lru_cache
from html import escape
from io import BytesIO, StringIO
from typing import Any
from urllib.parse import quote, unquote

import matplotlib as mpl
from matplotlib.figure import Figure

__all__ = ["draw_png", "draw_svg", "fit_to_page", "note"]

# what takes the page's colours, light or dark: seaborn's ink and black, its grid, and paper where it is no text's
INK = re.compile(r"#262626|#000000")
PAPER, GRID = "#ffffff", "#cccccc"
# letters are text that can be found and read aloud; both fonts are as wide; equal figures give equal files
STYLE: Any = {"svg.fonttype": "none", "svg.hashsalt": "fairray", "font.sans-serif": ["DejaVu Sans", "Verdana"]}
MOST_PIXELS = 6000  # of a picture's longer side
PLACES = re.compile(r' (?:d|x|y|transform)="[^"]*"')
DECIMALS = re.compile(r"(\.\d\d)\d+")  # a hundredth of a point is seen by nobody
NOTE = re.compile(r'<a xlink:href="note:([^"@]*)@([^"]*)"[^>]*>')


def note(text: str, to: str = "") -> str:
    """What a point is, for those who point at it, as an artist's `url`. to: where it leads.

    matplotlib keeps an artist's or a collection's urls for each of its elements and writes them into a drawing; that is
    the one thing of each element that it carries there.
    """
    return f"note:{quote(text)}@{quote(to)}"


def draw_png(figure: Figure) -> bytes:
    _lay_out(figure)
    file = BytesIO()
    figure.savefig(file, dpi=min(150, MOST_PIXELS / max(figure.get_size_inches())))
    return file.getvalue()


def draw_svg(figure: Figure) -> str:
    """The drawing as a file of its own, in which notes are titles."""
    _lay_out(figure)
    file = StringIO()
    with mpl.rc_context(STYLE):
        figure.savefig(file, format="svg", metadata={"Date": None})
    svg = re.sub(r">\s+<", "><", NOTE.sub(_write_title, file.getvalue()))
    return PLACES.sub(lambda match: DECIMALS.sub(r"\1", match[0]), svg)


def fit_to_page(svg: str, alt: str) -> str:
    """The drawing as a part of a page: in its colours, as wide as there is room. alt: escaped, what it shows."""
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    (width,) = re.findall(r' width="([^"]+)"', svg)[:1]
    svg = re.sub(r' (?:width|height)="[^"]+"', "", svg, count=2)
    svg = re.sub(r'style="[^"]*"', lambda match: _colour(match[0]), svg)
    return svg.replace("<svg", f'<svg role="group" aria-label="{alt}" style="--width: {width}"', 1)


def _lay_out(figure: Figure) -> None:
    """Once: to lay out many panels takes longer than to draw them."""
    if engine := figure.get_layout_engine():
        engine.execute(figure)
        figure.set_layout_engine("none")


def _write_title(match: re.Match[str]) -> str:
    text, to = (escape(unquote(part)) for part in match.groups())
    leads = f' xlink:href="{to}"' if to else ""
    return f'<a class="point" tabindex="-1"{leads}><title>{text}</title>'


@lru_cache(10_000)
def _colour(style: str) -> str:
    style = INK.sub("var(--ink)", style)
    return style if "font" in style else style.replace(PAPER, "var(--paper)").replace(GRID, "var(--line)")
