"""What the cells of a column stand for: nothing, numbers, dates, or values that are told apart."""

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from fairray.errors import unknown

__all__ = [
    "Numbers", "Value", "find_value", "is_plain", "is_time", "list_values", "match_values", "read_numbers",
    "spelled_alike",
]  # fmt: skip

Value = str | bool | int | float

# what people write for nothing, in small letters, and what they write for it among numbers alone
NOTHING = ("", "?", ".", "-", "--", "na", "n/a", "nan", "-nan", "nat", "null", "<na>", "#n/a", "#null!")
WORDS = ("none", "missing", "unknown", "not available")

PLAIN = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?|[-+]?inf(inity)?", re.IGNORECASE)
PRICED = re.compile(r"(?P<sign>[-+]?)\s*(?P<before>[$€£¥]?)\s*(?P<number>[\d.i].*?)\s*(?P<after>[%$€£¥]?)")
# further ways to write the number in it, and what changes it into a plain one; the first that all texts follow counts
GAPS = " '\u00a0\u202f\u2019"
WAYS: tuple[tuple[re.Pattern[str], dict[str, str]], ...] = (
    (PLAIN, {}),
    (re.compile(r"(\d{1,3}(,\d{3})+|\d+)(\.\d*)?"), {",": ""}),
    (re.compile(r"(\d{1,3}(\.\d{3})+|\d+)(,\d*)?"), {".": "", ",": "."}),
    (re.compile(rf"(\d{{1,3}}([{GAPS}]\d{{3}})+|\d+)([.,]\d*)?"), {**dict.fromkeys(GAPS, ""), ",": "."}),
)  # fmt: skip
MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
DAY = (
    r"\d{4}[-/.]\d{1,2}([-/.]\d{1,2})?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}"
    rf"|\d{{1,2}}[- ]{MONTH}[- ,]+\d{{2,4}}|{MONTH} \d{{1,2}},? \d{{2,4}}"
)
HOUR = r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?( ?[ap]m)?(z|[-+]\d{2}:?\d{2})?"
TIME = re.compile(rf"({DAY})((t| +){HOUR})?|{HOUR}", re.IGNORECASE)

YES, NO = ("true", "yes", "y", "on", "t", "1"), ("false", "no", "n", "off", "f", "0")


class Numbers(NamedTuple):
    """values: with NaN where there is nothing. written: one that is no plain number, as it is written, if any is."""

    values: np.ndarray
    written: str = ""


def read_numbers(column: pa.ChunkedArray, missing: Sequence[Value] = ()) -> Numbers | None:
    """The numbers of a column, however people write them, if each of its cells is one, or nothing, and not all nothing.

    missing: further values that stand for nothing.
    """
    if _is_text(column.type):
        found = _parse(_without(_trimmed(column), (*NOTHING, *WORDS, *map(str, missing))))
    elif _is_number(column.type):
        found = Numbers(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))
    else:
        return None
    if found is None or not missing:
        return found
    return found._replace(values=np.where(np.isin(found.values, [*map(_number, missing)]), np.nan, found.values))


def list_values(column: pa.ChunkedArray, missing: Sequence[Value] = ()) -> pd.Series:
    """The values of a column as they are written, as a categorical in their order, null where there is nothing.

    Numbers come before texts, and equal numbers are one value, however they are written.
    """
    if _is_text(column.type):
        column = _without(_trimmed(column), (*NOTHING, *map(str, missing)))
    elif pa.types.is_boolean(column.type):
        column = pc.if_else(column, "True", "False")
    codes, distinct = _encode(column)
    number = np.array([_number(value) for value in distinct], float)
    skipped = {*map(_number, missing)}
    levels: list[int] = []
    place = np.full(len(distinct) + 1, -1)  # the last one is for null, whose code is -1
    for i in sorted(range(len(distinct)), key=lambda i: (np.nan_to_num(number[i], nan=math.inf), str(distinct[i]))):
        if number[i] in skipped or distinct[i] != distinct[i]:
            continue
        if not levels or number[i] != number[levels[-1]]:
            levels.append(i)
        place[i] = len(levels) - 1
    return pd.Series(
        pd.Categorical.from_codes(place[codes], pd.Index([str(distinct[i]) for i in levels], dtype=object))
    )


def match_values(column: pd.Series, levels: Sequence[str]) -> pd.Series:
    """The values of a categorical, each as the equal one among levels is written: equal numbers are one value."""
    numbers = {_number(level): level for level in levels if is_plain(level)}
    same = {v: v if v in levels else numbers.get(_number(v), v) for v in column.cat.categories}
    return column.map(same)


def is_time(column: pa.ChunkedArray) -> bool:
    """Whether all of a column's cells are dates or times, or nothing."""
    if not _is_text(column.type):
        return pa.types.is_temporal(column.type)
    distinct = _encode(_without(_trimmed(column), NOTHING))[1]
    return len(distinct) > 0 and all(TIME.fullmatch(text) for text in distinct)


def is_plain(text: str) -> bool:
    """Whether a text is a number without anything beside it."""
    return PLAIN.fullmatch(text) is not None


def find_value(chosen: Value, levels: Sequence[str], where: str) -> str:
    """The one of a column's values that somebody means by a value of yaml or Python.

    Numbers are equal however they are written; yaml makes true of yes. Raises BadInput where there is none.
    """
    words = (str(chosen), *((YES if chosen else NO) if isinstance(chosen, bool) else ()))
    for word in words:
        for level in levels:
            if level == word.strip() or _number(level) == _number(word) or (word in YES + NO and level.lower() == word):
                return level
    raise unknown(where, "value", str(chosen), levels)


def spelled_alike(levels: Iterable[str]) -> list[tuple[str, ...]]:
    """The values that differ in capitals, spaces and hyphens only."""
    alike: dict[str, list[str]] = {}
    for level in levels:
        if not is_plain(level):
            alike.setdefault(re.sub(r"[\s_.-]+", "", level).casefold(), []).append(level)
    return [tuple(same) for same in alike.values() if len(same) > 1]


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _is_number(kind: pa.DataType) -> bool:
    has_value = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_decimal)
    return any(is_kind(kind) for is_kind in has_value)


def _trimmed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.utf8_trim_whitespace(column.cast(pa.string()))


def _without(texts: pa.ChunkedArray, nothing: Iterable[str]) -> pa.ChunkedArray:
    """The texts with null for those that stand for nothing."""
    is_nothing = pc.is_in(pc.utf8_lower(texts), pa.array([mark.lower() for mark in nothing], pa.string()))
    return pc.if_else(is_nothing, pa.scalar(None, pa.string()), texts)


def _encode(column: pa.ChunkedArray) -> tuple[np.ndarray, list[Any]]:
    """Of each cell the place of its value among the distinct ones, -1 for null, and these."""
    encoded = column.combine_chunks().dictionary_encode()
    return pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False), encoded.dictionary.to_pylist()


def _parse(texts: pa.ChunkedArray) -> Numbers | None:
    """The numbers of texts, null where there is nothing."""
    if texts.null_count == len(texts):
        return None
    try:
        return Numbers(texts.cast(pa.float64()).to_numpy(zero_copy_only=False))
    except pa.ArrowInvalid:  # not all are plain
        codes, distinct = _encode(texts)
    found = _parse_alike(distinct)
    return found and Numbers(np.append(found.values, np.nan)[codes], found.written)


def _parse_alike(texts: Sequence[str]) -> Numbers | None:
    """Numbers that are all written in one way, all with the same currency, % or none."""
    found = [match for text in texts if (match := PRICED.fullmatch(text.replace("\u2212", "-")))]
    bodies = [match["number"] for match in found]
    if len(found) < len(texts) or len({(match["before"], match["after"]) for match in found}) > 1:
        return None
    for way, changes in WAYS:
        if all(way.fullmatch(body) for body in bodies):
            table = str.maketrans(changes)
            values = [float(match["sign"] + match["number"].translate(table)) for match in found]
            return Numbers(np.array(values), next((text for text in texts if not is_plain(text)), ""))
    return None


def _number(value: object) -> float:
    """The number that a value is, NaN where it is none."""
    text = str(value).strip()
    return float(text) if is_plain(text) else math.nan
