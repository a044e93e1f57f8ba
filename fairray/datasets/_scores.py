"""Scores that were made elsewhere: whose rows they are, and what each method says of them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import count, product, takewhile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy import special

from fairray.data import EVALUATED, SPLITS, Dataset, Tensors, cell_counts
from fairray.datasets._cells import Value, find_value, list_values, read_numbers
from fairray.datasets._rows import Rows, gather
from fairray.errors import BadInput, unknown
from fairray.words import list_some

__all__ = ["Columns", "Reading", "Scores", "read"]

Blocks = dict[tuple[str, int], np.ndarray]

OPTIONAL = ("split", "seed", "method")
CERTAIN = 745.0  # the logit of the smallest number above 0, which a score of 0 is taken for


@dataclass(frozen=True, kw_only=True)
class Columns:
    """What the columns are called. Without a column `split` all rows are test rows; without `seed`, or `method`, they
    are of one. A `score` of several classes is in score_0, score_1, ..., in the order of the values of y."""

    y: str = "y"
    group: str = "group"
    score: str = "score"
    split: str = "split"
    seed: str = "seed"
    method: str = "method"


@dataclass(frozen=True, kw_only=True)
class Scores:
    """The rows of a table of scores: labels and groups, without any inputs.

    path: a csv, parquet or arrow file with a row for each example, method and seed. positive: the value of y whose
    probability a score is (default: the last in order). threshold: of a score, above which positive is predicted
    (default: .5, or 0 where scores are logits). regression: y is a number, and a score what was predicted of it, in
    its own unit. seed: the place of the seed whose rows these are, where seeds have their own.
    """

    path: Path
    columns: Columns = Columns()
    positive: Value | None = None
    threshold: float | None = None
    logits: bool = False
    regression: bool = False
    seed: int = 0

    @property
    def limit(self) -> float:
        """Above it a score predicts the positive value."""
        usual = 0.0 if self.logits else 0.5
        return usual if self.threshold is None else self.threshold

    def load(self) -> Dataset:
        """The tensors of the three splits; where no row is for validation, those of the test split are its, too."""
        reading, columns = read(replace(self, seed=0)), self.columns
        rows = reading.blocks[reading.methods[0], self.seed]
        train, val, test = (self._tensors(reading, reading.divide(rows, split)) for split in SPLITS)
        data = Dataset(
            name=self.path.stem,
            task=f"{columns.y} ~ {columns.group}",
            train=train,
            val=val,
            test=test,
            classes=reading.classes,
            groups=reading.groups,
            target=columns.y,
            protected=columns.group,
            notes=reading.notes,
        )
        for split in EVALUATED:
            _check_subgroups(data, split, f"{self.path} ({columns.group})")
        return data

    def _tensors(self, reading: "Reading", rows: np.ndarray) -> Tensors:
        own = {"y": reading.y[rows], "group": reading.group[rows], "id": rows}
        return {"x": torch.zeros(len(rows), 1), **{name: torch.from_numpy(of) for name, of in own.items()}}


class Reading(NamedTuple):
    """A table of scores. parts, y, group: of each row its split, class and group. logits: axes (row, class). Of a
    regression there are no classes, y are numbers, and logits, with axes (row, 1), what was predicted of them.

    blocks: of each method and place of a seed its rows, in the same order for all methods of a seed. shared: whether
    all seeds have the same examples. notes: what is to be said of how they were read.
    """

    classes: tuple[str, ...]
    groups: tuple[str, ...]
    methods: tuple[str, ...]
    seeds: tuple[str, ...]
    parts: np.ndarray
    y: np.ndarray
    group: np.ndarray
    logits: np.ndarray
    blocks: Blocks
    shared: bool
    notes: tuple[str, ...]

    def divide(self, rows: np.ndarray, split: str) -> np.ndarray:
        """Those of a split; for validation the test rows where there are no others."""
        own = rows[self.parts[rows] == split]
        return own if len(own) or split != "val" else rows[self.parts[rows] == "test"]


@lru_cache(maxsize=1)
def read(scores: Scores) -> Reading:
    """All of a table. Raises BadInput that names file, column and row where it is no table of scores."""
    return _Reader(scores, gather({"train": scores.path})).read()


@dataclass(frozen=True)
class _Reader:
    """Reads a table of scores, column by column."""

    scores: Scores
    rows: Rows

    def read(self) -> Reading:
        self._check_columns()
        group, parts = self._values("group"), self._parts()
        groups = tuple(group.cat.categories)
        if len(groups) < 2:
            problem = f"every row is of the group {groups[0]!r}"
            raise BadInput(self._place("group"), problem, "give rows of two groups or more")
        classes, y = self._labels()
        codes = {"y": y, "group": group.cat.codes.to_numpy(int)}
        methods, seeds, blocks = self._blocks()
        labels = np.stack([pd.factorize(parts)[0], *codes.values()], axis=1)
        return Reading(
            classes=classes,
            groups=groups,
            methods=methods,
            seeds=seeds,
            parts=parts,
            **codes,
            logits=self._logits(classes),
            blocks=blocks,
            shared=self._compare(labels, blocks),
            notes=(*self.rows.notes, *self._note(parts, classes)),
        )

    def _place(self, role: str, name: str | None = None) -> str:
        return f"{self.scores.path} ({role}: {name or getattr(self.scores.columns, role)})"

    def _named(self, role: str) -> str | None:
        """The column that serves for something, if there is one."""
        name = getattr(self.scores.columns, role)
        return name if name in self.rows.columns.column_names else None

    def _check_columns(self) -> None:
        if not len(self.rows.numbers):
            raise BadInput(str(self.scores.path), "it has no rows", "give a row for each example")
        for role, name in vars(self.scores.columns).items():
            left_out = role in OPTIONAL and name == role
            if self._named(role) is None and not left_out and not (role == "score" and self._list_scores()):
                cure = f"{role} says which column it is; "
                error = unknown(self._place(role), "column", name, self.rows.columns.column_names)
                raise BadInput(error.where, error.problem, cure + error.cure)

    def _list_scores(self) -> list[str]:
        """The columns of scores: one, or one for each class."""
        name, names = self.scores.columns.score, self.rows.columns.column_names
        return [name] if name in names else [*takewhile(names.__contains__, (f"{name}_{i}" for i in count()))]

    def _values(self, role: str) -> pd.Series:
        said = list_values(self.rows.columns[getattr(self.scores.columns, role)])
        if said.isna().any():
            problem = f"{self.rows.place(int(np.flatnonzero(said.isna())[0]))} has none"
            raise BadInput(self._place(role), problem, "give every row one, or leave the row out")
        return said

    def _labels(self) -> tuple[tuple[str, ...], np.ndarray]:
        """The classes, and of each row its own; or no classes, and numbers."""
        if self.scores.regression:
            return (), self._numbers("y", self.scores.columns.y)
        y = self._values("y")
        classes = self._order(y)
        return classes, y.map(classes.index).to_numpy(int)

    def _order(self, y: pd.Series) -> tuple[str, ...]:
        """The classes, of two the positive one last."""
        classes = [*y.cat.categories]
        if self.scores.positive is None:
            return tuple(classes)
        positive = find_value(self.scores.positive, classes, f"{self.scores.path} (positive)")
        return (*(name for name in classes if name != positive), positive)

    def _logits(self, classes: tuple[str, ...]) -> np.ndarray:
        names = self._list_scores()
        if self.scores.regression:
            return self._predictions(names)
        if len(classes) != max(len(names), 2):
            problem = f"its values are {list_some(classes, 5)}, and the scores are in {list_some(names)}"
            cure = "give a column of scores where there are two values, or score_0, score_1, ... for each of several"
            cure += "; or say that y is a number that was predicted (--regression; regression=True)"
            raise BadInput(self._place("y"), problem, cure)
        values = np.stack([self._probabilities(name) for name in names], axis=1)
        if len(names) == 1:
            above = self._lift(values[:, 0])
            return np.stack([np.zeros_like(above), above], axis=1)
        for key in ("threshold", "positive"):
            if getattr(self.scores, key) is not None:
                raise BadInput(key, "of several scores the highest counts", "leave it out, or give one score")
        return values

    def _predictions(self, names: list[str]) -> np.ndarray:
        """What was predicted of a number."""
        for key, usual in (("threshold", None), ("positive", None), ("logits", False)):
            if getattr(self.scores, key) != usual:
                raise BadInput(key, "a regression has no classes", "leave it out")
        return self._numbers("score", names[0])[:, None]

    def _lift(self, scores: np.ndarray) -> np.ndarray:
        """By how much logits are above that of the threshold."""
        limit = self.scores.limit
        if self.scores.logits:
            return scores - limit
        if not 0 < limit < 1:
            raise BadInput("threshold", f"got {limit:g}", "give a probability between 0 and 1")
        return special.logit(scores).clip(-CERTAIN, CERTAIN) - special.logit(limit)

    def _numbers(self, role: str, name: str) -> np.ndarray:
        found = read_numbers(self.rows.columns[name])
        if found is None:
            raise BadInput(self._place(role, name), "it holds non-numeric values", "name a column of numbers")
        values = found.values
        if len(wrong := np.flatnonzero(~np.isfinite(values))):
            problem = f"{self.rows.place(int(wrong[0]))} has no finite number"
            raise BadInput(self._place(role, name), problem, "give every row one, or leave the row out")
        return values

    def _probabilities(self, name: str) -> np.ndarray:
        """Or logits, where they are said to be."""
        values = self._numbers("score", name)
        if not self.scores.logits and len(wrong := np.flatnonzero((values < 0) | (values > 1))):
            problem = f"{self.rows.place(int(wrong[0]))} has {values[wrong[0]]:g}, which is no probability"
            cure = "give probabilities, from 0 to 1, or say that they are logits (--logits; logits=True)"
            raise BadInput(self._place("score", name), problem, cure)
        return values

    def _blocks(self) -> tuple[tuple[str, ...], tuple[str, ...], Blocks]:
        """The methods as they come, the seeds in order, and the rows of each pair."""
        one_of_all = pd.Categorical(["given"] * len(self.rows.numbers))
        method, seed = (
            self._values(role) if self._named(role) else pd.Series(one_of_all) for role in ("method", "seed")
        )
        methods, seeds = (*method.unique(),), (*seed.cat.categories,)
        blocks = {}
        for one, place in product(methods, range(len(seeds))):
            blocks[one, place] = np.flatnonzero((method == one) & (seed == seeds[place]))
            if not len(blocks[one, place]):
                problem = f"{one} has no row of seed {seeds[place]}"
                raise BadInput(self._place("seed"), problem, "give every method the same seeds")
        return methods, seeds, blocks

    def _parts(self) -> np.ndarray:
        """The split of each row."""
        split = self._named("split")
        if split is None:
            return np.full(len(self.rows.numbers), "test", object)
        parts = self.rows.divided(split, str(self.scores.path)).parts
        if "test" not in parts:
            raise BadInput(self._place("split"), "no row is of the test split", "call what is to be judged test")
        return parts

    def _compare(self, labels: np.ndarray, blocks: Blocks) -> bool:
        """Whether all seeds have the same examples; labels: axes (row, what is said of it).

        Raises BadInput where methods of one seed have others.
        """
        first, _ = next(iter(blocks))
        for (method, place), own in blocks.items():
            theirs = blocks[first, place]
            if (at := _find_difference(labels, own, theirs)) is None:
                continue
            problem = f"{method} has {len(own):,} rows of a seed of which {first} has {len(theirs):,}"
            if at < min(len(own), len(theirs)):
                pair = f"{self.rows.place(own[at])} ({method}) and {self.rows.place(theirs[at])} ({first})"
                problem = f"{pair} should be the same example, and differ in split, y or group"
            cure = "give all methods of a seed the same rows in the same order"
            raise BadInput(self._place("method"), problem, cure)
        return all(_find_difference(labels, own, blocks[first, 0]) is None for own in blocks.values())

    def _note(self, parts: np.ndarray, classes: tuple[str, ...]) -> Iterator[str]:
        if self._named("split") is None:
            yield f"there is no column {self.scores.columns.split!r}: every row is a test row"
        if "val" not in parts:
            yield "there are no validation rows: the test rows stand for them, by which nothing is chosen here"
        if classes and len(self._list_scores()) == 1:
            kind = "logit" if self.scores.logits else "probability"
            yield f"{classes[-1]!r} is predicted where its {kind} is above {self.scores.limit:g}"


def _find_difference(labels: np.ndarray, own: np.ndarray, theirs: np.ndarray) -> int | None:
    """The first place where two lists of rows are not of the same example, so far as labels tell; none is none."""
    both = min(len(own), len(theirs))
    wrong = np.flatnonzero((labels[own[:both]] != labels[theirs[:both]]).any(1))
    if len(wrong):
        return int(wrong[0])
    return None if len(own) == len(theirs) else both


def _check_subgroups(data: Dataset, split: str, where: str) -> None:
    """Raise BadInput where no rate is defined."""
    labels = data.classes or ("any",)
    empty = (cell_counts(data.split(split), len(labels), len(data.groups)) == 0).nonzero().tolist()
    for label, group in empty[:1]:
        subgroup = f"label {labels[label]}, group {data.groups[group]}"
        problem = f"the {split} split has no row of the subgroup ({subgroup})"
        raise BadInput(where, problem, "give more rows, or leave the group out")
