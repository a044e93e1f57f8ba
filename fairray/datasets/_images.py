"""From image files to tensors: decoded as people see them and resized, once, into a cache on disk."""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
import torch
from annotated_types import Ge, Gt, Lt
from PIL import Image, ImageOps, __version__

from fairray.data import SPLITS, Dataset, Tensors, cell_counts
from fairray.datasets._maps import BLOCK, Facts, cached, gathered
from fairray.errors import BadInput
from fairray.words import list_some, write_count

Corrupt = Literal["error", "skip"]
Pixels = Annotated[int, Ge(1)]
Share = Annotated[float, Gt(0), Lt(1)]
DECODER = 2  # which way of decoding made a cache
SIXTEEN = ("PNG", "PPM")  # formats whose numbers have 16 bits where Pillow gives 32
ODD = {
    "deep": "16 bits a channel, of which 65,535 is white here",
    "clear": "transparent parts, which are white here",
    "frames": "several frames, of which the first is used",
}


class Images(NamedTuple):
    """x: the files as bytes with axes (file, RGB, height, width). kept: those that could be read, in rising order.

    notes: what is to be said of how they were read.
    """

    x: torch.Tensor
    kept: np.ndarray
    notes: tuple[str, ...]


class Unclear(Exception):
    """An image that can be read in several ways."""


def images(folder: Path, names: Sequence[str], size: tuple[int, int], corrupt: Corrupt) -> Images:
    """The files as people see them: turned as their cameras say, on white where they are transparent.

    Resized with an antialiased bicubic filter to `size` (height, width). The bytes are a map of a file in the cache,
    which is found by what the files hold.
    Raises BadInput for a file that is missing or no image; with corrupt "skip" its row is left blank instead.
    """
    contents = _contents(folder, names)
    key = hashlib.sha256(repr((DECODER, __version__, tuple(size), contents)).encode()).hexdigest()[:32]
    with ThreadPoolExecutor() as pool:
        decode = partial(_decode, pool, [folder / name for name in names], size)
        x, found = cached(key, (len(names), 3, *size), f"{folder}: images decoded", {"bad": [], "odd": {}}, decode)
    skipped = leave_out(folder, {names[row]: problem for row, problem in found["bad"]}, len(names), corrupt)
    kept = np.setdiff1d(np.arange(len(names)), [row for row, _ in found["bad"]])
    notes = (*skipped, *_note_odd(found["odd"], names), *_note_copies(contents, names))
    return Images(x, kept, notes)


def leave_out(folder: Path, bad: dict[str, str], total: int, corrupt: Corrupt) -> tuple[str, ...]:
    """A note about files that cannot be used, if there are any; a BadInput, unless corrupt is "skip".

    bad: what is wrong with each such file; total: how many files there are. To skip all is refused.
    """
    if not bad:
        return ()
    name, problem = next(iter(bad.items()))
    text = f"{problem}; {len(bad)} of {total} files cannot be used"
    if corrupt == "error" or len(bad) == total:
        raise BadInput(str(folder / name), text, "repair or replace them, or leave some out with corrupt: skip")
    return (f"left out: {folder / name}: {text}",)


def check_folder(folder: Path | None, name: str, what: str) -> Path:
    """The folder of a data set; BadInput where it is none. what: the files that it holds."""
    if folder is None:
        raise BadInput(f"data set {name} (folder)", "no folder is given", f"set folder: DIR to where {what} lie")
    if not Path(folder).is_dir():
        raise BadInput(str(folder), "there is no such folder", f"set folder: DIR to where {what} lie")
    return Path(folder)


def split_by_stratum(strata: np.ndarray, shares: tuple[float, ...], seed: int, where: str) -> list[np.ndarray]:
    """Rows in random parts, each with its share of every stratum; the last part takes what is left."""
    if sum(shares) >= 1:
        raise BadInput(where, "no example is left to train on", "let the shares held out sum to less than 1")
    order = np.random.default_rng(seed).permutation(len(strata))
    members = [order[strata[order] == stratum] for stratum in np.unique(strata)]
    pieces = [np.split(rows, np.rint(np.cumsum(shares) * len(rows)).astype(int)) for rows in members]
    return [np.sort(np.concatenate(part)) for part in zip(*pieces)]


def check_everywhere(data: Dataset, labels: Collection[int], where: str) -> None:
    """Raise BadInput that names every class and group, of these labels, which a split with images lacks."""
    counts = {part: cell_counts(data.split(part), len(data.classes), len(data.groups)) for part in SPLITS}
    cells = {
        (label, group): f"{data.classes[label]}, {name}" if len(data.groups) > 1 else data.classes[label]
        for label in labels
        for group, name in enumerate(data.groups)
    }
    lacking = find_lacking({name: {part: int(of[cell]) for part, of in counts.items()} for cell, name in cells.items()})
    if lacking:
        what = "subgroups (label, group)" if len(data.groups) > 1 else "classes"
        problem = f"{len(lacking)} of {len(cells)} {what} have no image in some split: {list_some(lacking, 20)}"
        raise BadInput(where, problem, "give more images of each, hold out larger shares, or leave it out")


def find_lacking(counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Of the things that are counted in each split, those that one lacks, in words; a split without any lacks none."""
    used = [part for part in SPLITS if any(of[part] for of in counts.values())]
    return [
        f"{name} ({write_count(sum(of.values()), 'image')}, none in {', '.join(empty)})"
        for name, of in counts.items()
        if (empty := [part for part in used if not of[part]])
    ]


def pick(columns: Tensors, rows: np.ndarray) -> Tensors:
    """The rows of every column; rising rows without a gap are views, so that a map of a file stays one. Of images for
    which there is no room in memory others are kept in a file too."""
    if len(rows) and rows[-1] - rows[0] + 1 == len(rows):
        return {key: column[rows[0] : rows[-1] + 1] for key, column in columns.items()}
    return {key: gathered(column, rows) for key, column in columns.items()}


def _contents(folder: Path, names: Sequence[str]) -> list[str | None]:
    """A hash of what each file holds, None where there is none."""

    def digest(name: str) -> str | None:
        try:
            with (folder / name).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            return None

    blocks = (names[start : start + BLOCK] for start in range(0, len(names), BLOCK))  # no task for each of millions
    with ThreadPoolExecutor() as pool:
        return [content for block in blocks for content in pool.map(digest, block)]


def _note_copies(contents: Sequence[str | None], names: Sequence[str]) -> Iterator[str]:
    """A note where several files hold the same, so that one image may be in several splits."""
    first: dict[str, str] = {}
    held = [(name, content) for name, content in zip(names, contents, strict=True) if content]
    if copies := [(name, of) for name, content in held if (of := first.setdefault(content, name)) != name]:
        name, of = copies[0]
        yield f"{write_count(len(copies), 'file')} with the same content as another: {name} as {of}"


def _note_odd(odd: dict[str, list[int]], names: Sequence[str]) -> Iterator[str]:
    for kind, rows in odd.items():
        yield f"{write_count(len(rows), 'image')} with {ODD[kind]}: {names[rows[0]]}"


def _decode(
    pool: Executor, paths: Sequence[Path], size: tuple[int, int], out: np.ndarray, rows: range, facts: Facts
) -> None:
    """Write the images of these rows; bad: rows with what is wrong there, odd: by kind those of which that is said."""

    def read(row: int) -> tuple[str, tuple[str, ...]]:
        path = paths[row]
        try:
            out[row], kinds = _read(path, size)
        except FileNotFoundError:
            return "there is no such file", ()
        except Unclear as error:
            return str(error), ()
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:  # what Pillow raises
            said = str(error).replace(str(path), path.name)  # the same file elsewhere finds this in the cache
            return f"it is no whole image: {said}", ()
        return "", kinds

    for row, (problem, kinds) in zip(rows, pool.map(read, rows), strict=True):
        facts["bad"] += [(row, problem)] if problem else []
        for kind in kinds:
            facts["odd"].setdefault(kind, []).append(row)


def _read(path: Path, size: tuple[int, int]) -> tuple[np.ndarray, tuple[str, ...]]:
    """The pixels, and the kinds of `ODD` that the image is."""
    height, width = size
    with Image.open(path) as image:
        # of the two pictures in a camera's MPO one is seen
        frames = ("frames",) if getattr(image, "n_frames", 1) > 1 and image.format != "MPO" else ()
        image.load()
        seen, kinds = _as_rgb(_turned(image), image.format)
        small = seen.resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(small).transpose(2, 0, 1), (*kinds, *frames)


def _turned(image: Image.Image) -> Image.Image:
    """The image as its camera was held."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # a damaged note of the camera's makes Pillow raise almost anything, and says nothing
        return image


def _as_rgb(image: Image.Image, form: str | None) -> tuple[Image.Image, tuple[str, ...]]:
    """The image with 8 bits for red, green and blue, and the kinds of `ODD` that it is."""
    if image.mode.startswith("I;16") or (image.mode == "I" and form in SIXTEEN):
        levels = np.asarray(image).astype(np.float32) / 257
        return Image.fromarray(levels.round().astype(np.uint8)).convert("RGB"), ("deep",)
    if image.mode in ("I", "F"):
        raise Unclear(f"its pixels are {'floats' if image.mode == 'F' else 'of 32 bits'}, whose white is not known")
    if not image.has_transparency_data:
        return image.convert("RGB"), ()
    clear = image.convert("RGBA")
    if clear.getchannel("A").getextrema()[0] == 255:
        return clear.convert("RGB"), ()
    return Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("RGB"), ("clear",)
