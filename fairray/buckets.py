"""Small objects in a bucket, each written only where what is there is what its writer knows of."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from email.utils import parsedate_to_datetime
from json import dumps, loads
from typing import Any, NamedTuple, Protocol

from fsspec.asyn import sync

from fairray.errors import BadInput

__all__ = ["Folder", "GoogleFolder", "S3Folder", "Seen", "as_os_errors", "speaks"]


class Seen(NamedTuple):
    """An object as it was found: what is in it, the tag of this version of it, and its age in seconds by the server's
    clock."""

    content: bytes
    tag: str
    age: float


class Folder(Protocol):
    """The objects of one folder, by name. Raises OSError, whatever the library below raises."""

    def put(self, name: str, content: bytes, tag: str | None) -> str | None:
        """Write over the version that has a tag, or, without one, where nothing is. The new version's tag; None where
        something else is there."""

    def look(self, name: str) -> Seen | None: ...

    def ages(self) -> dict[str, float]:
        """Of all that is there."""

    def remove(self, name: str) -> None: ...


class S3Folder:
    """By If-None-Match and If-Match of ETags (AWS, Amazon S3 User Guide, "Conditional writes").

    Through s3fs's own client: its `pipe_file` knows the first of the two alone.
    """

    def __init__(self, fs: Any, path: str):
        self.fs, self.path = fs, path
        self.bucket, self.key, _ = fs.split_path(path)

    def put(self, name: str, content: bytes, tag: str | None) -> str | None:
        condition = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
        # 409: somebody else writes it at this moment; 404: what was to be written over is gone
        refusals = (409, 412) if tag is None else (404, 409, 412)
        try:
            return self._call("put_object", Key=f"{self.key}/{name}", Body=content, **condition)["ETag"]
        except OSError as error:
            said = getattr(error.__cause__, "response", {})
            if said.get("ResponseMetadata", {}).get("HTTPStatusCode") in refusals:
                return None
            raise

    def look(self, name: str) -> Seen | None:
        try:
            said = self._call("get_object", Key=f"{self.key}/{name}")
        except FileNotFoundError:
            return None
        with as_os_errors():
            content = sync(self.fs.loop, said["Body"].read)
        return Seen(content, said["ETag"], _since(said["LastModified"], _sent(said)))

    def ages(self) -> dict[str, float]:
        now = _sent(self._call("head_bucket"))
        return {name: _since(entry["LastModified"], now) for name, entry in _list(self.fs, self.path)}

    def remove(self, name: str) -> None:
        self._call("delete_object", Key=f"{self.key}/{name}")

    def _call(self, method: str, **arguments: Any) -> Any:
        with as_os_errors():
            return self.fs.call_s3(method, Bucket=self.bucket, **arguments)


class GoogleFolder:
    """By ifGenerationMatch (Google, Cloud Storage JSON API, "Request preconditions").

    Through gcsfs's own client: its `pipe_file` can make an object, and not renew one.
    """

    def __init__(self, fs: Any, path: str):
        self.fs, self.path = fs, path
        self.bucket, self.key, _ = fs.split_path(path)

    def put(self, name: str, content: bytes, tag: str | None) -> str | None:
        place = f"{self.fs._location}/upload/storage/v1/b/{self.bucket}/o"
        parts = [("application/json", dumps({"name": f"{self.key}/{name}"}).encode()), ("text/plain", content)]
        body = b"".join(b"--0\r\nContent-Type: %s\r\n\r\n%s\r\n" % (kind.encode(), part) for kind, part in parts)
        told = {"uploadType": "multipart", "ifGenerationMatch": tag or "0"}
        headers = {"Content-Type": "multipart/related; boundary=0"}
        try:
            return loads(self._call("POST", place, data=body + b"--0--", headers=headers, **told)[1])["generation"]
        except FileExistsError:  # which gcsfs makes of 412
            return None

    def look(self, name: str) -> Seen | None:
        try:
            headers, said = self._call("GET", "b/{}/o/{}", self.bucket, f"{self.key}/{name}")
            with as_os_errors():
                content = self.fs.cat_file(f"{self.path}/{name}")
        except FileNotFoundError:
            return None
        found = loads(said)
        return Seen(content, found["generation"], _since(datetime.fromisoformat(found["updated"]), headers["Date"]))

    def ages(self) -> dict[str, float]:
        now = self._call("GET", "b/{}/o", self.bucket, maxResults="1")[0]["Date"]
        return {name: _since(entry["mtime"], now) for name, entry in _list(self.fs, self.path)}

    def remove(self, name: str) -> None:
        self._call("DELETE", "b/{}/o/{}", self.bucket, f"{self.key}/{name}")

    def _call(self, method: str, path: str, *parts: str, **arguments: Any) -> Any:
        with as_os_errors():
            return self.fs.call(method, path, *parts, **arguments)


def speaks(fs: Any, protocol: str) -> bool:
    """Whether URLs of a file system begin with a protocol."""
    return protocol in ([fs.protocol] if isinstance(fs.protocol, str) else fs.protocol)


@contextmanager
def as_os_errors() -> Iterator[None]:
    """Whatever a cloud's library raises is an OSError, as of any disk."""
    try:
        yield
    except (OSError, BadInput):
        raise
    except Exception as error:
        raise OSError(f"{type(error).__name__}: {error}") from error


def _sent(said: Any) -> str:
    """When S3 sent an answer."""
    return said["ResponseMetadata"]["HTTPHeaders"]["date"]


def _since(then: datetime, now: str) -> float:
    """Seconds, both by the server's clock."""
    return (parsedate_to_datetime(now) - then).total_seconds()


def _list(fs: Any, path: str) -> list[tuple[str, Any]]:
    with as_os_errors():
        try:
            return [(entry["name"].rsplit("/", 1)[-1], entry) for entry in fs.ls(path, detail=True)]
        except FileNotFoundError:
            return []
