"""Results on disk or in a bucket, named by everything they depend on."""

import json
import os
import re
import shutil
import socket
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd
from fsspec.implementations.local import LocalFileSystem
from safetensors.torch import load, save

from fairray.errors import BadInput
from fairray.identity import SCHEME
from fairray.stages import Artifact

__all__ = ["Store"]

HEARTBEAT_S = 5.0
STALE_S = 60.0


class Store:
    """`<root>/<uid[:2]>/<uid>/` with artifact.safetensors, records.parquet and, last, spec.json.

    root: a folder, or a URL that fsspec knows (s3://, gs://). An entry is there when its spec.json is,
    so a killed run leaves nothing half-done that could be taken for a result. `<root>/scheme` says how uids are made;
    BadInput where they are made otherwise, since none of those results would be found.
    """

    def __init__(self, root: str):
        self.fs, path = fsspec.core.url_to_fs(root)
        self.local = isinstance(self.fs, LocalFileSystem)
        self.root = os.path.abspath(path) if self.local else path.rstrip("/")
        self.url = self.root if self.local else root
        self.scheme = self._scheme()
        if self.scheme not in (None, SCHEME):
            problem = f"its results have names of scheme {self.scheme}, and this fairray knows those of scheme {SCHEME}"
            raise BadInput(self.url, problem, "move it away, or set launch.store to another place")

    def has(self, uid: str) -> bool:
        return self.fs.exists(f"{self._folder(uid)}/spec.json")

    def read(self, uid: str) -> Artifact:
        return Artifact(load(self._bytes(uid, "artifact.safetensors")), self.records(uid))

    def records(self, uid: str) -> pd.DataFrame:
        return pd.read_parquet(BytesIO(self._bytes(uid, "records.parquet")))

    def spec(self, uid: str) -> dict[str, Any]:
        """What the entry is, and how it came to be."""
        return json.loads(self._bytes(uid, "spec.json"))

    def write(self, uid: str, artifact: Artifact, spec: dict[str, Any]) -> None:
        """Keep a result; a second copy of the same result is dropped."""
        if self.scheme is None:
            self.fs.makedirs(self.root, exist_ok=True)
            self.fs.pipe_file(f"{self.root}/scheme", str(SCHEME).encode())
            self.scheme = SCHEME
        table = BytesIO()
        artifact.records.to_parquet(table)
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in artifact.tensors.items()}
        parts = {
            "artifact.safetensors": save(tensors),
            "records.parquet": table.getvalue(),
            "spec.json": json.dumps(spec, indent=1, default=str).encode(),
        }
        if self.local:
            self._rename_in(uid, parts)
        else:  # a bucket has no rename, but each object appears whole, and spec.json comes last
            for name, content in parts.items():
                self.fs.pipe_file(f"{self._folder(uid)}/{name}", content)

    def entries(self) -> list[str]:
        """The uids of all that lies here, whole or not."""
        folders = (name for name in self._list(self.root) if re.fullmatch("[0-9a-f]{2}", name))
        return [uid for folder in folders for uid in self._list(f"{self.root}/{folder}")]

    @contextmanager
    def claim(self, uids: Iterable[str]) -> Iterator[set[str]]:
        """Those of `uids` that nobody else is computing; they are ours until the block ends.

        A claim whose holder has not touched it for a minute is taken over. In a bucket there are no
        claims: two workers may then compute the same thing, and both write the same result.
        """
        wanted = set(uids)
        if not self.local:
            yield wanted
            return
        paths = {uid: Path(self.root, "claims", uid) for uid in wanted}
        ours = {uid for uid, path in paths.items() if _take(path)}
        done = threading.Event()
        beat = threading.Thread(target=_touch, args=([paths[uid] for uid in ours], done), daemon=True)
        beat.start()
        try:
            yield ours
        finally:
            done.set()
            beat.join()
            for uid in ours:
                paths[uid].unlink(missing_ok=True)

    def claimed(self) -> list[str]:
        """What is being computed now."""
        folder = Path(self.root, "claims")
        if not self.local or not folder.is_dir():
            return []
        return sorted(path.name for path in folder.iterdir() if _age(path) < STALE_S)

    def _scheme(self) -> int | None:
        """How the uids of its results are made; None where there are none. The first scheme did not say."""
        if self.fs.exists(f"{self.root}/scheme"):
            return int(self.fs.cat_file(f"{self.root}/scheme"))
        return 1 if any(re.fullmatch("[0-9a-f]{2}", name) for name in self._list(self.root)) else None

    def _list(self, folder: str) -> list[str]:
        """The names in a folder."""
        if not self.fs.exists(folder):
            return []
        return sorted(path.rstrip("/").rsplit("/", 1)[-1] for path in self.fs.ls(folder, detail=False))

    def _folder(self, uid: str) -> str:
        return f"{self.root}/{uid[:2]}/{uid}"

    def _bytes(self, uid: str, name: str) -> bytes:
        try:
            return self.fs.cat_file(f"{self._folder(uid)}/{name}")
        except FileNotFoundError as error:
            raise BadInput(
                self._folder(uid), f"there is no {name}", "delete the folder; it is computed again"
            ) from error

    def _rename_in(self, uid: str, parts: dict[str, bytes]) -> None:
        final, temporary = Path(self._folder(uid)), Path(self.root, "tmp", uuid.uuid4().hex)
        temporary.mkdir(parents=True)
        for name, content in parts.items():
            (temporary / name).write_bytes(content)
        final.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.rename(final)
        except OSError:  # somebody else was faster; equal names are equal results
            shutil.rmtree(temporary)


def _take(path: Path) -> bool:
    path.parent.mkdir(parents=True, exist_ok=True)
    if _age(path) > STALE_S:
        grave = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        try:
            path.rename(grave)  # only one taker succeeds
            grave.unlink()
        except FileNotFoundError:
            pass
    try:
        with path.open("x") as file:
            file.write(f"{socket.gethostname()} {os.getpid()}\n")
    except FileExistsError:
        return False
    return True


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _touch(paths: list[Path], done: threading.Event) -> None:
    while not done.wait(HEARTBEAT_S):
        for path in paths:
            path.touch()
