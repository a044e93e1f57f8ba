"""What a data set holds, in words: rows, columns, groups, and what its reader should know."""

from collections.abc import Iterator

import pandas as pd

from fairray.data import SPLITS, Dataset, cell_counts
from fairray.words import write_count

__all__ = ["MOST_CELLS", "count_cells", "describe_data", "describe_sizes", "noun_of"]

MOST_CELLS = 40  # that are written one by one


def describe_data(dataset: Dataset) -> Iterator[str]:
    """Lines that say all of it."""
    yield f"{dataset.task}: {describe_sizes(dataset)}"
    if dataset.kind == "image":
        yield f"images of {dataset.shape[1]} x {dataset.shape[2]} pixels (height x width)"
    if dataset.columns:
        width = write_count(sum(column.width for column in dataset.columns), "input")
        yield f"{write_count(len(dataset.columns), 'column')}, {width}"
    for column in dataset.columns:
        values = f" of {write_count(column.width, 'value')}" if column.kind == "category" else ""
        yield f"  {column.name}: {column.kind}{values}" + (f", {column.missing:,} missing" if column.missing else "")
    yield from _write_cells(count_cells(dataset))
    yield from (f"note: {note}" for note in dataset.notes)


def describe_sizes(dataset: Dataset) -> str:
    """How many rows or images each split has."""
    sizes = ", ".join(f"{part} {len(dataset.split(part)['y']):,}" for part in SPLITS)
    return f"{sizes} {noun_of(dataset)}"


def noun_of(dataset: Dataset) -> str:
    """What its examples are."""
    return "images" if dataset.kind == "image" else "rows"


def count_cells(dataset: Dataset) -> pd.DataFrame:
    """The rows of each subgroup, with a column for each split; the subgroups' names are the index."""
    classes, groups = dataset.classes or ("any",), dataset.groups
    names = pd.MultiIndex.from_product([classes, groups], names=[dataset.target, dataset.protected])
    counts = {part: cell_counts(dataset.split(part), len(classes), len(groups)).flatten().tolist() for part in SPLITS}
    return pd.DataFrame(counts, index=names)


def _write_cells(cells: pd.DataFrame) -> Iterator[str]:
    if len(cells) > MOST_CELLS:
        least = cells.assign(least=cells.min(axis=1)).nsmallest(5, "least").reset_index()
        named = [f"{row[0]}, {row[1]} ({row[-1]:,})" for row in least.itertuples(index=False)]
        yield f"{len(cells):,} subgroups (label, group), with the fewest rows in a split: {'; '.join(named)}"
        return
    yield from cells.reset_index().to_string(index=False).splitlines()
