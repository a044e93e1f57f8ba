"""Data in which images of one class carry an artefact more often than others: with it, without it, and where it is."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from fairray.artefacts import Artefact
from fairray.data import EVALUATED, SPLITS, Dataset, Tensors
from fairray.datasets._images import Corrupt, images, pick
from fairray.errors import BadInput, placed, said_of, unknown

GROUPS = ("clean", "artefact")
BLOCK = 256  # images at a time, so that no set is in memory as floats


def stamped(clean: Dataset, artefact: Artefact, in_class: str, p: float, seed: int, backdoor: float = 0.0) -> Dataset:
    """The data set with an artefact in each image of a class with probability p. clean: of images, as bytes.

    backdoor: the probability with which any image carries it too, and is then labelled as `in_class` in training.
        In validation and test it keeps its label: what is wrong there is wrong.
    Columns beside those of `clean`: `group`, whether ``x`` has the artefact; `clean`, the images without it, and where
    they are evaluated `attacked`, with it in every one; `mask`, booleans with axes (image, height, width): where it is
    or would be. What becomes of an image is drawn from its id and the seed, so a larger p only adds to those that carry
    it.
    """
    where, wanted = f"data set {clean.name}", class_number(clean.name, clean.classes, in_class)
    splits = {}
    for name in SPLITS:
        split = clean.split(name)
        behind = uniform(split["id"], seed, "backdoor") < backdoor
        chosen = (uniform(split["id"], seed, "class") < p) & (split["y"] == wanted) | behind
        y = split["y"].masked_fill(behind, wanted) if name == "train" else split["y"]
        columns = Columns(split["x"], paired=name in EVALUATED)
        for rows in torch.arange(len(chosen)).split(BLOCK):
            block = slice(int(rows[0]), int(rows[-1]) + 1)
            columns.put(block, chosen[block], _inserted(artefact, split["x"][block], split["id"][block], where))
        splits[name] = split | {"y": y, "group": chosen.long(), **columns.named()}
    if not (splits["train"]["group"] & (splits["train"]["y"] == wanted)).any():
        problem = f"none of the training images of class {in_class!r} carries the artefact"
        raise BadInput(f"{where} (p)", problem, "let p be larger, or give more images")
    train, val, test = (splits[name] for name in SPLITS)
    task = f"{clean.target} ~ artefact"
    return replace(clean, task=task, protected="artefact", groups=GROUPS, train=train, val=val, test=test)


def class_number(name: str, classes: Sequence[str], in_class: str) -> int:
    """Of the class that carries the artefact; BadInput where there is none, best asked for before images are read."""
    if in_class not in classes:
        raise unknown(f"data set {name} (in_class)", "class", in_class, classes)
    return classes.index(in_class)


def parts(count: int, shares: Sequence[float], seed: int) -> list[np.ndarray]:
    """Random rows in rising order: a part for each share of `count`, and what is left.

    Drawn as the authors of RR-ClArC draw theirs, whose seed is 0.
    """
    random, left, found = np.random.default_rng(seed), np.arange(count), []
    for share in shares:
        found.append(np.sort(random.choice(left, size=round(share * count), replace=False)))
        left = np.setdiff1d(left, found[-1])
    return [*found, left]


def part_images(
    folder: Path, names: Sequence[str], y: Tensor, size: tuple[int, int], corrupt: Corrupt, rows: Sequence[np.ndarray]
) -> tuple[list[Tensors], tuple[str, ...]]:
    """The columns of each part of the files, whose ids count the names, and what is to be said of the files.

    rows: of the parts, some of them unreadable.
    """
    x, kept, notes = images(folder, names, size, corrupt)
    whole = {"x": x, "y": y, "group": torch.zeros(len(names), dtype=torch.int64), "id": torch.arange(len(names))}
    found = [pick(whole, np.intersect1d(part, kept)) for part in rows]
    if not all(len(part["y"]) for part in found):
        problem = f"{len(kept)} images are too few for training, validation and test"
        raise BadInput(str(folder), problem, "give more images")
    return found, notes


def read_csv(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Columns of a csv, as text."""
    cure = "give the csv as published"
    if not path.is_file():
        raise BadInput(str(path), "there is no such file", "set folder: DIR to where it and the images lie")
    try:
        table = pd.read_csv(path, dtype=str)
    except ValueError as error:  # pandas' parsers raise subclasses of it
        raise BadInput(str(path), f"it is no csv: {error}", cure) from error
    if missing := [column for column in columns if column not in table]:
        raise BadInput(str(path), f"it has no column {missing[0]}; there are {', '.join(table.columns)}", cure)
    if table[columns[0]].isna().any():
        raise BadInput(f"{path} ({columns[0]})", f"row {int(table[columns[0]].isna().argmax())} names no image", cure)
    return table


def uniform(ids: Tensor, seed: int, purpose: str) -> Tensor:
    """A number in [0, 1) for each id, which does not depend on the other ids."""
    hashes = [hashlib.sha256(f"{purpose} {seed} {number}".encode()).digest() for number in ids.tolist()]
    return torch.tensor([int.from_bytes(found[:6]) / 2**48 for found in hashes], dtype=torch.float64)


class Columns:
    """The images of a split with the artefact in some, without it, and if they are paired with it in every one; where
    images or masks would be equal they share memory, as such sets are large."""

    def __init__(self, clean: Tensor, paired: bool):
        self.clean, self.x = clean, clean.clone()
        self.attacked = torch.empty_like(clean) if paired else None
        self.mask = torch.empty(len(clean), *clean.shape[2:], dtype=torch.bool)

    def put(self, block: slice, chosen: Tensor, inserted: tuple[Tensor, Tensor]) -> None:
        """Take the images of a block with the artefact and the masks. chosen: which of them carry it in x."""
        seen, self.mask[block] = inserted
        self.x[block][chosen] = seen[chosen]
        if self.attacked is not None:
            self.attacked[block] = seen

    def named(self) -> Tensors:
        """The columns."""
        everywhere = self.mask.all()
        mask = torch.ones((), dtype=torch.bool).expand_as(self.mask) if everywhere else self.mask
        pairs = {} if self.attacked is None else {"attacked": self.attacked}
        return {"x": self.x, "clean": self.clean, "mask": mask, **pairs}


def _inserted(artefact: Artefact, x: Tensor, ids: Tensor, where: str) -> tuple[Tensor, Tensor]:
    """The images with the artefact, and the masks."""
    seen, area = _called(artefact, x, ids, where)
    expected = ("images", seen, x), ("masks", area, torch.empty(len(x), *x.shape[2:], dtype=torch.bool))
    for what, found, like in expected:
        if found.shape != like.shape or found.dtype != like.dtype:
            problem = f"its {what} are {found.dtype} of axes {tuple(found.shape)}"
            cure = f"let them be {like.dtype} of axes {tuple(like.shape)}"
            raise BadInput(f"{where} (artefact)", problem, cure)
    return seen, area


def _called(artefact: Artefact, x: Tensor, ids: Tensor, where: str) -> tuple[Tensor, Tensor]:
    with placed(lambda name: f"{where} ({name})"), said_of("artefact"):
        return artefact(x, ids)
