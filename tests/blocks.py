"""What tests read of the blocks that a section gives."""

from fairray.report import Frame, Items, Picture, Strong, Text


def text_of(blocks):
    """All lines of paragraphs, lists and captions, as a reader sees them."""
    return "\n".join(_plain(line) for block in blocks for line in _lines(block))


def table_of(blocks):
    """The cells of the only table: its head, and its rows."""
    (frame,) = (block for block in blocks if isinstance(block, Frame))
    return list(frame.cells), frame.cells.to_numpy().tolist()


def figures_of(blocks):
    return [block.image for block in blocks if isinstance(block, Picture)]


def files_of(blocks):
    return {name: content for block in blocks for name, content in block.files.items()}


def _lines(block):
    match block:
        case Text(line):
            return [line]
        case Items(lines):
            return lines
        case Frame(caption=caption) | Picture(caption=caption):
            return [caption]


def _plain(line):
    return str(line) if isinstance(line, str | Strong) else "".join(map(str, line))


def answer_of(section, results):
    """What a page opens with, by a section: what was found, and how sure it is."""
    return tuple("".join(map(str, line)) for line in section.answer(results))
