"""Results on disk or in a bucket, named by everything they depend on."""

import json
import os
import re
import shutil
import uuid
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

import fsspec
import numpy as np
import pandas as pd
import pyarrow as pa
from fsspec.implementations.local import LocalFileSystem
from pyarrow import parquet
from safetensors.torch import load, save

from fairray.buckets import as_os_errors, speaks
from fairray.claims import find_claims, hold
from fairray.copies import Copies
from fairray.errors import BadInput, Fatal
from fairray.files import cache_folder, write_whole
from fairray.identity import SCHEME, digest
from fairray.stages import Artifact

__all__ = ["Damaged", "Store"]

ARTIFACT, RECORDS, SPEC = "artifact.safetensors", "records.parquet", "spec.json"
CHECKPOINTS, SUFFIX, PAUSE = "checkpoints", ".safetensors", ".json"

T = TypeVar("T")


class Damaged(BadInput):
    """A stored result that is not what was written; uid says which."""

    def __init__(self, uid: str, where: str, problem: str, root: str, cure: str = ""):
        super().__init__(where, problem, cure or f"fairray verify {root} --remove; then it is computed again")
        self.uid = uid


class Store:
    """`<root>/<uid[:2]>/<uid>/` with artifact.safetensors, records.parquet and, last, spec.json.

    root: a folder, or a URL that fsspec knows (s3://, gs://). An entry is there when its spec.json is,
    so a killed run leaves nothing half-done that could be taken for a result. spec.json has a checksum of each part,
    which is compared when the part is read: Damaged where it differs. `<root>/scheme` says how uids are made; BadInput
    where they are made otherwise, since none of those results would be found. Where tensors were let go there is no
    artifact, and spec.json has no checksum of it. Parts with a checksum that come from a URL are kept on this machine,
    in the user's cache. `<root>/checkpoints/` says how far stages are that take long, or have paused on their way.
    """

    def __init__(self, root: str):
        self.fs, path = _find(root)
        self.local = isinstance(self.fs, LocalFileSystem)
        self.root = os.path.abspath(path) if self.local else path.rstrip("/")
        self.url = self.root if self.local else root
        self._claims = find_claims(self.fs, self.root)
        self._copies = None if self.local else Copies(cache_folder() / "stored")
        # s3fs asks for a size first, so as to read what is large in parts
        self._briefly = {"max_concurrency": 1} if speaks(self.fs, "s3") else {}
        with self._opening():
            self.scheme = self._scheme()
        if self.scheme not in (None, SCHEME):
            problem = f"its results have names of scheme {self.scheme}, and this fairray knows those of scheme {SCHEME}"
            raise BadInput(self.url, problem, "move it away, or set launch.store to another place")

    def has(self, uid: str) -> bool:
        place = self._place(uid, SPEC)
        if self.local:
            return self.fs.exists(place)
        try:  # at one request; `exists` looks for a folder of that name, too
            self.fs.cat_file(place, **self._briefly)
        except FileNotFoundError:
            return False
        return True

    def lacks_tensors(self, uid: str) -> bool:
        """Whether those of an entry were let go; where they are lost, reading says so."""
        return not self.fs.exists(self._place(uid, ARTIFACT)) and _are_let_go(self._open(uid)[1])

    def read(self, uid: str) -> Artifact:
        """Raises Damaged where an entry is not what was written, or its tensors were let go."""
        sums = self._open(uid)[1]
        if _are_let_go(sums) and not self.fs.exists(self._place(uid, ARTIFACT)):
            place = self._folder(uid)
            raise Damaged(
                uid, place, "its tensors were let go (fairray gc)", self.url, f"remove {place}, and run again"
            )
        return Artifact(self._part(uid, ARTIFACT, sums, load), self._part(uid, RECORDS, sums, _table))

    def records(self, uid: str) -> pd.DataFrame:
        return self._part(uid, RECORDS, self._open(uid)[1], _table)

    def join_records(self, uids: Iterable[str]) -> pd.DataFrame:
        """Those of several entries in their order; a column more, `uid`, says whose. They are one table before pandas
        sees them, which takes less than half the time."""
        tables = {uid: self._part(uid, RECORDS, self._open(uid)[1], _arrow) for uid in uids}
        table = pa.concat_tables(tables.values(), promote_options="permissive").to_pandas()
        return table.assign(uid=np.repeat([*tables], [len(part) for part in tables.values()]))

    def spec(self, uid: str) -> dict[str, Any]:
        """What the entry is, and how it came to be."""
        return self._open(uid)[0]

    def parts(self, uid: str, tensors: bool = True) -> Iterator[tuple[str, bytes]]:
        """The files of an entry, by name, as they were written; tensors: or without its tensors."""
        sums = self._open(uid)[1]
        for name in (SPEC, RECORDS, *((ARTIFACT,) if tensors else ())):
            yield name, self._part(uid, name, sums if name != SPEC else {}, bytes)

    def sum_of_tensors(self, uid: str) -> str | None:
        """The checksum of an entry's tensors, whether these are here or not; entries of earlier versions have none."""
        return self._open(uid)[1].get(ARTIFACT)

    def write(self, uid: str, artifact: Artifact, spec: dict[str, Any]) -> None:
        """Keep a result; a second copy of the same result is dropped."""
        table = BytesIO()
        artifact.records.to_parquet(table)
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in artifact.tensors.items()}
        parts = {ARTIFACT: save(tensors), RECORDS: table.getvalue()}
        spec = json.loads(json.dumps(spec, default=str))
        sums = {SPEC: _sum(_plain(spec)), **{name: _sum(content) for name, content in parts.items()}}
        parts[SPEC] = json.dumps({**spec, "checksums": sums}, indent=1).encode()
        with self._writing():
            if self.scheme is None:
                self.fs.makedirs(self.root, exist_ok=True)
                self._put("scheme", str(SCHEME).encode())
                self.scheme = SCHEME
            if self.local:
                self._rename_in(uid, parts)
            else:  # a bucket has no rename, but each object appears whole, and spec.json comes last
                for name, content in parts.items():
                    self.fs.pipe_file(self._place(uid, name), content)

    def check_writable(self) -> None:
        """Raise Fatal where nothing can be written, or two could hold one claim."""
        probe = f"{self.root}/.probe-{uuid.uuid4().hex}"
        with self._writing():
            self.fs.makedirs(self.root, exist_ok=True)
            self.fs.pipe_file(probe, b"fairray")
            self.fs.rm_file(probe)
            if self._claims is not None:
                self._claims.check(self.url)

    def entries(self) -> list[str]:
        """The uids of all that lies here, whole or not."""
        folders = (name for name in self._list(self.root) if re.fullmatch("[0-9a-f]{2}", name))
        return [uid for folder in folders for uid in self._list(f"{self.root}/{folder}")]

    def find_damaged(self, uids: Iterable[str]) -> Iterator[Damaged]:
        """Why entries are not what was written, of those that are not; not of what is computed meanwhile, which in a
        bucket is half there for a moment."""
        for uid in uids:
            if self._find_damage(uid) and uid not in self.claimed() and (error := self._find_damage(uid)):
                yield error

    def _find_damage(self, uid: str) -> Damaged | None:
        try:
            self.check(uid)
        except Damaged as error:
            return error
        return None

    def check(self, uid: str) -> None:
        """Raise Damaged where an entry is not what was written, or lies under another's uid."""
        spec, sums = self._open(uid)
        if "key" in spec and digest(spec["key"]) != uid:
            raise Damaged(uid, self._place(uid, SPEC), "it is the spec of another entry", self.url)
        self._part(uid, RECORDS, sums, _table, near=False)
        if not _are_let_go(sums):
            self._part(uid, ARTIFACT, sums, load, near=False)

    def remove(self, uid: str) -> None:
        """Forget an entry; its stage is computed again."""
        with self._writing(), suppress(FileNotFoundError):  # somebody else has done so
            self.fs.rm(self._folder(uid), recursive=True)

    def let_go(self, uid: str) -> None:
        """Keep the records of an entry, and not its tensors."""
        spec, sums = self._open(uid)
        sums = {
            SPEC: _sum(_plain(spec)),
            RECORDS: sums.get(RECORDS) or _sum(self.fs.cat_file(self._place(uid, RECORDS))),
        }
        with self._writing():
            self._put(f"{uid[:2]}/{uid}/{SPEC}", json.dumps({**spec, "checksums": sums}, indent=1).encode())
            self.fs.rm_file(self._place(uid, ARTIFACT))

    def measure(self, uid: str) -> tuple[int, int]:
        """Bytes of an entry, and those of its tensors."""
        sizes = {file["name"]: file["size"] for file in self.fs.ls(self._folder(uid), detail=True)}
        return sum(sizes.values()), sizes.get(self._place(uid, ARTIFACT), 0)

    @contextmanager
    def claim(self, uids: Iterable[str]) -> Iterator[set[str]]:
        """Those of `uids` that nobody else is computing; they are ours until the block ends.

        A claim whose holder is a process of this machine that has ended is taken over, and so is one that has not been
        renewed for a minute, or that is from more than a minute ahead, which a clock that was set back has left. There
        are claims in folders, s3:// and gs://. Elsewhere two workers may compute the same thing, and both write the
        same result.
        """
        wanted = set(uids)
        if self._claims is None:
            yield wanted
            return
        with ExitStack() as claimed:
            with self._writing():
                ours = claimed.enter_context(hold(self._claims, wanted))
            yield ours

    def claimed(self) -> list[str]:
        """What is being computed now."""
        return [] if self._claims is None else self._claims.list()

    def note_failure(self, uid: str, kind: str, text: str) -> None:
        """Write down why a stage failed last; what is stored later counts, whatever stands here."""
        with self._writing():
            self.fs.makedirs(f"{self.root}/failures", exist_ok=True)
            self._put(f"failures/{uid}.json", json.dumps({"kind": kind, "text": text}).encode())

    def failures(self) -> dict[str, dict[str, str]]:
        """By uid, the kind and the text of each stage's last failure."""
        folder = f"{self.root}/failures"
        uids = [name.removesuffix(".json") for name in self._list(folder) if name.endswith(".json")]
        return {uid: json.loads(self.fs.cat_file(f"{folder}/{uid}.json")) for uid in uids}

    def write_checkpoint(self, uid: str, content: bytes) -> None:
        """Keep how far a stage is, in place of how far it was."""
        with self._writing():
            self.fs.makedirs(f"{self.root}/{CHECKPOINTS}", exist_ok=True)
            self._put(f"{CHECKPOINTS}/{uid}{SUFFIX}", content)

    def read_checkpoint(self, uid: str) -> bytes | None:
        """How far a stage was; None where nothing is known of that."""
        return self._read_reached(f"{uid}{SUFFIX}")

    def note_pause(self, uid: str, said: Mapping[str, Any]) -> None:
        """Write down what there is to tell of a stage that has paused: its `curves` so far, and how it was `made`."""
        with self._writing():
            self._put(f"{CHECKPOINTS}/{uid}{PAUSE}", json.dumps(said, default=str).encode())

    def read_pause(self, uid: str) -> dict[str, Any] | None:
        """What `note_pause` was told; None where a stage has not paused, or its pause is forgotten."""
        content = self._read_reached(f"{uid}{PAUSE}")
        return None if content is None else dict(json.loads(content))

    def _read_reached(self, name: str) -> bytes | None:
        """A file that says how far a stage was, if it is there."""
        try:
            return self.fs.cat_file(f"{self.root}/{CHECKPOINTS}/{name}", **self._briefly)
        except FileNotFoundError:
            return None

    def paused_after(self, uid: str) -> int:
        """After how many epochs a stage has paused; 0 where it has not."""
        said = self.read_pause(uid)
        return max(map(len, said["curves"].values()), default=0) if said else 0

    def made(self, uid: str) -> dict[str, Any]:
        """How an entry came to be, or what has paused came to where it is."""
        return dict(self.spec(uid)["made"] if self.has(uid) else (self.read_pause(uid) or {})["made"])

    def drop_checkpoint(self, uid: str) -> None:
        """Forget how far a stage was, and what somebody left who died while writing that."""
        with self._writing():
            for path, owner, _ in self._checkpoints():
                if owner == uid:
                    with suppress(FileNotFoundError):  # somebody else has done so
                        self.fs.rm_file(path)

    def checkpoints(self) -> dict[str, int]:
        """By uid, how many bytes are kept of how far stages are."""
        sizes: dict[str, int] = {}
        for _, uid, size in self._checkpoints():
            sizes[uid] = sizes.get(uid, 0) + size
        return sizes

    def _checkpoints(self) -> list[tuple[str, str, int]]:
        """Path, uid and bytes of each file; that of one which is being written begins with a point."""
        try:
            files = self.fs.ls(f"{self.root}/{CHECKPOINTS}", detail=True)
        except FileNotFoundError:
            return []
        return [(f["name"], f["name"].rsplit("/", 1)[-1].strip(".").split(".")[0], f["size"]) for f in files]

    def _opening(self) -> AbstractContextManager[None]:
        cure = "mend launch.store, or what lets you read it: rights, credentials, the network"
        return self._saying(BadInput, "read", cure)

    def _writing(self) -> AbstractContextManager[None]:
        cure = "make room, let it be written, or set launch.store; what is stored is not computed again"
        return self._saying(Fatal, "written", cure)

    @contextmanager
    def _saying(self, kind: type[BadInput | Fatal], what: str, cure: str) -> Iterator[None]:
        """One error of a kind for whatever a disk or a cloud says inside. what: cannot be done then."""
        try:
            with as_os_errors():
                yield
        except OSError as error:
            raise kind(self.url, f"it cannot be {what}: {error.strerror or error}", cure) from error

    def _put(self, name: str, content: bytes) -> None:
        """Write a file of the root that others may read at any moment."""
        if self.local:
            write_whole(Path(self.root, name), content)
        else:
            self.fs.pipe_file(f"{self.root}/{name}", content)

    def _list(self, folder: str) -> list[str]:
        """The names in a folder."""
        try:
            return sorted(path.rstrip("/").rsplit("/", 1)[-1] for path in self.fs.ls(folder, detail=False))
        except FileNotFoundError:
            return []

    def _scheme(self) -> int | None:
        """How the uids of its results are made; None where there are none. The first scheme did not say."""
        place = f"{self.root}/scheme"
        try:
            said = self.fs.cat_file(place, **self._briefly)
        except FileNotFoundError:
            return 1 if any(re.fullmatch("[0-9a-f]{2}", name) for name in self._list(self.root)) else None
        if not said.isdigit():
            raise BadInput(place, f"got {said[:20]!r}, expected a number", f"write {SCHEME} into it")
        return int(said)

    def _folder(self, uid: str) -> str:
        return f"{self.root}/{uid[:2]}/{uid}"

    def _place(self, uid: str, part: str) -> str:
        return f"{self._folder(uid)}/{part}"

    def _open(self, uid: str) -> tuple[dict[str, Any], dict[str, str]]:
        """What an entry is, and the checksums of its parts; entries of earlier versions have none."""
        spec = self._part(uid, SPEC, {}, lambda content: dict(json.loads(content)))
        sums = spec.pop("checksums", {})
        self._compare(uid, SPEC, sums, _plain(spec))
        return spec, sums

    def _part(self, uid: str, name: str, sums: dict[str, str], parse: Callable[[bytes], T], near: bool = True) -> T:
        """near: a copy on this machine will do."""
        content = self._copy(uid, name, sums[name]) if near and name in sums else self._fetch(uid, name, sums)
        try:
            return parse(content)
        except Exception as error:  # each library has its own for what it cannot parse
            if name in sums:  # what was written is there; it is not the store's fault
                raise
            raise Damaged(uid, self._place(uid, name), f"it cannot be read: {error}", self.url) from error

    def _copy(self, uid: str, name: str, total: str) -> bytes:
        """A part with a checksum, from this machine's copies where it is among them."""
        if self._copies is None:
            return self._fetch(uid, name, {name: total})
        copy = f"{uid}-{total}-{name}"
        content = self._copies.find(copy)
        if content is None or _sum(content) != total:
            content = self._fetch(uid, name, {name: total})
            self._copies.keep(copy, content)
        return content

    def _fetch(self, uid: str, name: str, sums: dict[str, str]) -> bytes:
        place = self._place(uid, name)
        try:
            content = self.fs.cat_file(place, **({} if name == ARTIFACT else self._briefly))
        except (FileNotFoundError, NotADirectoryError) as error:
            raise Damaged(uid, place, "there is no such file", self.url) from error
        self._compare(uid, name, sums, content)
        return content

    def _compare(self, uid: str, name: str, sums: dict[str, str], content: bytes) -> None:
        if name in sums and sums[name] != _sum(content):
            raise Damaged(uid, self._place(uid, name), "it is not what was written", self.url)

    def _rename_in(self, uid: str, parts: dict[str, bytes]) -> None:
        final, temporary = Path(self._folder(uid)), Path(self.root, "tmp", uuid.uuid4().hex)
        try:
            temporary.mkdir(parents=True)
            for name, content in parts.items():
                (temporary / name).write_bytes(content)
            final.parent.mkdir(parents=True, exist_ok=True)
            if final.exists() and not self.has(uid):  # what is left of an entry whose spec.json was lost
                final.rename(temporary / "old")
                shutil.rmtree(temporary / "old")
            temporary.rename(final)
        except OSError:
            if not self.has(uid):  # else somebody was faster; equal names are equal results
                raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _find(root: str) -> tuple[Any, str]:
    """The file system of a folder or a URL, and the path in it."""
    try:
        return fsspec.core.url_to_fs(root, use_listings_cache=False)  # others write, too
    except (ImportError, ValueError) as error:
        cure = "name a folder, or s3:// or gs:// (pip install 'fairray[s3]' or 'fairray[gs]')"
        raise BadInput(root, str(error), cure) from error


def _table(content: bytes) -> pd.DataFrame:
    return _arrow(content).to_pandas()


def _arrow(content: bytes) -> pa.Table:
    """pandas asks a pool of threads, and takes three times as long for tables as small as these."""
    return parquet.ParquetFile(pa.BufferReader(content)).read(use_threads=False)


def _plain(spec: dict[str, Any]) -> bytes:
    return json.dumps(spec, sort_keys=True).encode()


def _are_let_go(sums: dict[str, str]) -> bool:
    """Whether an entry has lost its tensors on purpose; those of earlier versions have no checksums at all."""
    return RECORDS in sums and ARTIFACT not in sums


def _sum(content: bytes) -> str:
    """A checksum that sees accidents, at little beside what reading takes."""
    return f"{zlib.crc32(content):08x}"
