"""One's own photographs by country, with each country's GDP per capita."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch

from fairray.data import Dataset
from fairray.datasets._countries import GroupsOn, enough, everywhere, gdp_name, log_gdp, places, text_table
from fairray.datasets._folders import list_images
from fairray.datasets._images import Corrupt, Pixels, check_folder, images, pick
from fairray.datasets.image_folder import Part, known_classes, parts
from fairray.errors import BadInput

__all__ = ["GeoImageNet"]

TABLE, COLUMNS = "images.csv", ("image", "label", "country")
CURE = f"put {TABLE} with the columns {', '.join(COLUMNS)} into the folder, or images into folders COUNTRY/LABEL"


@dataclass(frozen=True, kw_only=True)
class GeoImageNet:
    """Label ~ country. Groups are the countries, the poorest first; not every country needs every label.

    folder: where images.csv lies, with the columns image (a path in the folder), label and country; sample ids are its
        rows, from 0. Without that file, folder/COUNTRY/LABEL/IMAGE; sample ids count the images in sorted order.
    gdp: a csv file with GDP per capita by country, in the columns country and usd; without one, the shipped table of
        142 countries in 2007 (gdp_per_capita.csv), whose spelling of their names is asked for.
    classes: a text file with the name of every class on a line of its own, in the order of a trained network's
        outputs, of which the labels are some; without one, the labels are the classes.
    size: height and width that the images are resized to.
    validation, test: shares of each country, drawn with `seed`; with test: 1 and validation: 0 nothing is trained on.
    groups_on: see `Dataset`.
    corrupt: what to do about files that are missing or no image.
    """

    folder: Path | None = None
    gdp: Path | None = None
    classes: Path | None = None
    size: tuple[Pixels, Pixels] = (224, 224)
    validation: Part = 0.1
    test: Part = 0.2
    groups_on: GroupsOn = "split"
    seed: int = 0
    corrupt: Corrupt = "error"

    def load(self) -> Dataset:
        """The tensors of the three splits."""
        folder = check_folder(self.folder, "geo_imagenet", f"{TABLE}, or folders COUNTRY/LABEL of images,")
        where = f"data set geo_imagenet in {folder}"
        table, left = _listed(folder)
        covariate = log_gdp(table["country"], self.gdp)
        enough(covariate.index, where)
        classes = known_classes(self.classes, sorted(table["label"].unique()), "data set geo_imagenet")
        x, kept, notes = images(folder, table["image"].tolist(), self.size, self.corrupt)
        group = places(table["country"], covariate.index)
        whole = {
            "x": x,
            "y": torch.from_numpy(places(table["label"], classes)),
            "group": torch.from_numpy(group),
            "id": torch.arange(len(table)),
        }
        rows = parts(group[kept], (self.validation, self.test), self.seed, where)
        val, test, train = (pick(whole, kept[part]) for part in rows)
        data = Dataset(
            name="geo_imagenet",
            task="label ~ country",
            protected="country",
            train=train,
            val=val,
            test=test,
            classes=classes,
            groups=tuple(covariate.index),
            kind="image",
            covariate=tuple(covariate),
            covariate_name=gdp_name(self.gdp),
            groups_on=self.groups_on,
            notes=(*left, *notes),
        )
        return everywhere(data, where, "leave the countries out")


def _listed(folder: Path) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Image, label and country of each file, and what is to be said of others."""
    if not (folder / TABLE).is_file():
        return _found(folder)
    table = text_table(folder / TABLE, COLUMNS, CURE)
    for name in COLUMNS:
        if (empty := table[name] == "").any():
            problem = f"row {int(empty.argmax()) + 1} is empty there"
            raise BadInput(f"{folder / TABLE} ({name})", problem, "fill it in, or leave the row out")
    if len(twice := table["image"][table["image"].duplicated()]):
        problem = f"row {twice.index[0] + 1} has {twice.iloc[0]} again"
        raise BadInput(f"{folder / TABLE} (image)", problem, "list each image once, with one label and country")
    return table, ()


def _found(folder: Path) -> tuple[pd.DataFrame, tuple[str, ...]]:
    listing = list_images(folder).below(2, "country and label")
    if not listing.names:
        raise BadInput(str(folder), f"it has neither {TABLE} nor folders COUNTRY/LABEL with images", CURE)
    listing.check_filled(2, "country and label", folder)
    rows = [(name, name.split("/")[1], name.split("/")[0]) for name in listing.names]
    return pd.DataFrame(rows, columns=list(COLUMNS)), listing.notes
