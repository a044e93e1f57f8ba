"""What attacked images look like: beside the originals, with what was changed, in detail, and their saliency
(Imperceptible Attacks, Figures 3.1 and 3.4)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from fairray.data import Tensors
from fairray.report._blocks import Block, Picture, Text
from fairray.report._exhibit import ORIGINAL, Exhibit
from fairray.report._images import find_attacked
from fairray.results import Results
from fairray.trial import dataset

__all__ = ["Gallery"]

CELL = 1.85  # inches
ACROSS = 6  # panels beside each other
NAME = 24  # characters of a class
FOOLED = "#b3261e"


@dataclass(frozen=True)
class Gallery:
    """A row for each method, the original first, and panels for each image; first seed.

    images: how many of each task. methods: which; without any, all.
    """

    images: int = 3
    methods: tuple[str, ...] = ()
    title: str = "Images"

    def __call__(self, results: Results) -> Iterator[Block]:
        pages = [
            (task, page)
            for task, arms in find_attacked(results).items()
            for page in _paginate([*self._exhibit(results, task, arms)])
        ]
        if not pages:
            attacked = "No images were kept: set methods.*.gallery to a number of images."
            yield Text(attacked if find_attacked(results) else "No image was attacked, as the model reads none right.")
            return
        for place, (task, page) in enumerate(pages, 1):
            alt = f"images of {task} beside what {', '.join(list(page[0].images)[1:])} make of them"
            yield Picture(f"gallery_{place}", _draw(task, page), alt)
        yield Text(_explain([exhibit for _, page in pages for exhibit in page]))

    def _exhibit(self, results: Results, task: str, arms: Sequence[str]) -> Iterator[Exhibit]:
        """The first images that all methods have kept."""
        chosen = [arm for arm in arms if arm in (self.methods or arms)]
        kept = {arm: tensors for arm in chosen if "gallery/id" in (tensors := results.tensors(task, arm))}
        if not kept:
            return
        names = [name.split(",")[0][:NAME] for name in dataset(results.study.tasks[task]).classes]
        ids = {arm: tensors["gallery/id"].tolist() for arm, tensors in kept.items()}
        common = [id_ for id_ in next(iter(ids.values())) if all(id_ in of for of in ids.values())]
        for id_ in common[: self.images]:
            yield _make_exhibit({arm: _pick(tensors, ids[arm].index(id_)) for arm, tensors in kept.items()}, names)


def _explain(exhibits: Sequence[Exhibit]) -> str:
    text = (
        "Test images that the model classifies correctly, evenly spaced and not a choice; above each what the model "
        "takes it for, in red where it is fooled. Changes are around grey, times a factor that is the same for all "
        "methods on one image."
    )
    if any("detail" in exhibit.parts for exhibit in exhibits):
        text += " Details show the framed part, in which the methods together change most."
    if any(exhibit.saliency for exhibit in exhibits):
        text += " Saliency: the brighter, the more salient."
    return text


def _pick(tensors: Tensors, place: int) -> dict[str, np.ndarray]:
    """The arrays of one image, by their names without "gallery/"."""
    return {name.split("/")[1]: t[place].numpy() for name, t in tensors.items() if name.startswith("gallery/")}


def _make_exhibit(found: dict[str, dict[str, np.ndarray]], names: Sequence[str]) -> Exhibit:
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


def _paginate(exhibits: list[Exhibit]) -> Iterator[list[Exhibit]]:
    """The exhibits of each figure: as many as stand beside each other and stay readable."""
    if exhibits:
        most = max(1, ACROSS // max(len(exhibit.parts) for exhibit in exhibits))
        yield from (exhibits[i : i + most] for i in range(0, len(exhibits), most))


def _draw(task: str, exhibits: Sequence[Exhibit]) -> Figure:
    rows, across = list(exhibits[0].images), sum(len(exhibit.parts) for exhibit in exhibits)
    figure = Figure(figsize=(0.4 + CELL * across, 0.4 + (CELL + 0.2) * len(rows)), layout="constrained")
    panels = figure.subplots(len(rows), across, squeeze=False)
    left = 0
    for exhibit in exhibits:
        for arm, row in zip(rows, panels, strict=True):
            for part, axes in zip(exhibit.parts, row[left:], strict=False):
                _draw_panel(axes, exhibit, arm, part)
        left += len(exhibit.parts)
    for arm, axes in zip(rows, panels[:, 0], strict=True):
        axes.set_ylabel(arm, fontsize=9)
    figure.suptitle(task)
    return figure


def _draw_panel(axes: Axes, exhibit: Exhibit, arm: str, part: str) -> None:
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
