"""Who computes what now: a small file or object beside the results, which its holder renews while it lives."""

import os
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Protocol

from fairray.buckets import Folder, GoogleFolder, S3Folder, Seen, speaks
from fairray.errors import Fatal
from fairray.files import holder, is_gone

__all__ = ["Claims", "find_claims", "hold"]

STALE_S = 60.0
TRIES = 3  # where others claim, or give back, at the same moment


class Claims(Protocol):
    """The claims of a store, by the uids of what is computed. What `take` and `renew` return is the holder's proof."""

    beat_s: float  # between two renewals

    def take(self, uid: str) -> str | None:
        """None where somebody else holds it."""

    def renew(self, uid: str, proof: str) -> str | None:
        """None where somebody else has taken it over."""

    def release(self, uid: str) -> None: ...

    def list(self) -> list[str]:
        """The uids that somebody holds."""

    def check(self, url: str) -> None:
        """Raise Fatal where two could hold one claim."""


def find_claims(fs: Any, root: str) -> Claims | None:
    """Those of the store in a folder of a file system of fsspec's; None where that cannot have claims."""
    if speaks(fs, "file"):
        return FileClaims(Path(root, "claims"))
    if speaks(fs, "s3"):
        return BucketClaims(S3Folder(fs, f"{root}/claims"))
    if speaks(fs, "gs"):
        return BucketClaims(GoogleFolder(fs, f"{root}/claims"))
    return None


@contextmanager
def hold(claims: Claims, uids: Iterable[str]) -> Iterator[set[str]]:
    """Those of `uids` that nobody else holds; they are ours until the block ends."""
    held: dict[str, str | None] = {}
    done = threading.Event()
    beat = threading.Thread(target=_renew, args=(claims, held, done), daemon=True)
    try:
        for uid in uids:
            if (proof := claims.take(uid)) is not None:
                held[uid] = proof
        beat.start()
        yield {*held}
    finally:
        done.set()
        if beat.ident is not None:
            beat.join()
        for uid, proof in held.items():
            if proof is not None:
                with suppress(OSError):  # it is free in a minute anyway
                    claims.release(uid)


def _renew(claims: Claims, held: dict[str, str | None], done: threading.Event) -> None:
    """Renew until it is done. One who was stopped for a minute may have lost a claim, and goes on all the same: two who
    compute a stage compute the same."""
    while not done.wait(claims.beat_s):
        for uid, proof in held.items():
            if proof is not None and not done.is_set():
                with suppress(OSError):  # what lasts shows when results are written
                    held[uid] = claims.renew(uid, proof)


class FileClaims:
    """Claims in a folder that processes, of one or of many machines, share.

    One process alone can make a file that is not there, and one alone can rename it away. How old a claim is is told
    by the clock of the disk, which may be another machine's.
    """

    beat_s = 5.0

    def __init__(self, folder: Path):
        self.folder = folder

    def take(self, uid: str) -> str | None:
        path = self.folder / uid
        self.folder.mkdir(parents=True, exist_ok=True)
        if _is_free(path):
            grave = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
            with suppress(FileNotFoundError):
                path.rename(grave)  # only one taker succeeds
                if _is_free(grave):
                    grave.unlink()
                else:  # another one took it over just before
                    grave.rename(path)
        try:
            with path.open("x") as file:
                file.write(holder())
        except FileExistsError:
            return None
        return holder()

    def renew(self, uid: str, proof: str) -> str | None:
        os.utime(self.folder / uid)  # by the disk's clock
        return proof

    def release(self, uid: str) -> None:
        (self.folder / uid).unlink(missing_ok=True)

    def list(self) -> list[str]:
        if not self.folder.is_dir():
            return []
        return sorted(path.name for path in self.folder.iterdir() if not (path.name.startswith(".") or _is_free(path)))

    def check(self, url: str) -> None:
        """A file system keeps its word."""


class BucketClaims:
    """Leases: objects that one writer alone can make, and that each renewal replaces, so that only who wrote the last
    version can renew or take it over. How old a lease is is told by the server's clock."""

    beat_s = 15.0  # each beat is paid for

    def __init__(self, folder: Folder):
        self.folder = folder

    def take(self, uid: str) -> str | None:
        lease = _sign()
        for _ in range(TRIES):
            if (proof := self.folder.put(uid, lease, None)) is not None:
                return proof
            seen = self.folder.look(uid)
            if seen is None:  # it was given back just now
                continue
            if seen.content == lease:  # the request was sent again, since its answer was lost
                return seen.tag
            if not _is_over(seen):
                return None
            if (proof := self.folder.put(uid, lease, seen.tag)) is not None:
                return proof
        return None

    def renew(self, uid: str, proof: str) -> str | None:
        lease = _sign()
        if (renewed := self.folder.put(uid, lease, proof)) is not None:
            return renewed
        seen = self.folder.look(uid)
        return seen.tag if seen is not None and seen.content == lease else None

    def release(self, uid: str) -> None:
        self.folder.remove(uid)

    def list(self) -> list[str]:
        """Those of a process that was killed, too, until they are a minute old: nobody looks into each."""
        return sorted(uid for uid, age in self.folder.ages().items() if abs(age) <= STALE_S and not uid.startswith("."))

    def check(self, url: str) -> None:
        """Raise Fatal where the server does not heed the conditions, as some that speak its language do not."""
        name = f".probe-{uuid.uuid4().hex}"
        first = self.folder.put(name, b"1", None)
        try:
            self._check_honours(url, name, first)
        finally:
            self.folder.remove(name)

    def _check_honours(self, url: str, name: str, first: str | None) -> None:
        if first is None:
            problem = "it refuses to make an object that is not there"
        elif self.folder.put(name, b"2", None) is not None:
            problem = "it writes over an object that it was asked to make only where none is"
        elif self.folder.put(name, b"3", first) is None:
            problem = "it refuses to replace the version that is there"
        elif self.folder.put(name, b"4", first) is not None:
            problem = "it replaces another version than the one that it was asked to"
        else:
            return
        heeds = "heeds conditional writes (S3's If-None-Match and If-Match, Google's ifGenerationMatch)"
        cure = f"set launch.store to a bucket of a server that {heeds}, or to a folder that all share"
        raise Fatal(url, f"two drivers could compute the same stage there: {problem}", cure)


def _sign() -> bytes:
    """What nobody has written before, after who writes it."""
    return f"{holder()}\n{uuid.uuid4().hex}".encode()


def _is_over(seen: Seen) -> bool:
    return abs(seen.age) > STALE_S or is_gone(seen.content.decode().partition("\n")[0])


def _is_free(path: Path) -> bool:
    """Whether nobody holds a claim any more."""
    try:
        with path.open() as file:  # opening asks the server of a shared disk; what a look says may be a minute old
            touched, text = os.fstat(file.fileno()).st_mtime, file.read()
    except FileNotFoundError:
        return False
    if is_gone(text):
        return True
    # a clock may have been set back
    return abs(time.time() - touched) > STALE_S and abs(_ask_disk(path.parent) - touched) > STALE_S


def _ask_disk(folder: Path) -> float:
    """The time by the clock that the files of a folder have."""
    try:
        with TemporaryFile(dir=folder) as file:
            return os.fstat(file.fileno()).st_mtime
    except OSError:  # it can only be read
        return time.time()
