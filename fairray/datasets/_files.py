"""Tables in files: their cells as they are written, every row whole."""

import csv
import io
import re
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet

from fairray.errors import BadInput
from fairray.words import cut

__all__ = ["Sheet", "read_sheet"]

COMPRESSED = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}
TEXT = (".csv", ".tsv", ".tab", ".txt", ".data")
BINARY = {
    ".parquet": pyarrow.parquet.read_table, ".pq": pyarrow.parquet.read_table,
    ".arrow": pyarrow.feather.read_table, ".feather": pyarrow.feather.read_table,
}  # fmt: skip
SEPARATORS = ",;\t|"
REMOTE = ("http:", "https:", "ftp:", "s3:", "gs:")
UNEVEN = re.compile(r"Expected (?P<names>\d+) columns, got (?P<values>\d+): (?P<row>.*)", re.DOTALL)
HEAD = 2**20  # bytes that hold any header
BLOCK = 2**24  # bytes that hold any row


class Sheet(NamedTuple):
    """The columns of a file, texts as they are written there, and what is to be said of how it was read."""

    columns: pa.Table
    notes: tuple[str, ...] = ()


def read_sheet(path: Path) -> Sheet:
    """A table from a text file with a header and any usual separator, packed or not, or from parquet or arrow.

    Raises BadInput where the file is none, or a row has more or fewer values than there are names.
    """
    path = path.expanduser()
    if remote := [part for part in path.parts if part in REMOTE]:
        raise BadInput(str(path), f"it is an address ({remote[0]}//...)", "download the file, and give its path")
    packed = COMPRESSED.get(path.suffix.lower())
    kind = (path.with_suffix("") if packed else path).suffix.lower()
    if kind not in TEXT and (packed or kind not in BINARY):
        known = ", ".join((*TEXT, *BINARY))
        raise BadInput(str(path), f"it ends in {path.suffix!r}", f"save it as one of {known}")
    if not path.is_file():
        raise BadInput(str(path), "there is no such file", "give the path of a table")
    try:
        sheet = _read_text(path, packed) if kind in TEXT else Sheet(_decoded(BINARY[kind](str(path))))
    except (ValueError, OSError) as error:  # arrow's own are subclasses of these
        if uneven := UNEVEN.search(str(error)):
            problem = f"its first line has {uneven['names']} names, and a row has {uneven['values']} values: "
            cure = "give every column a name, and every row a value for each"
            raise BadInput(str(path), problem + cut(uneven["row"]), cure) from error
        raise BadInput(str(path), f"it cannot be read: {cut(str(error))}", "repair or replace the file") from error
    _check_names(sheet.columns.column_names, str(path))
    return sheet


def _read_text(path: Path, packed: str | None) -> Sheet:
    with pa.input_stream(str(path), compression=packed) as stream:
        head = stream.read(HEAD)
    encoding = "utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        return Sheet(_parse(path, packed, head, encoding))
    except ValueError as error:
        if "UTF8" not in str(error):
            raise
    return Sheet(_parse(path, packed, head, "latin-1"), (f"{path.name} is no UTF-8, and was read as Latin-1",))


def _parse(path: Path, packed: str | None, head: bytes, encoding: str) -> pa.Table:
    """All cells as text: what a column holds cannot be told from its first rows."""
    names, separator = _header(head.decode(encoding, errors="replace"), str(path))
    numbered = {f"f{i}": pa.string() for i in range(len(names))}
    with pa.input_stream(str(path), compression=packed) as stream:
        table = pyarrow.csv.read_csv(
            stream,
            pyarrow.csv.ReadOptions(
                autogenerate_column_names=True, block_size=BLOCK, encoding=encoding.removesuffix("-sig")
            ),
            pyarrow.csv.ParseOptions(delimiter=separator, newlines_in_values=True),
            pyarrow.csv.ConvertOptions(column_types=numbered, strings_can_be_null=False),
        )
    return table.slice(1).rename_columns(names)


def _decoded(table: pa.Table) -> pa.Table:
    """The table without dictionaries, whose values are the cells."""
    coded = {i: field for i, field in enumerate(table.schema) if pa.types.is_dictionary(field.type)}
    for i, field in coded.items():
        table = table.set_column(i, field.name, table.column(i).cast(field.type.value_type))
    return table


def _header(head: str, where: str) -> tuple[list[str], str]:
    """The names, by the separator that makes the most of them; an empty one is called as pandas calls it."""
    text = head.lstrip("\r\n")
    try:
        found = {mark: next(csv.reader(io.StringIO(text, newline=""), delimiter=mark), []) for mark in SEPARATORS}
    except csv.Error as error:
        raise BadInput(where, f"its header cannot be read: {error}", "repair or replace the file") from error
    separator = max(SEPARATORS, key=lambda mark: len(found[mark]))
    if len(found[separator]) < 2:
        problem = f"its first line, {cut(text.split(chr(10))[0])!r}, is no row of names"
        raise BadInput(where, problem, "begin the file with the columns' names, parted by , ; | or a tab")
    return [name.strip() or f"Unnamed: {i}" for i, name in enumerate(found[separator])], separator


def _check_names(names: list[str], where: str) -> None:
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise BadInput(where, f"several columns are called {twice[0]!r}", "give each column a name of its own")
