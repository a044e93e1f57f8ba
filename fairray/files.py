"""Files that are there whole or not at all, and processes that hold them."""

import os
import socket
import uuid
from pathlib import Path

__all__ = ["cache_folder", "holder", "is_gone", "write_whole"]


def cache_folder() -> Path:
    """Where this user keeps what can be had again: FAIRRAY_CACHE, else ~/.cache/fairray."""
    return Path(os.environ.get("FAIRRAY_CACHE") or Path.home() / ".cache" / "fairray")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, or write over it, so that nobody ever reads a part of it."""
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        aside.write_bytes(content)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def holder() -> str:
    """This process, told from those of all machines and containers that share a disk."""
    return f"{_machine()} {os.getpid()}"


def is_gone(holder: str) -> bool:
    """Whether a process is known to have ended. Of other machines' processes nothing is known."""
    machine, _, number = holder.strip().rpartition(" ")
    if machine != _machine() or not number.isdigit():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # somebody else's
        return False
    return False


def _machine() -> str:
    """Host, boot and space of process numbers: containers and machines may have one name."""
    boot, space = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
    known = [boot.read_text().strip(), os.readlink(space)] if boot.exists() and space.exists() else []
    return "_".join([socket.gethostname(), *known])
