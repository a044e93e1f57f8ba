"""Any text file is a table, or one clear error: never a traceback, and never a table without rows."""

import string

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fairray.data import SPLITS
from fairray.datasets.table import Table
from fairray.errors import BadInput

QUICK = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))

numbers = st.one_of(
    st.integers(), st.floats(), st.sampled_from(["1,234", "$5", "7%", "1e999", "-inf", "0x1", "1_0", "+-5"])
)
words = st.one_of(
    st.sampled_from(["", "?", "NA", "None", "unknown", "Male", "male", "2013-01-02", "True", "yes", " a "]),
    st.text(string.printable, max_size=6),
    st.text(max_size=4),
)
kinds = st.sampled_from([numbers, words, st.sampled_from("ab"), st.integers(0, 1), st.integers(0, 10**9)])


@st.composite
def tables(draw):
    """Names and rows of mixed kinds, with a target and a protected attribute that may serve."""
    columns = draw(st.lists(kinds, min_size=1, max_size=4))
    header = ["y", "who", *draw(st.lists(st.text(max_size=5), min_size=len(columns), max_size=len(columns)))]
    row = st.tuples(st.sampled_from("01"), st.sampled_from("ab"), *columns)
    least = draw(st.sampled_from([0, 40]))  # forty rows fill every subgroup of every split now and then
    return header, draw(st.lists(row, min_size=least, max_size=60))


def write(path, header, rows, separator):
    def quote(value):
        text = str(value)
        special = any(mark in text for mark in (separator, '"', "\n", "\r"))
        return '"' + text.replace('"', '""') + '"' if special else text

    lines = [separator.join(map(quote, line)) for line in (header, *rows)]
    path.write_text("\n".join(lines), encoding="utf-8", errors="replace", newline="")


def try_to_load(path, **arguments):
    """A table whose splits all have rows, with finite numbers, or a short error with a cure; nothing else."""
    try:
        data = Table(**{"path": path, "target": "y", "protected": "who", **arguments}).load()
    except BadInput as error:
        said = error
    else:
        assert all(len(data.split(part)["y"]) for part in SPLITS)
        assert all(data.split(part)["x"].isfinite().all() for part in SPLITS)
        return data
    assert said.cure
    assert len(str(said)) < 5000
    return None


@QUICK
@given(table=tables(), separator=st.sampled_from(",;\t|"))
def test_columns_of_mixed_kinds(tmp_path_factory, table, separator):
    path = tmp_path_factory.getbasetemp() / "t.csv"
    write(path, *table, separator)
    try_to_load(path)


@QUICK
@given(text=st.one_of(st.binary(max_size=200), st.text('ab01,;\n"?.', max_size=80).map(str.encode)))
def test_files_of_anything(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "t.csv"
    path.write_bytes(b"y,who,a\n" + text if text[:1] != b"y" else text)
    try_to_load(path)


@QUICK
@given(table=tables(), roles=st.tuples(kinds, kinds), problem=st.sampled_from(["binary", "multiclass", "regression"]))
def test_any_column_may_be_asked_for(tmp_path_factory, table, roles, problem):
    path = tmp_path_factory.getbasetemp() / "t.csv"
    header, rows = table
    write(path, header, rows, ",")
    try_to_load(path, target=header[-1], protected=header[-2], problem=problem)
    try_to_load(path, protected={header[-1]: (0.5,), "who": None}, weights=header[-2], problem=problem)


def test_the_property_has_tables_that_load(tmp_path):
    rows = [(i % 2, "ab"[i // 2 % 2], i * 37 % 101) for i in range(100)]
    write(tmp_path / "t.csv", ["y", "who", "a"], rows, ",")
    assert try_to_load(tmp_path / "t.csv")
