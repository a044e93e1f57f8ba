"""Digits in one of ten colours on one of ten others: three tasks that have nothing to do with each other.

Panwar, N., Tater, T., Sankaran, A. & Mani, S. (2020), Reducing Overlearning through Disentangled Representations by
Suppressing Unknown Tasks, section 4 (Colored MNIST): ten random foregrounds and ten random backgrounds, of which the
paper names but the red and the cyan of Figure 8.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from fairray.data import Dataset, Tensors
from fairray.datasets._digits import Source, load_digits, paint
from fairray.datasets._tasks import Roles

__all__ = ["ColouredMnist"]

# No ink is a ground, and every ink is brighter than every ground: were they the same ten, one digit in ten would be
# invisible.
INKS = {
    "white": (255, 255, 255),
    "yellow": (255, 235, 60),
    "orange": (255, 155, 40),
    "coral": (255, 110, 110),
    "pink": (255, 175, 205),
    "magenta": (245, 110, 245),
    "violet": (180, 145, 255),
    "azure": (95, 175, 255),
    "cyan": (80, 235, 240),
    "lime": (125, 235, 100),
}
GROUNDS = {
    "black": (0, 0, 0),
    "slate": (75, 75, 75),
    "maroon": (135, 0, 0),
    "brown": (115, 65, 0),
    "olive": (65, 95, 0),
    "forest": (0, 80, 10),
    "teal": (0, 85, 85),
    "navy": (0, 0, 125),
    "indigo": (70, 0, 135),
    "plum": (120, 0, 75),
}
Choice = Literal["digit", "foreground", "background"]


@dataclass(frozen=True, kw_only=True)
class ColouredMnist:
    """The digit, its foreground and its background, ten classes each; no colour is both.

    Both colours are balanced at random: within every digit of every split all 100 pairs, all foregrounds and all
    backgrounds are equally frequent, to within one image. Sample ids are the digits'.

    source: the 5,000 digits that need no download, or all of MNIST; folder: where MNIST's files lie.
    target, protected: two of the three tasks; without a protected one, all images are one group.
    """

    source: Source = "digits5k"
    folder: Path | None = None
    target: Choice = "digit"
    protected: Choice | None = None
    seed: int = 0

    def load(self) -> Dataset:
        """The tensors of the three splits, which are those of the digits."""
        digits = load_digits(self.source, self.folder, self.seed)
        classes = {"digit": digits.classes, "foreground": tuple(INKS), "background": tuple(GROUNDS)}
        roles = Roles("data set coloured_mnist", classes, self.target, self.protected)
        generator = torch.Generator().manual_seed(self.seed)
        return Dataset(
            name="coloured_mnist",
            train=_colour(digits.train, roles, generator),
            val=_colour(digits.val, roles, generator),
            test=_colour(digits.test, roles, generator),
            kind="image",
            **roles.fields,
        ).checked(roles.where)


def _colour(digits: Tensors, roles: Roles, generator: torch.Generator) -> Tensors:
    labels = {"digit": digits["y"], **_colours(digits["y"], generator)}
    ink = torch.tensor(list(INKS.values()))[labels["foreground"]]
    ground = torch.tensor(list(GROUNDS.values()))[labels["background"]]
    return {"x": paint(digits["x"], ink, ground), "id": digits["id"], **roles.columns(labels)}


def _colours(digit: torch.Tensor, generator: torch.Generator) -> Tensors:
    """The colours of every image. Pairs are taken by diagonals: any first few have each colour as often as another."""
    foreground, background = torch.empty_like(digit), torch.empty_like(digit)
    for value in digit.unique():
        rows = (digit == value).nonzero()[:, 0]
        pair = torch.randperm(len(rows), generator=generator) % 100
        # Other colours come first for each digit, so that the same ones are not the more frequent of all.
        foreground[rows] = torch.randperm(10, generator=generator)[pair % 10]
        background[rows] = torch.randperm(10, generator=generator)[(pair + pair // 10) % 10]
    return {"foreground": foreground, "background": background}
