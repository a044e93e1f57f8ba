"""CelebA's lists, as published."""

from pathlib import Path

import numpy as np
import pandas as pd

from fairray.errors import BadInput

IMAGES, ATTRIBUTES = "img_align_celeba", "list_attr_celeba.txt"


def attributes(path: Path) -> pd.DataFrame:
    """Zeros and ones with axes (file, attribute)."""
    table = read(path, skiprows=1, header=0, index_col=0)
    if not table.isin([-1, 1]).all(axis=None):
        raise BadInput(str(path), "it has values other than -1 and 1", "give the file as published")
    with path.open(encoding="utf-8-sig") as file:
        count = file.readline().strip()
    if count != str(len(table)):
        raise BadInput(str(path), f"it has {len(table)} rows, its first line says {count}", "give the whole file")
    return (table > 0).astype(np.int64)


def read(path: Path, **layout: int | None) -> pd.DataFrame:
    """A list in columns that blanks part."""
    if not path.is_file():
        raise BadInput(str(path), "there is no such file", "set folder: DIR to the published data set")
    try:
        return pd.read_csv(path, sep=r"\s+", **layout)  # type: ignore[call-overload]
    except ValueError as error:  # pandas' parsers raise subclasses of it
        raise BadInput(str(path), f"it cannot be read: {error}", "give the file as published") from error
