"""Dollar Street: photographs of things in homes, with each home's monthly income.

Gapminder's photographs; metadata.csv is the one published by Gustafson, L. et al. (2023), Pinpointing Why Object
Recognition Performance Degrades Across Income Levels and Geographies, arXiv:2304.05391
(github.com/facebookresearch/dollarstreet_factors, data/), CC BY-NC 4.0: it may not be used commercially, and is not
shipped. Its rows have the image's URL; the images themselves are fetched by the user, as the authors' code keeps them.
"""

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import unquote

import numpy as np
import pandas as pd
import torch
from annotated_types import Ge

from fairray.data import Dataset
from fairray.datasets._countries import GroupsOn, enough, everywhere, logs, places, text_table
from fairray.datasets._images import Corrupt, Pixels, check_folder, images, leave_out, pick
from fairray.datasets.image_folder import Part, parts
from fairray.errors import BadInput

__all__ = ["DollarStreet"]

TABLE, IMAGES, COLUMNS = "metadata.csv", "images", ("url", "income", "label")
URL = re.compile(r".*/media/([^/]+)/image/(?:[^/]+/)?([^/]+)")
CURE = "give the file as published"


@dataclass(frozen=True, kw_only=True)
class DollarStreet:
    """What is on a photograph ~ the home that it is of. Groups are the homes, the poorest first; sample ids are rows.

    folder: where metadata.csv lies, with the columns url, income and label, and images/, where each image has the last
        part of its URL for a name. A home is what the URL has between media/ and image/, such as "Bangladesh 10".
    The covariate is the natural logarithm of a home's monthly income; where its images have several, their median.
    several: what to do about images with several labels: leave them out, or take the first. One photograph may serve
        for several things where there are few, so a single label would be held against the poor.
    minimum: homes with fewer images than that are left out.
    size: height and width that the images are resized to.
    validation, test: shares of each home, drawn with `seed`; with test: 1 and validation: 0 nothing is trained on.
    groups_on: see `Dataset`.
    corrupt: what to do about files that are missing or no image.
    """

    folder: Path | None = None
    several: Literal["skip", "first"] = "skip"
    minimum: Annotated[int, Ge(1)] = 1
    size: tuple[Pixels, Pixels] = (224, 224)
    validation: Part = 0.1
    test: Part = 0.2
    groups_on: GroupsOn = "split"
    seed: int = 0
    corrupt: Corrupt = "error"

    def load(self) -> Dataset:
        """The tensors of the three splits."""
        folder = check_folder(self.folder, "dollar_street", f"{TABLE} and {IMAGES}/")
        where = f"data set dollar_street in {folder}"
        table, several = self._single(_read(folder / TABLE), folder)
        x, kept, notes = images(folder / IMAGES, table["file"].tolist(), self.size, self.corrupt)
        kept, small = self._large(table["home"].to_numpy(), kept)
        income = table.iloc[kept].groupby("home")["income"].median().sort_values(kind="stable")
        enough(income.index, where)
        classes = sorted(table["label"].unique())
        whole = {
            "x": x,
            "y": torch.from_numpy(places(table["label"], classes)),
            "group": torch.from_numpy(places(table["home"], income.index)),
            "id": torch.tensor(table.index.to_numpy(np.int64)),
        }
        rows = parts(whole["group"].numpy()[kept], (self.validation, self.test), self.seed, where)
        val, test, train = (pick(whole, kept[part]) for part in rows)
        data = Dataset(
            name="dollar_street",
            task="label ~ home",
            protected="home",
            train=train,
            val=val,
            test=test,
            classes=tuple(classes),
            groups=tuple(income.index),
            kind="image",
            covariate=tuple(np.log(income)),
            covariate_name="log monthly income ($)",
            groups_on=self.groups_on,
            notes=(*several, *notes, *small),
        )
        return everywhere(data, where, "leave out homes with fewer images with minimum: NUMBER")

    def _single(self, table: pd.DataFrame, folder: Path) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """The rows that are used, each with the one label that it is to have, and a note of the others."""
        labels = table["label"]
        notes: tuple[str, ...] = ()
        if self.several == "skip":
            bad = {name: f"it has the labels {', '.join(of)}" for name, of in zip(table["file"], labels) if len(of) > 1}
            notes = leave_out(folder / IMAGES, bad, len(table), "skip")
            table = table[labels.str.len() == 1]
        return table.assign(label=table["label"].str[0]), notes

    def _large(self, homes: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
        """Those of the rows whose homes have enough of them, and a note of the others."""
        names, home, count = np.unique(homes[kept], return_inverse=True, return_counts=True)
        small = int((count < self.minimum).sum())
        note = f"left out: {small} of {len(names)} homes, which have fewer than {self.minimum} images"
        return kept[count[home] >= self.minimum], (note,) if small else ()


def _read(path: Path) -> pd.DataFrame:
    """The file's name, home, labels and income of each row."""
    table = text_table(path, COLUMNS, CURE)
    logs(table["income"], path)
    parsed = [URL.fullmatch(url) for url in table["url"]]
    if None in parsed:
        row = parsed.index(None)
        problem = f"row {row + 1} has {table['url'][row]!r}, expected was .../media/HOME/image/.../FILE"
        raise BadInput(f"{path} (url)", problem, CURE)
    named = pd.DataFrame([match.groups() for match in parsed if match], columns=["home", "file"])
    table = table.assign(home=named["home"].map(unquote), file=named["file"], income=table["income"].astype(float))
    if len(twice := table["file"][table["file"].duplicated()]):
        problem = f"row {twice.index[0] + 1} has {twice.iloc[0]} again"
        raise BadInput(f"{path} (url)", problem, "list each image once")
    labels = [_labels(label, row, path) for row, label in enumerate(table["label"])]
    return table.assign(label=pd.Series(labels, dtype=object))


def _labels(text: str, row: int, path: Path) -> list[str]:
    """The labels of a cell such as "['beds', 'bedrooms']"."""
    try:
        labels = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        labels = None
    if not (isinstance(labels, list) and labels and all(isinstance(label, str) for label in labels)):
        problem = f"row {row + 1} has {text!r}, expected was a list such as ['beds', 'bedrooms']"
        raise BadInput(f"{path} (label)", problem, CURE)
    return labels
