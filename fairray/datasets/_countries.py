"""Groups with a number of each, such as a country's GDP per capita, on which their accuracy is regressed."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import torch

from fairray.data import SPLITS, Dataset
from fairray.datasets._images import find_lacking
from fairray.errors import BadInput

GroupsOn = Literal["split", "all"]
FEWEST = 3  # groups through which a line is no longer exact
GDP = Path(__file__).with_name("gdp_per_capita.csv")
GDP_NAME = "log GDP per capita (2005 international $, 2007)"


def log_gdp(countries: Iterable[str], path: Path | None) -> pd.Series:
    """Natural logarithms of these countries' GDP per capita, by country, the poorest first.

    path: a csv file with the columns country and usd, without one the table that is shipped.
    Raises BadInput for countries that are not in it, or twice, or whose GDP is no positive number.
    """
    path, names = path or GDP, sorted(set(countries))
    table = text_table(path, ("country", "usd"), "give a csv file with a row for each country", comment="#")
    table = table[table["country"].isin(names)]
    if missing := sorted(set(names) - set(table["country"])):
        problem = f"it has no GDP per capita of {len(missing)} of {len(names)} countries: {'; '.join(missing)}"
        cure = "write them as the file does, leave them out, or give a file that has them with gdp: FILE"
        raise BadInput(str(path), problem, cure)
    if len(twice := table["country"][table["country"].duplicated()]):
        problem = f"{twice.iloc[0]} stands there again in row {twice.index[0] + 1}"
        raise BadInput(f"{path} (country)", problem, "keep one row, of one year, for each country")
    return pd.Series(logs(table["usd"], path), index=table["country"]).sort_values(kind="stable")


def gdp_name(path: Path | None) -> str:
    """What `log_gdp` gives, with its unit, which a file of one's own does not say."""
    return f"log GDP per capita ({Path(path).name})" if path else GDP_NAME


def logs(numbers: pd.Series, path: Path) -> np.ndarray:
    """Natural logarithms of a column of a file, which is text; BadInput names the row where one is not defined."""
    values = pd.to_numeric(numbers, errors="coerce")
    wrong = numbers[~(np.isfinite(values) & (values > 0))]
    if len(wrong):
        problem = f"row {wrong.index[0] + 1} has {wrong.iloc[0]!r}, expected was a number above 0"
        raise BadInput(f"{path} ({numbers.name})", problem, "correct the row, or leave its images out")
    return np.log(values.to_numpy(np.float64))


def text_table(path: Path, columns: Sequence[str], cure: str, comment: str | None = None) -> pd.DataFrame:
    """These columns of a csv file as text, which may be empty. Rows count from 0 here, and from 1 in errors."""
    if not Path(path).is_file():
        raise BadInput(str(path), "there is no such file", cure)
    try:
        table = pd.read_csv(path, dtype=str, na_filter=False, comment=comment)
    except ValueError as error:  # pandas' parsers raise subclasses of it
        raise BadInput(str(path), f"it cannot be read: {error}", cure) from error
    if missing := [name for name in columns if name not in table]:
        problem = (
            f"it has no column {missing[0]}; expected were {', '.join(columns)}, there are {', '.join(table.columns)}"
        )
        raise BadInput(str(path), problem, cure)
    if table.empty:
        raise BadInput(str(path), "it has no row", cure)
    return table[list(columns)]


def places(values: pd.Series, known: Iterable[str]) -> np.ndarray:
    """Where each value stands among the known ones; -1 where it is none of them."""
    return values.map({name: place for place, name in enumerate(known)}).fillna(-1).to_numpy(np.int64, copy=True)


def enough(groups: Iterable[str], where: str) -> None:
    """BadInput where no line can be laid through the groups' accuracies."""
    if len(names := list(groups)) < FEWEST:
        problem = f"there are images of {len(names)} ({', '.join(names)}); a slope needs at least {FEWEST} groups"
        raise BadInput(where, problem, "give images of more groups")


def everywhere(data: Dataset, where: str, cure: str) -> Dataset:
    """Itself; BadInput with the names of all groups that have no image in a split, so that no accuracy is there.

    A split without any image lacks none. cure: what to do besides giving more images.
    """
    sizes = {part: torch.bincount(data.split(part)["group"], minlength=len(data.groups)) for part in SPLITS}
    counts = {group: {part: int(of[i]) for part, of in sizes.items()} for i, group in enumerate(data.groups)}
    if lacking := find_lacking(counts):
        problem = f"{len(lacking)} of {len(data.groups)} groups have no image in some split: {'; '.join(lacking)}"
        raise BadInput(where, problem, f"give more images of each, hold out larger shares, or {cure}")
    return data
