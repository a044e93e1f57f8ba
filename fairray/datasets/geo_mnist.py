"""Digits as cameras of 41 countries might have seen them: the poorer a country, the darker, paler and more cluttered.

It stands for photographs by country where there are none, and, unlike with these, the truth is known: how an image
looks depends on the country by its log GDP per capita alone, and not at all with strength 0.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import torch
from annotated_types import Ge, Le
from torch.nn.functional import interpolate

from fairray.data import Dataset, Tensors
from fairray.datasets._countries import GDP, GDP_NAME, GroupsOn, everywhere, log_gdp
from fairray.datasets._digits import Source, load_digits
from fairray.datasets.preservetask import draw_numbers
from fairray.errors import BadInput

__all__ = ["GeoMnist"]

PALER, CLUTTER, DARKER = 0.4, 0.8, 0.4  # at strength 1 in the poorest country, of white
PATCHES = 7  # in a row of the clutter
FEWEST = 4  # images of a country in a split


@dataclass(frozen=True, kw_only=True)
class GeoMnist:
    """Which digit ~ country. Groups are the countries, the poorest first; countries and digits are independent.

    source: the 5,000 digits that need no download, or all of MNIST; folder: where MNIST's files lie.
    countries: how many of the 142 of the shipped table, at even steps of its order by GDP per capita.
    strength: of what poverty does to an image: nothing in the richest country, all in the poorest, between them with
        the square root of how far log GDP per capita is below the richest's. With 0 the images are the plain digits
        in every country.
    skew: the k-th largest country has a share of the images as k ** -skew, beyond 4 in each split that every one has;
        0 gives all as many. Which is the k-th is drawn with `seed`, whatever its GDP, and is the same in each split.
    groups_on: see `Dataset`.
    seed: of the splits, the countries' sizes, which images are theirs, and the clutter, which is a hash of (seed, id).
    """

    source: Source = "digits5k"
    folder: Path | None = None
    countries: Annotated[int, Ge(3), Le(142)] = 41
    strength: Annotated[float, Ge(0), Le(1)] = 0.75
    skew: Annotated[float, Ge(0)] = 1.0
    groups_on: GroupsOn = "split"
    seed: int = 0

    def load(self) -> Dataset:
        """The tensors of the three splits."""
        digits = load_digits(self.source, self.folder, self.seed)
        covariate = _chosen(self.countries)
        rng = np.random.default_rng(self.seed)
        sizes = rng.permutation(np.arange(1.0, self.countries + 1) ** -self.skew)
        poverty = (covariate.max() - covariate.to_numpy()) / (covariate.max() - covariate.min())
        train, val, test = (
            self._seen(digits.split(name), sizes / sizes.sum(), torch.tensor(poverty), rng, name)
            for name in ("train", "val", "test")
        )
        data = Dataset(
            name="geo_mnist",
            task="digit ~ country",
            target="digit",
            protected="country",
            train=train,
            val=val,
            test=test,
            classes=digits.classes,
            groups=tuple(covariate.index),
            kind="image",
            covariate=tuple(covariate),
            covariate_name=GDP_NAME,
            groups_on=self.groups_on,
        )
        return everywhere(data, "data set geo_mnist", "take fewer countries")

    def _seen(
        self, digits: Tensors, share: np.ndarray, poverty: torch.Tensor, rng: np.random.Generator, name: str
    ) -> Tensors:
        """A split's digits, each in one of the countries. share, poverty: with axis (country,)."""
        spare = len(digits["y"]) - FEWEST * len(share)
        if spare < 0:
            problem = f"the {name} split has {len(digits['y'])} digits, too few for {FEWEST} in {len(share)} countries"
            raise BadInput("data set geo_mnist (countries)", problem, "take fewer countries")
        group = torch.from_numpy(spread(digits["y"].numpy(), FEWEST + spare * share, rng))
        strength = (self.strength * poverty[group].sqrt()).float()
        x = photographed(digits["x"], strength, clutter(self.seed, digits["id"].numpy()))
        return {"x": x, "y": digits["y"], "group": group, "id": digits["id"]}


def spread(y: np.ndarray, sizes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A group for each example, such that every group's labels are distributed as all are, up to rounding.

    sizes: of the groups, whose sum is the number of examples; they are rounded to whole ones.
    """
    counts = np.diff(np.floor(np.cumsum(sizes) + 0.5).astype(int), prepend=0)
    counts[-1] += len(y) - counts.sum()
    group = np.repeat(np.arange(len(sizes)), counts)
    place = np.arange(len(y)) - np.repeat(np.cumsum(counts) - counts, counts)
    even = (place + rng.random(len(sizes))[group]) / counts[group]  # each group at even steps from 0 to 1
    by_label = rng.permutation(len(y))
    by_label = by_label[np.argsort(y[by_label], kind="stable")]
    out = np.empty(len(y), np.int64)
    out[by_label] = group[np.argsort(even, kind="stable")]
    return out


def photographed(x: torch.Tensor, strength: torch.Tensor, ground: torch.Tensor) -> torch.Tensor:
    """Bytes with the axes of x, grey (image, RGB, height, width), where the ink is paler, the ground is no longer
    black, and less light falls on both.

    strength: from 0, which changes nothing, to 1, with axis (image,). ground: from 0 to 1, (image, 1, height, width).
    """
    strength = strength[:, None, None, None]
    grey = x[:, :1].float() / 255
    scene = grey * (1 - PALER * strength) + (1 - grey) * CLUTTER * strength * ground
    seen = (255 * (1 - DARKER * strength) * scene).round().to(torch.uint8)
    return seen.expand(x.shape).contiguous()


def clutter(seed: int, ids: np.ndarray, side: int = 28) -> torch.Tensor:
    """Random patches, from 0 to 1, that run into each other, with axes (image, 1, height, width)."""
    patches = np.stack([draw_numbers(seed, ids, place, 0, 255) for place in range(PATCHES**2)], axis=1)
    grid = torch.from_numpy(patches.astype(np.float32)).view(-1, 1, PATCHES, PATCHES) / 255
    return interpolate(grid, size=(side, side), mode="bilinear")


def _chosen(number: int) -> pd.Series:
    """Log GDP per capita of so many countries of the shipped table, at even steps of its order."""
    names = pd.read_csv(GDP, comment="#")["country"]
    table = log_gdp(names, None)
    return table.iloc[np.rint(np.linspace(0, len(table) - 1, number)).astype(int)]
