"""What the site has that is written in code: the settings of members, error messages, and the order of the pages."""

import inspect
import re
from dataclasses import fields
from typing import Any

import messages
from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from fairray import catalogue, members
from fairray.listing import list_settings, split_docstring


class Written(SphinxDirective):
    """A block in whose place stands what is written of the code; its arguments say of what."""

    optional_arguments = 2

    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes(WRITTEN[self.name](*self.arguments), allow_section_headings=True)


def write_member(family: str, name: str) -> str:
    """What its docstring says of the whole."""
    member = members.load(family, name)
    return _escape(split_docstring(inspect.getdoc(member) or "", {field.name for field in fields(member)})[0])


def write_settings(family: str, name: str) -> str:
    """Its fields, what each may be, its default, and what is said of it."""
    settings = list_settings(members.load(family, name))
    items = [f"- `{one.name}` ({_escape(one.kind)}; default `{one.default}`): {_escape(one.said)}" for one in settings]
    return "\n".join(items) or "Nothing."


def write_family(family: str) -> str:
    """Its members' names, which lead to their pages, and what is said of them."""
    said = catalogue.describe(family)
    rows = [_row(f"[{name}]({family}/{name}.md)", _escape(text)) for name, text in said.items()]
    pages = ["```{toctree}", ":hidden:", "", *(f"{family}/{name}.md" for name in said), "```"]
    return "\n".join(["| | |", "| --- | --- |", *rows, "", *pages])


def write_messages() -> str:
    """What errors say and how they are cured, in a table for each place where they arise."""
    found, lines = messages.list_messages(), []
    for place in messages.PLACES:
        rows = sorted([one.problems, one.cures] for one in found if one.place == place)
        cells = ((_escape(" / ".join(texts)) for texts in row) for row in rows)
        lines += [f"## {place}", "", "| it says | what to do |", "| --- | --- |", *(_row(*pair) for pair in cells), ""]
    return "\n".join(lines)


WRITTEN = {"member": write_member, "settings": write_settings, "family": write_family, "messages": write_messages}


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _escape(text: str) -> str:
    """Text in which nothing but `code` is Markdown."""
    parts = re.split(r"(`[^`]+`)", text)
    return "".join(part if part.startswith("`") else re.sub(r"([\\*_|<>\[\]$#^])", r"\\\1", part) for part in parts)


def add_pages(app: Sphinx, page: str, source: list[str]) -> None:
    """The lists of docs/README.md are the site's contents, each by its heading."""
    if page != app.config.root_doc:
        return
    for heading, text in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", source[0], re.DOTALL | re.MULTILINE):
        pages = [f"{title} <{page}>" for title, page in re.findall(r"\[(.+?)\]\(([^)#]+\.(?:md|ipynb))\)", text)]
        source[0] += "\n".join(["", "```{toctree}", ":hidden:", f":caption: {heading}", "", *pages, "```", ""])


def mark_names(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """In a docstring each name that it explains ("low, high: the ends") begins a paragraph, and stands out."""
    text = re.sub(r"\n +(?=\S)", " ", "\n".join(lines)).replace("|", r"\|").replace("*", r"\*")
    text = re.sub(r"^((?:\w+, )*\w+): (?=\S)", r"\n**\1**: ", text, flags=re.MULTILINE)
    lines[:] = text.split("\n")


def hold_intervals(app: Sphinx, page: nodes.document) -> None:
    """An interval such as [1.2, 3.4] stays in one line."""
    for text in page.findall(nodes.Text):
        held = re.sub(r"\[([-+\d.]+), ([-+\d.]+)\]", "[\\1,\u00a0\\2]", text)
        if held != text and not isinstance(text.parent, nodes.literal | nodes.literal_block):
            text.parent.replace(text, nodes.Text(held))


def draw_inline(writer: Any, node: nodes.math) -> None:
    writer.body.append(tex2mathml(node.astext()))
    raise nodes.SkipNode


def draw_block(writer: Any, node: nodes.math_block) -> None:
    writer.body.append(f'<div class="math">{tex2mathml(node.astext(), as_block=True)}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    for name in WRITTEN:
        app.add_directive(name, Written)
    app.add_html_math_renderer("mathml", (draw_inline, None), (draw_block, None))
    app.connect("source-read", add_pages)
    app.connect("autodoc-process-docstring", mark_names)
    app.connect("doctree-read", hold_intervals)
    return {"parallel_read_safe": True}
