"""What a data set of images looks like: test images of each class of each task."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.figure import Figure

from fairray.data import Dataset
from fairray.errors import BadInput
from fairray.report._blocks import Block, Picture, Text
from fairray.results import Results
from fairray.trial import dataset

__all__ = ["Samples"]

ROWS = 2  # of images in a class
CELL, GAP, LINE, HEADING, MARGIN = 0.85, 0.2, 0.24, 0.26, 0.25  # inches
FRAME = 160  # grey, as white images have to be told from the page


@dataclass(frozen=True)
class Samples:
    """A contact sheet of the study's first data set."""

    title: str = "Data"

    def __call__(self, results: Results) -> Iterator[Block]:
        data = dataset(next(iter(results.study.tasks.values())))
        if data.kind != "image":
            yield Text("The data are no images.")
            return
        caption = "Test images of each class of each task."
        yield Picture("samples", contact_sheet(data), f"images of the classes of {', '.join(data.tasks)}", caption)


def contact_sheet(dataset: Dataset, columns: int = 14) -> Figure:
    """A band for each task, in which two rows of test images stand under the name of each class.

    Images of a class differ in as many other labels as they can, and are always the same ones; where there are too few,
    their places stay empty.
    columns: images beside each other, which the classes of a task share; those beyond go to further lines.
    Raises BadInput for data that are no images.
    """
    if dataset.kind != "image":
        raise BadInput(f"data set {dataset.name}", "it has no images", "give a data set of images")
    bands = {name: _break_lines(len(task.classes), columns) for name, task in dataset.tasks.items()}
    line = LINE + ROWS * CELL + GAP
    height = MARGIN + sum(HEADING + line * len(lines) for lines in bands.values())
    width = columns * (CELL + GAP / 2)
    figure = Figure(figsize=(2 * MARGIN + width, height), dpi=100)
    top = height - MARGIN / 2
    for name, lines in bands.items():
        figure.text(MARGIN / figure.get_figwidth(), top / height, name, weight="bold", fontsize=13, va="top")
        top -= HEADING
        for labels in lines:
            for place, label in enumerate(labels):
                left = MARGIN + place * width / len(lines[0])
                _show(figure, dataset, name, label, max(1, columns // len(lines[0])), left, top - LINE)
            top -= line
    return figure


def _break_lines(classes: int, columns: int) -> list[range]:
    """The classes of each line; none is longer than the first."""
    return [range(first, min(first + columns, classes)) for first in range(0, classes, columns)]


def _show(figure: Figure, dataset: Dataset, task: str, label: int, across: int, left: float, top: float) -> None:
    """One class, `across` images wide, with its upper left corner there, in inches from the lower left of the page."""
    width, height = figure.get_size_inches()
    down = ROWS * CELL
    axes = figure.add_axes((left / width, (top - down) / height, across * CELL / width, down / height))
    axes.imshow(_make_mosaic(_pick_samples(dataset, task, label, ROWS * across), across), aspect="equal")
    axes.set_anchor("NW")
    axes.set_axis_off()
    axes.set_title(dataset.tasks[task].classes[label], fontsize=10, loc="left", pad=3)


def _pick_samples(dataset: Dataset, task: str, label: int, most: int) -> np.ndarray:
    """Bytes with axes (image, y, x, RGB)."""
    rows = (dataset.test[dataset.tasks[task].column] == label).nonzero()[:, 0]
    rows = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))]
    labels = torch.stack([dataset.test[each.column][rows] for each in dataset.tasks.values()], dim=1)
    chosen = rows[_pick_unlike(labels, most)]
    return dataset.shown({"x": dataset.test["x"][chosen]})["x"].permute(0, 2, 3, 1).numpy()


def _pick_unlike(labels: torch.Tensor, most: int) -> list[int]:
    """Up to `most` examples, each with as few labels of those before it as there can be. labels: (example, task)."""
    chosen: list[int] = []
    shared = torch.zeros(len(labels))
    for _ in range(min(most, len(labels))):
        chosen.append(int(shared.argmin()))
        shared += (labels == labels[chosen[-1]]).sum(1)
        shared[chosen[-1]] = torch.inf
    return chosen


def _make_mosaic(images: np.ndarray, across: int) -> np.ndarray:
    """ROWS rows of framed images on a white page, `across` in each."""
    _, height, width, _ = images.shape
    gap = max(1, width // 20)
    page = np.full((ROWS * (height + gap), across * (width + gap), 3), 255, np.uint8)
    for place, image in enumerate(images):
        y, x = place // across * (height + gap), place % across * (width + gap)
        page[y : y + height, x : x + width] = FRAME
        page[y + 1 : y + height - 1, x + 1 : x + width - 1] = image[1:-1, 1:-1]
    return page
