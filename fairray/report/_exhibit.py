"""An image beside what attacks made of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.ndimage import uniform_filter

__all__ = ["ORIGINAL", "Exhibit"]

ORIGINAL = "original"
SMALL = 64  # pixels; of images whose sides are shorter no detail is shown
DETAIL = 5  # a detail has one in so many pixels of each side
GREY = 128  # of a pixel that was not changed
BRIGHT = 0.95  # share of the values that a method changes which do not reach beyond black and white


@dataclass(frozen=True, kw_only=True)
class Exhibit:
    """An image and what each attack made of it, the original first.

    images: by method, bytes with axes (y, x, channel). classes: what the model takes each for, a place in `names`.
    saliency: maps with axes (y, x), of those that have one.
    """

    images: dict[str, np.ndarray]
    classes: dict[str, int]
    saliency: dict[str, np.ndarray]
    names: Sequence[str]

    @cached_property
    def changes(self) -> dict[str, np.ndarray]:
        """What each attack adds, in steps of a byte."""
        original = self.images[ORIGINAL].astype(int)
        return {arm: image - original for arm, image in self.images.items() if arm != ORIGINAL}

    @cached_property
    def factor(self) -> int:
        """What the changes of all methods are multiplied by to be seen: the middle one's reach black and white."""
        sizes = [np.abs(change[change != 0]) for change in self.changes.values() if change.any()]
        return max(1, int(GREY / np.median([np.quantile(size, BRIGHT) for size in sizes]))) if sizes else 1

    @cached_property
    def detail(self) -> tuple[slice, slice]:
        """The part (y, x) in which methods change most, each by its share of all that it changes."""
        shares = [np.abs(change).sum(-1) / max(np.abs(change).sum(), 1) for change in self.changes.values()]
        density = np.sum(shares, axis=0)
        side = min(density.shape) // DETAIL
        first = side // 2  # the filter is centred there, and what reaches beyond the image is none of ours
        inside = tuple(slice(first, first + length - side + 1) for length in density.shape)
        y, x = np.unravel_index(uniform_filter(density, side)[inside].argmax(), [s.stop - s.start for s in inside])
        return slice(int(y), int(y) + side), slice(int(x), int(x) + side)

    @property
    def parts(self) -> list[str]:
        """The panels of a row."""
        large = min(self.images[ORIGINAL].shape[:2]) >= SMALL
        return ["image", "change", *(["detail"] if large else []), *(["saliency"] if self.saliency else [])]

    def panel(self, arm: str, part: str) -> tuple[str, np.ndarray] | None:
        """The title of a panel and its picture; none where there is none, such as the change of the original."""
        if part == "image":
            return self.names[self.classes[arm]], self.images[arm]
        if part == "detail":
            return part, self.images[arm][self.detail]
        if part == "saliency":
            return (part, self.saliency[arm]) if arm in self.saliency else None
        if arm == ORIGINAL:
            return None
        return f"change × {self.factor}", np.clip(GREY + self.factor * self.changes[arm], 0, 255)
