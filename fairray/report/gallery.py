"""What attacked images look like: beside the originals, with what was changed, in detail, and their saliency
(Figures 3.1 and 3.4)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from scipy.ndimage import uniform_filter

from fairray.data import Tensors
from fairray.report.attacks import attacked
from fairray.report.figures import figure_section
from fairray.report.section import Section, joined
from fairray.results import Results
from fairray.trial import dataset

__all__ = ["Exhibit", "gallery"]

ORIGINAL = "original"
CELL = 1.85  # inches
ACROSS = 6  # panels beside each other
SMALL = 64  # pixels; of images whose sides are shorter no detail is shown
DETAIL = 5  # a detail has one in so many pixels of each side
NAME = 24  # characters of a class
FOOLED = "#b3261e"
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


def gallery(results: Results, images: int = 3, methods: Sequence[str] | None = None) -> Section:
    """A row for each method, or each of the given ones, the original first, and panels for each image; first seed."""
    title = "Images"
    exhibits = {
        task: list(_exhibits(results, task, [arm for arm in arms if arm in (methods or arms)], images))
        for task, arms in attacked(results).items()
    }
    pages = [(task, page) for task, found in exhibits.items() for page in _pages(found)]
    if not pages:
        return Section(title, "<p>No images were kept: set methods.*.gallery to a number of images.</p>")
    figures = [
        figure_section(title, _drawn(task, page), f"gallery_{place}.png") for place, (task, page) in enumerate(pages, 1)
    ]
    shown = [exhibit for _, page in pages for exhibit in page]
    text = (
        "Test images that the model classifies correctly, evenly spaced and not a choice; above each what the model "
        "takes it for, in red where it is fooled. Changes are around grey, times a factor that is the same for all "
        "methods on one image."
    )
    if any("detail" in exhibit.parts for exhibit in shown):
        text += " Details show the framed part, in which the methods together change most."
    if any(exhibit.saliency for exhibit in shown):
        text += " Saliency: the brighter, the more salient."
    return joined(title, figures, text)


def _exhibits(results: Results, task: str, arms: Sequence[str], images: int) -> Iterator[Exhibit]:
    """The first images that all methods have kept."""
    kept = {arm: tensors for arm in arms if "gallery/id" in (tensors := results.tensors(task, arm))}
    if not kept:
        return
    names = [name.split(",")[0][:NAME] for name in dataset(results.study.tasks[task]).classes]
    ids = {arm: tensors["gallery/id"].tolist() for arm, tensors in kept.items()}
    common = [id_ for id_ in next(iter(ids.values())) if all(id_ in of for of in ids.values())]
    for id_ in common[:images]:
        yield _exhibit({arm: _of_one(tensors, ids[arm].index(id_)) for arm, tensors in kept.items()}, names)


def _of_one(tensors: Tensors, place: int) -> dict[str, np.ndarray]:
    """The arrays of one image, by their names without "gallery/"."""
    return {name.split("/")[1]: t[place].numpy() for name, t in tensors.items() if name.startswith("gallery/")}


def _exhibit(found: dict[str, dict[str, np.ndarray]], names: Sequence[str]) -> Exhibit:
    """found: by method, what it has of the image. names: of the classes."""
    first = next(iter(found.values()))
    images = {arm: one["attacked"].transpose(1, 2, 0) for arm, one in found.items()}
    classes = {arm: int(one["predicted"]) for arm, one in found.items()}
    maps = {arm: one["saliency_attacked"] for arm, one in found.items() if "saliency_attacked" in one}
    before = [one["saliency"] for one in found.values() if "saliency" in one]
    return Exhibit(
        images={ORIGINAL: first["x"].transpose(1, 2, 0)} | images,
        classes={ORIGINAL: int(first["label"])} | classes,
        saliency={ORIGINAL: before[0]} | maps if before else {},
        names=names,
    )


def _pages(exhibits: list[Exhibit]) -> Iterator[list[Exhibit]]:
    """Those of a figure: as many as stand beside each other and stay readable."""
    if exhibits:
        most = max(1, ACROSS // max(len(exhibit.parts) for exhibit in exhibits))
        yield from (exhibits[i : i + most] for i in range(0, len(exhibits), most))


def _drawn(task: str, exhibits: Sequence[Exhibit]) -> Figure:
    rows, across = list(exhibits[0].images), sum(len(exhibit.parts) for exhibit in exhibits)
    figure = Figure(figsize=(0.4 + CELL * across, 0.4 + (CELL + 0.2) * len(rows)), layout="constrained")
    panels = figure.subplots(len(rows), across, squeeze=False)
    left = 0
    for exhibit in exhibits:
        for arm, row in zip(rows, panels, strict=True):
            for part, axes in zip(exhibit.parts, row[left:], strict=False):
                _show(axes, exhibit, arm, part)
        left += len(exhibit.parts)
    for arm, axes in zip(rows, panels[:, 0], strict=True):
        axes.set_ylabel(arm, fontsize=9)
    figure.suptitle(task)
    return figure


def _show(axes: Axes, exhibit: Exhibit, arm: str, part: str) -> None:
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    if panel := exhibit.panel(arm, part):
        title, picture = panel
        fooled = part == "image" and exhibit.classes[arm] != exhibit.classes[ORIGINAL]
        axes.imshow(picture.squeeze(), cmap="magma" if part == "saliency" else "gray", vmin=0, vmax=255)
        axes.set_title(title, fontsize=8, color=FOOLED if fooled else "black", pad=3)
    if (arm, part) == (ORIGINAL, "image") and "detail" in exhibit.parts:
        y, x = exhibit.detail
        corner, side = (x.start - 0.5, y.start - 0.5), x.stop - x.start
        axes.add_patch(Rectangle(corner, side, side, fill=False, edgecolor="magenta", linewidth=1.2))
