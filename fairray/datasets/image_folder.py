"""One's own images: a folder for each class, or a table with the labels and groups of each."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from annotated_types import Ge, Le

from fairray.data import Dataset
from fairray.datasets._cells import Value, list_values
from fairray.datasets._folders import Listing, list_images
from fairray.datasets._images import Corrupt, Pixels, check_everywhere, check_folder, images, pick, split_by_stratum
from fairray.datasets._levels import Levels, find_classes, find_groups, note_alike
from fairray.datasets._protected import Cuts, cross
from fairray.datasets._rows import CALLED, Rows, gather
from fairray.datasets._tabular import note_few
from fairray.errors import BadInput, unknown
from fairray.words import list_some

__all__ = ["ImageFolder"]

Part = Annotated[float, Ge(0), Le(1)]


@dataclass(frozen=True, kw_only=True)
class ImageFolder:
    """folder/CLASS/IMAGE, or folder/SPLIT/CLASS/IMAGE, in sorted order; or the images that the rows of a table name.

    Images may lie deeper; sample ids count the images, or are the table's rows, from 0.

    path: a table with a row for each image, of any kind that `table` reads; image: its column with the image's file in
        the folder, with or without the end of its name. Its other keys mean what they mean for `table`: target: the
        column to predict; positive: its value that is class 1, all others then being class 0; protected: a column, or
        columns with the points where numbers are cut; privileged: the value that is group 1; where: the rows to use;
        missing: values that stand for nothing; split: a column that says train, validation or test.
    classes: a text file with the name of every class on a line of its own, in the order of a trained network's
        outputs, of which the folders or labels are some; without one, these are the classes.
    size: height and width that the images are resized to.
    validation, test: shares of each class and group, drawn with `seed` from the training images, unless they are given;
        with test: 1 and validation: 0 nothing is trained on.
    corrupt: what to do about files that are missing or no image.
    """

    folder: Path | None = None
    path: Path | None = None
    image: str = "image"
    target: str | None = None
    protected: str | dict[str, Cuts] | None = None
    positive: Value | None = None
    privileged: Value | None = None
    where: dict[str, Value | tuple[Value, ...]] = field(default_factory=dict)
    missing: tuple[Value, ...] = ()
    split: str | None = None
    classes: Path | None = None
    size: tuple[Pixels, Pixels] = (224, 224)
    validation: Part = 0.1
    test: Part = 0.2
    seed: int = 0
    corrupt: Corrupt = "error"

    def load(self) -> Dataset:
        """The tensors of the three splits."""
        folder = check_folder(self.folder, "image_folder", "folders of images, one for each class,")
        rows = self._listed(folder) if self.path else self._found(folder)
        y, classes = self._labels(rows)
        group, groups = self._groups(rows) if self.protected else (torch.zeros_like(y), ("all",))
        names = rows.columns[self.image].to_pylist()
        x, kept, notes = images(folder, names, self.size, self.corrupt)
        whole = {"x": x, "y": y, "group": group, "id": torch.from_numpy(rows.numbers)}
        cells = (y * len(groups) + group).numpy()
        parts = self._divide(cells[kept], rows.parts[kept], str(folder))
        train, val, test = (pick(whole, kept[part]) for part in parts)
        target, protected = self.target or "class", " and ".join(self._protected)
        data = Dataset(
            name="image_folder",
            task=f"{target} ~ {protected}" if self.protected else target,
            target=target,
            protected=protected or "group",
            train=train,
            val=val,
            test=test,
            classes=classes,
            groups=groups,
            kind="image",
        )
        few = note_few(data) if self.protected else ()
        check_everywhere(data, np.unique(y), f"data set image_folder in {folder} (validation, test)")
        return replace(data, notes=(*rows.notes, *note_alike(pd.Series(classes), target), *notes, *few))

    @property
    def _where(self) -> str:
        """What errors call the labels' source."""
        return str(self.path or self.folder)

    @property
    def _protected(self) -> dict[str, Cuts]:
        return {self.protected: None} if isinstance(self.protected, str) else self.protected or {}

    def _found(self, folder: Path) -> Rows:
        """A row for each image, with its class, which is its folder."""
        for key in ("target", "protected", "privileged", "split", "where", "missing"):
            if getattr(self, key) not in (None, {}, ()):
                cure = "set path: TABLE, with a row for each image"
                raise BadInput(f"data set image_folder ({key})", "no table is given", cure)
        listing = list_images(folder)
        places = _find_splits(listing)
        depth = 2 if places else 1
        listing = listing.below(depth, "class")
        if not listing.names:
            said = f"; {'; '.join(listing.notes)}" if listing.notes else ""
            cure = "put the images of each class into a folder of its name"
            raise BadInput(str(folder), f"it has no folders with images that can be read{said}", cure)
        listing.check_filled(depth, "class", folder)
        labels = [name.split("/")[depth - 1] for name in listing.names]
        parts = [places.get(name.split("/")[0], "train") for name in listing.names]
        columns = pa.table({self.image: listing.names, "class": labels})
        files = ((folder.name, len(labels)),)
        return Rows(columns, np.arange(len(labels)), np.array(parts, object), files, listing.notes)

    def _listed(self, folder: Path) -> Rows:
        """The table's rows, each with the file of an image."""
        rows = gather({"train": Path(str(self.path))})
        self._check_names(rows.columns.column_names)
        listing = list_images(folder)
        names = [listing.find(folder, str(name or "").strip()) for name in rows.columns[self.image].to_pylist()]
        first: dict[str, int] = {}
        for row, name in enumerate(names):
            if not name or first.setdefault(name, row) != row:
                problem = f"{rows.place(row)} has {name} again" if name else f"{rows.place(row)} names no image"
                raise BadInput(f"{self.path} (image: {self.image})", problem, "list each image once")
        others = [name for name in listing.names if name not in first]
        note = (f"left out: images that no row names: {len(others):,} ({list_some(others, 5)})",) if others else ()
        place = rows.columns.column_names.index(self.image)
        columns = rows.columns.set_column(place, self.image, [pa.array(names)])
        rows = rows._replace(columns=columns, notes=(*rows.notes, *note)).only(self.where, self.missing, self._where)
        return rows.divided(self.split, self._where) if self.split else rows

    def _check_names(self, names: Sequence[str]) -> None:
        """Raise BadInput where a column is not there."""
        if self.target is None:
            raise BadInput(f"{self.path} (target)", "no column is named", "set target: the column to predict")
        if self.privileged is not None and not self.protected:
            raise BadInput(f"{self.path} (privileged)", "there are no groups", "set protected: COLUMN")
        several = [("protected", name) for name in self._protected] + [("where", name) for name in self.where]
        for key, name in (("image", self.image), ("target", self.target), ("split", self.split), *several):
            if name is not None and name not in names:
                raise unknown(f"{self.path} ({key}: {name})", "column", name, names)

    def _labels(self, rows: Rows) -> tuple[torch.Tensor, tuple[str, ...]]:
        """The label of each row, and the classes."""
        where = f"{self._where} (target: {self.target})" if self.path else self._where
        column = rows.columns[self.target or "class"]
        column = list_values(column, self.missing) if self.path else pd.Series(pd.Categorical(column.to_pylist()))
        if self.positive is not None and self.classes is not None:
            raise BadInput(where, "positive makes two classes, and classes names others", "give one of the two")
        if self.positive is not None:
            levels = find_classes(column, self.positive, "binary", where)
            return levels.encode(column), levels.names
        if missing := int(column.isna().sum()):
            problem = f"{missing:,} of {len(column):,} values are missing"
            raise BadInput(where, problem, "drop or fill those rows, or choose the values with where: {COLUMN: [...]}")
        found = [str(value) for value in column.cat.remove_unused_categories().cat.categories]
        classes = known_classes(self.classes, found, "data set image_folder")
        if len(classes) < 2:
            problem = f"all images are of the one class {classes[0]!r}, which can be mistaken for none"
            cure = "give images of another class, or all classes of a trained network in classes: FILE"
            raise BadInput(where, problem, cure)
        places = {name: place for place, name in enumerate(classes)}
        return Levels(classes, places).encode(column), classes

    def _groups(self, rows: Rows) -> tuple[torch.Tensor, tuple[str, ...]]:
        """The group of each row, and the groups."""
        where = f"{self.path} (protected)"
        column = cross(rows.columns, self._protected, self.missing, where)
        groups = find_groups(column, self.privileged, where)
        return groups.encode(column), groups.names

    def _divide(self, cells: np.ndarray, given: np.ndarray, where: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows of train, val and test: those given, the others drawn from the training rows. cells: of each row."""
        own = {part: np.flatnonzero(given == part) for part in ("train", "val", "test")}
        left = own["train"]
        shares = {part: share for part, share in (("val", self.validation), ("test", self.test)) if not len(own[part])}
        if len(left):
            drawn = parts(cells[left], (*shares.values(),), self.seed, where)
            own |= {part: left[rows] for part, rows in zip((*shares, "train"), drawn, strict=True)}
        return own["train"], own["val"], own["test"]


def parts(strata: np.ndarray, shares: tuple[float, ...], seed: int, where: str) -> list[np.ndarray]:
    """Rows of the shares, each with its share of every stratum, and those left to train on; none if the sum is 1."""
    if shares and sum(shares) == 1:
        return [*split_by_stratum(strata, shares[:-1], seed, where), np.arange(0)]
    return split_by_stratum(strata, shares, seed, f"{where} (validation, test)")


def known_classes(path: Path | None, found: Sequence[str], where: str) -> tuple[str, ...]:
    """The lines of a text file, of which those found must be some; without a file, those found."""
    if path is None:
        return tuple(found)
    where = f"{where} (classes: {path})"
    if not Path(path).is_file():
        raise BadInput(where, "there is no such file", "give a text file")
    try:
        known = tuple(Path(path).read_text(encoding="utf-8-sig").rstrip().splitlines())
    except UnicodeDecodeError as error:
        raise BadInput(where, "it is no text in UTF-8", "give the name of a class on each line") from error
    for name in sorted(found):
        if name not in known:
            raise unknown(where, "class", name, known)
        if known.count(name) > 1:
            problem = f"{known.count(name)} classes are called {name!r}, so that the images could be of either"
            raise BadInput(where, problem, "tell them apart in the file and where the images have their labels")
    return known


def _find_splits(listing: Listing) -> dict[str, str]:
    """The split that each outermost folder is called by; none unless all of several are called so, and hold folders."""
    called = {word: split for split, words in CALLED.items() for word in words}
    outer = [name for name in listing.folders if "/" not in name]
    named = {name: called[name.lower()] for name in outer if name.lower() in called}
    parents = {name.split("/")[0] for name in listing.folders if "/" in name}
    return named if len({*named.values()}) == len(outer) > 1 and {*outer} <= parents else {}
