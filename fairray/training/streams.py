"""Rows of columns on the device, part by part: of what lies there, or read ahead from where there is more room."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import repeat
from math import prod

import torch
from torch import Tensor

from fairray.data import Dataset, Tensors
from fairray.memory import room
from fairray.stages import Numerics

__all__ = ["cast", "chunks", "settle", "take"]

AHEAD = 2  # parts that are read while an earlier one is used
CHUNK = 2**20  # numbers of input that are predicted from at once

Part = Tensor | slice
Copied = tuple[Tensors, torch.cuda.Event | None]


def settle(splits: Mapping[str, Tensors], numerics: Numerics) -> dict[str, Tensors]:
    """The splits on the device; but columns of more than a number for each example stay where they are, if there is
    no room for those of all splits together."""
    wide = sum(tensor.nbytes for columns in splits.values() for tensor in columns.values() if tensor.ndim > 1)
    fits = wide <= room(numerics.device)

    def place(columns: Tensors) -> Tensors:
        near = {name: tensor for name, tensor in columns.items() if fits or tensor.ndim == 1}
        return columns | cast(near, numerics)

    return {name: place(columns) for name, columns in splits.items()}


def take(columns: Tensors, parts: Sequence[Part], numerics: Numerics) -> Iterator[Tensors]:
    """The rows of each part, on the device. Those of columns that are far are read ahead, by a thread."""
    far = {name: tensor for name, tensor in columns.items() if _is_far(tensor, numerics)}
    near = {name: tensor for name, tensor in columns.items() if name not in far}
    read = _read_ahead(far, parts, numerics) if far else repeat({})
    for part, copied in zip(parts, read):
        found = cast({name: tensor[part] for name, tensor in near.items()}, numerics) | copied
        yield {name: found[name] for name in columns}


def chunks(dataset: Dataset, batch: Tensors, numerics: Numerics) -> Iterator[Tensors]:
    """The examples, as networks are given them, in parts that are small enough to predict at once."""
    size = max(32, min(1024, CHUNK // prod(dataset.shape)))
    parts = [slice(start, start + size) for start in range(0, len(batch["x"]), size)]
    return map(dataset.shown, take(batch, parts, numerics))


def cast(tensors: Tensors, numerics: Numerics, non_blocking: bool = False) -> Tensors:
    """Tensors on the device, floating ones in the dtype of parameters."""
    return {
        name: tensor.to(
            numerics.device, numerics.precision if tensor.is_floating_point() else tensor.dtype, non_blocking
        )
        for name, tensor in tensors.items()
    }


def _is_far(tensor: Tensor, numerics: Numerics) -> bool:
    """Whether it lies elsewhere than on the device, or is larger than the memory that it is mapped to."""
    if numerics.device != "cpu":
        return tensor.device.type != numerics.device
    return tensor.ndim > 1 and tensor.nbytes > room("cpu")


def _read_ahead(far: Tensors, parts: Sequence[Part], numerics: Numerics) -> Iterator[Tensors]:
    stream = torch.cuda.Stream() if numerics.device == "cuda" else None
    rows = [part.cpu() if isinstance(part, Tensor) else part for part in parts]  # now, as later it would wait for steps
    waiting: deque[Future[Copied]] = deque()
    with ThreadPoolExecutor(1) as pool:
        for part in rows:
            waiting.append(pool.submit(_copy, far, part, numerics, stream))
            if len(waiting) > AHEAD:
                yield _receive(waiting.popleft().result())
        while waiting:
            yield _receive(waiting.popleft().result())


def _copy(far: Tensors, part: Part, numerics: Numerics, stream: torch.cuda.Stream | None) -> Copied:
    """A part on the device, or on its way there, and the event that says that it has arrived."""
    rows = {name: _read(tensor, part) for name, tensor in far.items()}
    if stream is None:
        return cast(rows, numerics), None
    with torch.cuda.stream(stream):
        pinned = {name: tensor.pin_memory() for name, tensor in rows.items()}
        return cast(pinned, numerics, non_blocking=True), stream.record_event()


def _read(tensor: Tensor, part: Part) -> Tensor:
    """The rows of a part; of images, tensor[part] would take seven times as long."""
    if isinstance(part, slice):
        return tensor[part]
    return tensor.index_select(0, part.flatten()).view(*part.shape, *tensor.shape[1:])


def _receive(copied: Copied) -> Tensors:
    """The part, for the stream that computes."""
    tensors, arrived = copied
    if arrived is not None:
        computing = torch.cuda.current_stream()
        computing.wait_event(arrived)
        for tensor in tensors.values():
            tensor.record_stream(computing)  # its memory is not used again before what is computed from it is done
    return tensors
