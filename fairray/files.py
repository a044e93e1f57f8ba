"""What is in a file, whatever its name and place."""

import hashlib
from functools import cache
from pathlib import Path

__all__ = ["content"]


def content(path: Path) -> str:
    """A hash of the bytes; a large file is read once, and again when it was written over."""
    stat = path.stat()
    return _hashed(path, (stat.st_size, stat.st_mtime_ns))


@cache
def _hashed(path: Path, version: tuple[int, int]) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
