"""PreserveTask: generated images of a coloured shape, with five tasks that say nothing of each other.

Is my Deep Learning Model Learning more than I want it to? (PreserveTask); numbers as in its authors'
generator.
"""

from dataclasses import dataclass
from itertools import product
from typing import Annotated, Literal

import numpy as np
import torch
from annotated_types import Ge, Gt, Lt

from fairray.data import Dataset, Tensors
from fairray.datasets._shapes import CANVAS, Render
from fairray.datasets._tasks import Roles
from fairray.errors import BadInput

__all__ = ["PreserveTask"]

CLASSES = {
    "shape": ("circle", "quadrilateral", "triangle", "pentagon", "hexagon"),
    "colour": ("violet", "indigo", "blue", "green", "yellow", "orange", "red"),
    "size": ("small", "medium", "large"),
    "location": ("upper right", "upper left", "lower left", "lower right"),
    "background": ("white", "black", "random"),
}
RGB = np.array([(148, 0, 211), (75, 0, 130), (0, 0, 255), (0, 255, 0), (255, 255, 0), (255, 127, 0), (255, 0, 0)])
RADII = np.array(  # least and largest, in px, with axes (shape, size, end)
    [
        [(16, 25), (32, 40), (45, 58)],
        [(16, 32), (40, 48), (56, 72)],
        [(20, 38), (50, 60), (70, 88)],
        [(14, 28), (36, 44), (52, 68)],
        [(14, 28), (35, 44), (49, 64)],
    ]
)
MIDDLE, PADDING = 128, 25  # px: centres keep so far from the middle lines, and shapes whole
RANDOM = (200, 245)  # of each channel of a random ground
CELLS = np.array(list(product(*(range(len(classes)) for classes in CLASSES.values()))))
TEST = 2**40  # the id of the first test image

TaskName = Literal["shape", "colour", "size", "location", "background"]


@dataclass(frozen=True, kw_only=True)
class PreserveTask:
    """Five shapes x seven colours x three sizes x four locations x three backgrounds, every combination equally often.

    target, protected: two of the tasks; without a protected one, all images are one group.
    side: of the images in px. antialias: of the shape's edges.
    train, test: images of each of the 1,260 combinations; of those for training the share `validation` is held out.

    Image i is the same whatever else is drawn, on any machine: its numbers are hashes of (seed, i). Its id i counts the
    combinations, and goes on with their second images and so on; test images count from 2^40. Unlike the published
    generator's, a black background is 0 for every shape; there it tells discs from polygons.
    """

    target: TaskName = "shape"
    protected: TaskName | None = None
    side: Annotated[int, Ge(16)] = CANVAS
    antialias: bool = True
    train: Annotated[int, Ge(2)] = 50
    validation: Annotated[float, Gt(0), Lt(1)] = 0.2
    test: Annotated[int, Ge(1)] = 10
    seed: int = 0

    def load(self) -> Dataset:
        """Descriptions of the images of the three splits, which are drawn when they are needed."""
        held_out = max(1, round(self.validation * self.train))
        if held_out >= self.train:
            problem = f"of {self.train} images of each combination {held_out} are held out"
            raise BadInput("data set preservetask (validation)", problem, "give a larger train or a smaller validation")
        roles = Roles("data set preservetask", CLASSES, self.target, self.protected)
        return Dataset(
            name="preservetask",
            train=self._split(roles, 0, self.train - held_out),
            val=self._split(roles, (self.train - held_out) * len(CELLS), held_out),
            test=self._split(roles, TEST, self.test),
            kind="image",
            render=Render(self.side, self.antialias),
            **roles.fields,
        )

    def _split(self, roles: Roles, first: int, images: int) -> Tensors:
        ids = np.arange(first, first + images * len(CELLS))
        cells = CELLS[(ids - first) % len(CELLS)]
        labels = {name: torch.from_numpy(column.copy()) for name, column in zip(CLASSES, cells.T, strict=True)}
        x = torch.from_numpy(describe(self.seed, ids, cells).astype(np.int16))
        return {"x": x, "id": torch.from_numpy(ids), **roles.columns(labels)}


def describe(seed: int, ids: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """What `Render` draws, with axes (image, number).

    cells: shape, colour, size, location and background of each image, with axes (image, task).
    """
    shape, colour, size, location, background = cells.T
    low, high = RADII[shape, size].T
    radius = draw_numbers(seed, ids, 0, low, high)
    right, lower = np.isin(location, (0, 3)), np.isin(location, (2, 3))
    centre = [_centre(seed, ids, purpose, far, radius) for purpose, far in ((1, right), (2, lower))]
    channels = [draw_numbers(seed, ids, purpose, *RANDOM) for purpose in (3, 4, 5)]
    ground = np.select([background == 0, background == 1], [255, 0], np.stack(channels)).T
    return np.column_stack([shape, RGB[colour], *centre, radius, ground])


def draw_numbers(seed: int, ids: np.ndarray, purpose: int, low, high) -> np.ndarray:
    """Whole numbers from `low` to `high`, both of them in, that depend on seed, id and purpose alone."""
    word = _mix(_mix(_mix(np.full(len(ids), seed).astype(np.uint64)) ^ ids.astype(np.uint64)) ^ np.uint64(purpose))
    return low + ((word >> np.uint64(32)) * np.asarray(high - low + 1, np.uint64) >> np.uint64(32)).astype(np.int64)


def _mix(word: np.ndarray) -> np.ndarray:
    """SplitMix64: Steele, Lea & Flood, Fast Splittable Pseudorandom Number Generators (OOPSLA 2014)."""
    word = word + np.uint64(0x9E3779B97F4A7C15)
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


def _centre(seed: int, ids: np.ndarray, purpose: int, far: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """One coordinate, in the half that is near the origin or `far` from it."""
    low = np.where(far, MIDDLE + PADDING, radius)
    high = np.where(far, CANVAS - 1 - radius, MIDDLE - PADDING)
    return draw_numbers(seed, ids, purpose, low, high)
