"""What a study's data are, before anything is run: the doctor's page."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from fairray.card import MOST_CELLS, count_cells, describe_sizes, noun_of
from fairray.data import SPLITS, Dataset
from fairray.errors import BadInput
from fairray.report._blocks import Bad, Block, Frame, Items, Picture, Text
from fairray.report._page import fill_template
from fairray.study import Study
from fairray.trial import dataset
from fairray.words import cut

__all__ = ["write_data_page"]

SHOWN, ACROSS = 10, 5  # images, and beside each other


def write_data_page(study: Study, said: Mapping[str, Sequence[str]]) -> Path:
    """doctor.html beside the study's report: of each task what was read, what was left out, and what images look like.

    said: further lines by task.
    """
    folder = study.folder
    tasks = {task: [*_describe_task(member, said.get(task, ()))] for task, member in study.tasks.items()}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "doctor.html").write_text(fill_template("doctor.html", study=study, tasks=tasks), encoding="utf-8")
    return folder / "doctor.html"


def _describe_task(member: object, said: Sequence[str]) -> Iterator[Block]:
    try:
        data = dataset(member)
    except BadInput as error:
        yield Text(Bad(str(error)))
        return
    yield Text(f"{data.task}: {describe_sizes(data)}.")
    yield Items([*said, *data.notes])
    if data.columns:
        yield _frame(
            "columns", pd.DataFrame(data.columns)[["name", "kind", "missing", "width"]], "What the inputs are made of."
        )
    cells = count_cells(data)
    if len(cells) <= MOST_CELLS:
        yield _frame("cells", cells.reset_index(), f"How many {noun_of(data)} each subgroup has in each split.")
    if data.kind == "image":
        caption = "Images as they are seen, of all subgroups alike."
        yield Picture("images", _draw(data), f"images of {data.task}", caption)


def _frame(name: str, cells: pd.DataFrame, caption: str) -> Frame:
    return Frame(name, cells.astype(str), cells, caption)


def _draw(data: Dataset) -> Figure:
    split = next(part for part in SPLITS if len(data.split(part)["y"]))
    rows = _choose(data, split)
    figure = Figure(figsize=(2.2 * ACROSS, 2.5 * -(-len(rows) // ACROSS)), layout="constrained")
    panels = figure.subplots(-(-len(rows) // ACROSS), ACROSS, squeeze=False).flatten()
    x = data.shown({"x": data.split(split)["x"][rows]})["x"]
    for axes in panels:
        axes.set_axis_off()
    for axes, row, image in zip(panels, rows, x):
        y, group = (int(data.split(split)[key][row]) for key in ("y", "group"))
        names = [data.classes[y]] if data.classes else []
        names += [data.groups[group]] if len(data.groups) > 1 else []
        axes.imshow(image.permute(1, 2, 0).numpy(), vmin=0, vmax=255)
        axes.set_title("\n".join([*map(cut, names), f"{split} {int(data.split(split)['id'][row])}"]), fontsize=8)
    return figure


def _choose(data: Dataset, split: str) -> np.ndarray:
    """Rows of a split: the first of each subgroup, then the second, and so on."""
    labels = data.split(split)["y"] if data.classes else data.split(split)["group"] * 0
    cells = pd.Series((labels * len(data.groups) + data.split(split)["group"]).numpy())
    return np.lexsort([cells, cells.groupby(cells).cumcount()])[:SHOWN]
