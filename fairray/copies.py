"""Copies of what was read from elsewhere, on the disk of this machine."""

import os
from contextlib import suppress
from pathlib import Path

from fairray.files import write_whole

__all__ = ["Copies"]

ROOM = 10 * 2**30
OFTEN = 16  # times that it is looked at while it fills


class Copies:
    """The files of a folder, by name; of more than `room` bytes those go that nobody has used for longest.

    Nothing depends on a copy: what cannot be kept, or is lost, is read again where it came from.
    """

    def __init__(self, folder: Path, room: int = ROOM):
        self.folder, self.room = folder, room
        self._added = room  # others may have filled it

    def find(self, name: str) -> bytes | None:
        path = self.folder / name
        with suppress(OSError):
            os.utime(path)
            return path.read_bytes()
        return None

    def keep(self, name: str, content: bytes) -> None:
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(self.folder / name, content)
            self._added += len(content)
            if self._added > self.room / OFTEN:
                self._tidy()

    def _tidy(self) -> None:
        self._added, size = 0, 0
        found = [(entry.stat(), entry.path) for entry in os.scandir(self.folder)]
        for stat, path in sorted(found, key=lambda one: -one[0].st_mtime):
            size += stat.st_size
            if size > self.room:
                os.unlink(path)
