"""What lies in a folder of photographs: images, and what is none."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path

from PIL import Image

from fairray.errors import BadInput
from fairray.words import list_some

__all__ = ["Listing", "list_images"]

# names that systems and programs give to files and folders of their own, besides those that begin with a dot
HIDDEN = ("__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "Thumbs.db", "desktop.ini")
# formats that Pillow knows but cannot decode, or not by itself
UNREAD = ("BUFR", "EPS", "GRIB", "HDF5", "IPTC", "MPEG", "WMF")


@dataclass(frozen=True)
class Listing:
    """names: of the images, relative to the folder, in sorted order. folders: those that are not hidden, likewise.

    notes: what else there is, with its number.
    """

    names: list[str]
    folders: list[str]
    notes: tuple[str, ...]

    def below(self, depth: int, of: str) -> "Listing":
        """Those of the images that lie in so many folders or more. of: what these folders are, for the note."""
        within = [name for name in self.names if name.count("/") >= depth]
        loose = [name for name in self.names if name.count("/") < depth]
        note = (f"left out: images that lie in no folder of a {of}: {_count(loose)}",) if loose else ()
        return replace(self, names=within, notes=(*self.notes, *note))

    @cached_property
    def stems(self) -> dict[str, list[str]]:
        """The images by their names without an end."""
        found: dict[str, list[str]] = {}
        for name in self.names:
            found.setdefault(os.path.splitext(name)[0], []).append(name)
        return found

    def find(self, folder: Path, name: str) -> str:
        """An image's name as it stands here, from its path, in the folder or whole; the end may lack, if one fits."""
        if not name:
            return ""
        name = Path(os.path.relpath(folder / name, folder)).as_posix()
        ends = self.stems.get(name, [])
        return ends[0] if len(ends) == 1 and not (folder / name).is_file() else name

    def check_filled(self, depth: int, of: str, where: Path) -> None:
        """Raise BadInput where a folder of that depth has no image. of: what it is."""
        holding = {"/".join(name.split("/")[:depth]) for name in self.names}
        if empty := [name for name in self.folders if name.count("/") == depth - 1 and name not in holding]:
            total = len(empty) + len(holding)
            problem = f"{len(empty)} of {total} folders of a {of} have no image that can be read: {list_some(empty, 5)}"
            raise BadInput(str(where), problem, "put images into each, or remove it")


def list_images(folder: Path) -> Listing:
    """All images in a folder and its folders, by the ends of their names.

    Hidden files and folders are not looked at.
    """
    names: list[str] = []
    others: list[str] = []
    folders: list[str] = []
    hidden: list[str] = []
    for path, inner, files in os.walk(folder, followlinks=True):
        place = Path(path).relative_to(folder)
        hidden += [name for name in (*inner, *files) if _is_hidden(name)]
        inner[:] = [name for name in inner if not _is_hidden(name)]
        folders += [(place / name).as_posix() for name in inner]
        for name in files:
            if not _is_hidden(name):
                (names if Path(name).suffix.lower() in _suffixes() else others).append((place / name).as_posix())
    kinds = Counter(Path(name).suffix.lower() or Path(name).name for name in others)
    notes = [f"left out: hidden files and folders: {_count(sorted(hidden))}"] if hidden else []
    if others:
        ends = list_some([f"{end} {number:,}" for end, number in sorted(kinds.items())], 10)
        notes.append(f"left out: files that are no images that can be read: {_count(sorted(others))}; by kind: {ends}")
    return Listing(sorted(names), sorted(folders), tuple(notes))


def _count(names: Sequence[str]) -> str:
    return f"{len(names):,} ({list_some(dict.fromkeys(names), 5)})"


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in HIDDEN


@cache
def _suffixes() -> frozenset[str]:
    """The ends of the names of files that Pillow reads as images."""
    Image.init()
    known = Image.registered_extensions().items()
    return frozenset(end for end, form in known if form in Image.OPEN and form not in UNREAD)
