"""A server of buckets on loopback, which says what it was asked, and can be made to ignore conditions."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import s3fs
from moto.backends import get_backend
from moto.core import DEFAULT_ACCOUNT_ID
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server


class Server:
    """moto's S3, one request at a time, as each is whole in a bucket. asked: each request's method and path."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self._unseen, self._lost, self._within = "", 0, threading.Lock()
        self._app = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{self._server.server_port}"
        self.environment = {"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}

    def _answer(self, environ, start):
        with self._within:
            self.asked.append((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
            answer = self._app({name: value for name, value in environ.items() if name != self._unseen}, start)
            if environ["REQUEST_METHOD"] == "PUT" and self._lost:
                self._lost -= 1
                start("500 Internal Server Error", [])
                answer = []
            return answer

    def lose_answer(self) -> None:
        """Do what the next PUT asks for, and say that it failed."""
        self._lost = 1

    @contextmanager
    def ignoring(self, header: str) -> Iterator[None]:
        """As a server that knows nothing of a header."""
        self._unseen = f"HTTP_{header.upper().replace('-', '_')}"
        try:
            yield
        finally:
            self._unseen = ""

    def age(self, url: str, seconds: float) -> None:
        """As if an object had been written so much earlier."""
        name, _, key = url.removeprefix("s3://").partition("/")
        get_backend("s3")[DEFAULT_ACCOUNT_ID]["aws"].buckets[name].keys[key].last_modified -= timedelta(seconds=seconds)

    def written(self, url: str, part: str) -> Counter[str]:
        """How often each entry's part was written, by uid."""
        start = "/" + url.removeprefix("s3://") + "/"
        paths = [path for method, path in self.asked if method == "PUT" and path.startswith(start)]
        return Counter(path.split("/")[-2] for path in paths if path.endswith(part))

    def make_bucket(self) -> str:
        """The address of a store in a new bucket."""
        name = f"bucket-{len(self.asked)}"
        s3fs.S3FileSystem().mkdir(name)
        return f"s3://{name}/store"

    def close(self) -> None:
        self._server.shutdown()
