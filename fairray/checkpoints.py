"""How far long stages are, kept in a store from time to time, so that they go on from there when they died.

`trial.compute` opens `keeping` around what a stage computes. What takes long asks `recall` how far it was, and tells
`remember` how far it is; a loop over parts has both by `go_through`. Where nothing is kept they do nothing. Training
also asks `pause_after` whether it is to end on its way, for searches that stop early.
"""

import json
import logging
import math
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import torch
import torch.distributed as dist
from safetensors.torch import load, save
from torch import Tensor

from fairray.errors import Fatal

if TYPE_CHECKING:
    from fairray.data import Tensors
    from fairray.stages import Replica
    from fairray.store import Store

__all__ = ["Checkpoints", "go_through", "keeping", "pause", "pause_after", "recall", "remember"]

T = TypeVar("T")
R = TypeVar("R")
SHARE = 0.05  # of the time, that writing takes at most
log = logging.getLogger(__name__)


class Held(Protocol):
    """What changes as a loop goes on: a module, an optimizer."""

    def state_dict(self) -> Any: ...
    def load_state_dict(self, state_dict: Any) -> Any: ...


class Checkpoints:
    """Of the stages that are being computed here, at most one each: the newest.

    minutes: between two of them, and before the first; None: none is written. together: the processes of a
    torch.distributed group compute the same stages; the first one writes, and what is recalled is the same in all.
    pauses: by uid, after how many epochs trainings pause.

    One is dropped when the result is stored. Where it is damaged, or by another torch, which may name or add otherwise,
    it is dropped when it is read; where it cannot be written the stage goes on; both are logged.
    """

    def __init__(
        self, store: "Store", minutes: float | None, together: bool = False, pauses: Mapping[str, int] | None = None
    ):
        self.store, self.together, self.pauses = store, together, pauses or {}
        self.every_s = math.inf if minutes is None else 60 * minutes
        self.writes = not together or dist.get_rank() == 0
        self.attempts: dict[str, int] = {}  # before this one, of the stages that go on from one
        self.seconds: dict[str, float] = {}  # that those took
        self.kept: set[str] = set()  # the stages of which there is one
        self.begin()

    def begin(self) -> None:
        """The next stage begins."""
        self.start = monotonic()
        self.due = self.start + self.every_s

    @property
    def is_due(self) -> bool:
        """Whether it is time to write."""
        return self.writes and monotonic() >= self.due

    def recall(self, uid: str) -> Any:
        """How far a stage was, or None."""
        told, state = self._read(uid)
        alike = self._are_alike(told.get("sum"))
        if not (told and alike):
            return None
        self.attempts[uid], self.seconds[uid] = told["attempts"], told["seconds"]
        self.kept.add(uid)
        return state

    def remember(self, uids: Sequence[str], describe: Callable[[], Sequence[Any]]) -> None:
        """Write how far stages are that are computed together. describe: gives of each what `recall` gives."""
        now = monotonic()
        try:
            self.write(uids, describe())
        except Fatal as error:
            log.warning("%s is not kept: %s", ", ".join(uids), error)
        ended = monotonic()
        self.due = ended + max(self.every_s, (ended - now) / SHARE)

    def write(self, uids: Sequence[str], states: Sequence[Any]) -> None:
        """Likewise, and raise Fatal where it cannot be written."""
        own = (monotonic() - self.start) / len(uids)
        for uid, state in zip(uids, states, strict=True):
            told = {"attempts": self.attempts.get(uid, 0) + 1, "seconds": self.seconds.get(uid, 0.0) + own}
            self.store.write_checkpoint(uid, _encode(told, state))
            self.kept.add(uid)

    def measure(self, uid: str) -> float:
        """Seconds that a stage took, with those of attempts before."""
        return monotonic() - self.start + self.seconds.get(uid, 0.0)

    def drop(self, uid: str) -> None:
        """Its result is stored."""
        if uid in self.kept:
            self.store.drop_checkpoint(uid)

    def _read(self, uid: str) -> tuple[dict[str, Any], Any]:
        content = self.store.read_checkpoint(uid)
        if content is None:
            return {}, None
        try:
            return _decode(content)
        except Exception as error:  # whatever a library says of bytes that are no longer what they were
            log.warning("the checkpoint of %s is dropped, the stage begins anew: %s", uid, error)
            if self.writes:
                self.store.drop_checkpoint(uid)
            return {}, None

    def _are_alike(self, found: Any) -> bool:
        """Whether all processes that compute together have found the same."""
        said = [found]
        if self.together:
            said = [None] * dist.get_world_size()
            dist.all_gather_object(said, found)
        return len({*said}) == 1


_current: ContextVar[Checkpoints | None] = ContextVar("checkpoints", default=None)


@contextmanager
def keeping(checkpoints: Checkpoints) -> Iterator[None]:
    """Let what is computed inside keep how far it is."""
    before = _current.set(checkpoints)
    try:
        yield
    finally:
        _current.reset(before)


def recall(replica: "Replica") -> Any:
    """How far a stage was when an attempt before ended: what that told `remember`, with lists for tuples; or None."""
    checkpoints = _current.get()
    return None if checkpoints is None else checkpoints.recall(replica.uid)


def pause_after(replica: "Replica") -> int | None:
    """After how many epochs a training pauses; None: it is trained to the end."""
    checkpoints = _current.get()
    return None if checkpoints is None else checkpoints.pauses.get(replica.uid)


def pause(replicas: Sequence["Replica"], describe: Callable[[], Sequence[Any]]) -> None:
    """Write down, whatever the time, how far stages are that end on their way. describe: see `remember`."""
    checkpoints = _current.get()
    if checkpoints is not None and checkpoints.writes:
        checkpoints.write([replica.uid for replica in replicas], describe())


def remember(replicas: Sequence["Replica"], describe: Callable[[], Sequence[Any]]) -> None:
    """Say between two steps how far stages are. It is written down if it is time, and costs nothing otherwise.

    describe: gives of each stage all that its further steps depend on: numbers, texts, tensors, and lists and dicts of
    such.
    """
    checkpoints = _current.get()
    if checkpoints is not None and checkpoints.is_due:
        checkpoints.remember([replica.uid for replica in replicas], describe)


def go_through(
    replica: "Replica", parts: Sequence[T], make: Callable[[T], R], held: Sequence[Held] = ()
) -> Iterator[R]:
    """What is made of each part, in order and each when it is asked for; of the first, what an attempt before made.

    make: gives tensors, numbers, or lists and dicts of them. held: what it changes as it goes on.
    """
    made: list[R] = []
    if found := recall(replica):
        made = found["made"]
        for one, state in zip(held, found["held"], strict=True):
            one.load_state_dict(state)
    yield from [*made]
    for part in parts[len(made) :]:
        made.append(make(part))
        yield made[-1]
        remember([replica], lambda: [{"made": made, "held": [one.state_dict() for one in held]}])


def _encode(told: dict[str, Any], state: Any) -> bytes:
    """One file of tensors, whose header has the rest as JSON and a checksum of both."""
    tensors: Tensors = {}
    said = json.dumps({**told, "torch": torch.__version__, "state": _take_out(state, tensors)})
    return save(tensors, {"said": said, "sum": _sum(said, tensors)})


def _decode(content: bytes) -> tuple[dict[str, Any], Any]:
    """What was told, with the checksum, and the state. Raises where the bytes are not what was written."""
    size = int.from_bytes(content[:8], "little")
    header, tensors = json.loads(content[8 : 8 + size])["__metadata__"], load(content)
    if _sum(header["said"], tensors) != header["sum"]:
        raise ValueError("it is not what was written")
    told = json.loads(header["said"]) | {"sum": header["sum"]}
    if told["torch"] != torch.__version__:
        raise ValueError(f"it is by torch {told['torch']}")
    return told, _put_back(told.pop("state"), tensors)


def _take_out(value: Any, tensors: "Tensors") -> Any:
    """A state as JSON, in which a number stands for each tensor; copies of these are put into `tensors`."""
    if isinstance(value, Tensor):
        tensors[str(len(tensors))] = value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        return {"tensor": str(len(tensors) - 1)}
    if isinstance(value, dict):  # whose keys may be numbers
        return {"keys": [*value], "values": [_take_out(inner, tensors) for inner in value.values()]}
    if isinstance(value, list | tuple):
        return [_take_out(inner, tensors) for inner in value]
    return value


def _put_back(said: Any, tensors: "Tensors") -> Any:
    if isinstance(said, list):
        return [_put_back(inner, tensors) for inner in said]
    if isinstance(said, dict) and "tensor" in said:
        return tensors[said["tensor"]]
    if isinstance(said, dict):
        return dict(zip(said["keys"], (_put_back(inner, tensors) for inner in said["values"]), strict=True))
    return said


def _sum(said: str, tensors: "Tensors") -> str:
    total = zlib.crc32(said.encode())
    for name in sorted(tensors):
        total = zlib.crc32(tensors[name].reshape(-1).view(torch.uint8).numpy().data, total)
    return f"{total:08x}"
