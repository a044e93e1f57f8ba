"""A table as people have it: every cell is understood as it was meant, or its column and row are named."""

import gzip

import numpy as np
import pandas as pd
import pytest
import torch

from fairray import members
from fairray.data import SPLITS, cell_counts, cell_weights
from fairray.errors import BadInput

ROWS = 400


@pytest.fixture
def plain():
    """Rows with sex, two numbers, a label and a category."""
    rng = np.random.default_rng(0)
    sex = rng.choice(["f", "m"], ROWS)
    a, b = rng.normal(size=ROWS), rng.normal(size=ROWS) + (sex == "m")
    y = (a + b + rng.normal(size=ROWS) > 0.5).astype(int)
    return pd.DataFrame({"sex": sex, "a": a.round(3), "b": b.round(3), "y": y, "c": rng.choice([*"xyz"], ROWS)})


@pytest.fixture
def load(tmp_path):
    """Loads a frame, or a file's text, as a data set; keywords are those of the table."""

    def make(content, name="t.csv", **arguments):
        path = tmp_path / name
        if isinstance(content, pd.DataFrame):
            content.to_parquet(path) if name.endswith("parquet") else content.to_csv(path, index=False)
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        spec = {"name": "table", "path": str(path), "target": "y", "protected": "sex", **arguments}
        return members.build("datasets", spec).load()

    return make


def columns_of(data):
    return {column.name: (column.kind, column.width) for column in data.columns}


def tensors(data):
    return {(part, name): tensor for part in SPLITS for name, tensor in data.split(part).items()}


def assert_equal(first, second):
    """Two data sets that hold the same numbers."""
    pairs = zip(tensors(first).items(), tensors(second).items(), strict=True)
    assert [name for (name, one), (_, other) in pairs if not torch.equal(one, other)] == []
    assert first.fingerprint == second.fingerprint


def notes_of(data):
    return [note for note in data.notes if "few rows" not in note]


# B2, B8, B9, B12, B17: what cannot be used is refused by its name


@pytest.mark.parametrize(
    ("change", "arguments", "says"),
    [
        ({"a": [np.inf, *range(399)]}, {}, "'a' is inf in row 1;"),
        ({"a": [1e300, *range(399)]}, {}, "'a' is 1e\\+300 in row 1; half of its numbers are from"),
        ({"a": [*range(399), 10**9]}, {}, "'a' is 1e\\+09 in row 400"),
        ({"a": ["1e999", *range(399)]}, {}, "'a' is inf in row 1"),
        ({"y": [np.inf, *range(399)]}, {"problem": "regression"}, "'y' is inf in row 1"),
        ({"y": [None, *range(399)]}, {"problem": "regression"}, "1 values are missing, the first in row 1"),
        ({}, {"inputs": ["a", "y"]}, "inputs: y.*'y' is the target too"),
        ({}, {"inputs": ["a", "sex"]}, "'sex' is the protected too.*include_protected: true"),
        ({}, {"protected": "y"}, "'y' is the target too"),
        ({}, {"weights": "y"}, "'y' is the target too"),
        ({}, {"without": ["a", "b", "c"]}, "no column is left to predict from"),
        ({}, {"without": ["d"]}, "without: d.*no column 'd'"),
        ({}, {"where": {"d": "x"}}, "where: d.*no column 'd'"),
        ({}, {"where": {"c": "w"}}, "where.c.*no value 'w'.*there are: x, y, z"),
        ({}, {"where": {"c": "x", "sex": []}}, "no row has all of these values"),
        ({}, {"protected": "a"}, "a.*has 3.. values: .* and 3.. more.*cut numbers"),
        ({}, {"protected": {"c": [1]}}, r"protected\) \(c\).*does not hold numbers"),
        ({}, {"protected": {"a": [1, 0]}}, "rising numbers"),
        ({}, {"protected": {}}, "names no column"),
        ({}, {"weights": "c"}, "weights: c.*non-numeric"),
        ({}, {"weights": "a"}, "row .* weighs -"),
        ({"c": [i % 300 for i in range(400)]}, {"categories": ["c"]}, "'c' has 300 values, at most 200"),
        ({"c": [f"v{i % 300}" for i in range(400)]}, {}, r"'c' has 300 values.*without: \[c\]"),
        ({"c": [*range(300), "oops", *range(99)]}, {}, "'c' is 'oops' in row 301, and a number in most other rows"),
        ({"c": ["2013-01-02"] * 400}, {"inputs": ["c"]}, "dates or times"),
        ({"c": [f"name {i}" for i in range(400)]}, {"inputs": ["c"]}, "another text in nearly every row"),
        ({"sex": [None, *["f", "m"] * 199, "f"]}, {}, "1 of 400 values are missing"),
        ({"sex": ["f"] * 399 + ["?"]}, {}, "1 of 400 values are missing"),
        ({"c": ["train"] * 399 + ["tset"]}, {"split": "c"}, "'tset' is no split"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_named(plain, load, change, arguments, says):
    with pytest.raises(BadInput, match=f"(?s){says}") as error:
        load(plain.assign(**change), **arguments)
    assert len(str(error.value)) < 1500


def test_a_header_that_is_shorter_than_the_rows(plain, load):
    text = plain.to_csv(index=False).replace("sex,a,b,y,c", "sex,a,b,y", 1)
    with pytest.raises(BadInput, match="its first line has 4 names, and a row has 5 values: ") as error:
        load(text)
    assert text.splitlines()[1] in str(error.value)
    with pytest.raises(BadInput, match="several columns are called 'a'"):
        load(text.replace("sex,a,b,y", "sex,a,a,y,c", 1))


# B4, B5: numbers and gaps as people write them


@pytest.mark.parametrize(
    "write",
    [
        lambda v: f"{v:,.3f}",
        lambda v: f"{v:.3f}".replace(".", ","),
        lambda v: f"{v:,.3f}".translate(str.maketrans(",.", ".,")),
        lambda v: f"{v:,.3f}".replace(",", " "),
        lambda v: f"{'-' * (v < 0)}${abs(v):,.3f}",
        lambda v: f"{v:.3f} €",
        lambda v: f"{v:.3f}%",
        lambda v: f" {v:.3f} ",
        lambda v: f"{v:+.5e}",
    ],
)
def test_numbers_as_people_write_them(plain, load, write):
    plain["a"] = (1000 * plain["a"]).round(3)
    expected = load(plain)
    written = load(plain.assign(a=plain["a"].map(write)))
    assert_equal(written, expected)
    is_plain = write(-1234.5).strip() in ("-1234.500", "-1.23450e+03")
    assert any("is read as numbers" in note for note in written.notes) is not is_plain


@pytest.mark.parametrize("mark", ["", "?", "NA", "n/a", "nan", "NULL", "none", "Unknown", "-", "#N/A", "-9", "-9.0"])
def test_a_gap_among_numbers_is_the_mean_and_an_input_says_so(plain, load, mark):
    a = plain["a"].astype(object)
    a[::7] = mark
    data = load(plain.assign(a=a), inputs=["a"], missing=[-9])
    assert columns_of(data) == {"a": ("number", 2)}
    for part in SPLITS:
        gap = data.split(part)["id"] % 7 == 0
        x = data.split(part)["x"]
        assert x[:, 1].tolist() == gap.float().tolist()
        assert not x[gap, 0].any()
    seen = data.train["x"][data.train["id"] % 7 != 0, 0]
    assert (seen.mean().item(), seen.std(correction=0).item()) == pytest.approx((0, 1), abs=1e-5)


def test_a_gap_among_texts_is_a_category(plain, load):
    data = load(plain.assign(c=["", "?", "NA", "x", "none"] * 80), inputs=["c"])
    assert columns_of(data) == {"c": ("category", 3)}  # missing, none, x


def test_what_stands_in_the_last_rows_only(load):
    rng = np.random.default_rng(1)
    rows = [[*rng.choice([*"01"], 2), *["3"] * 20] for _ in range(20_000)]
    for i in range(5):
        rows[-1 - i][0] = "unknown"
        rows[1 + i][1], rows[-7 - i][1] = "1.0", "0.0"
    frame = pd.DataFrame(rows, columns=["who", "y", *(f"k{i}" for i in range(20))]).assign(a=rng.normal(size=len(rows)))
    data = load(frame, protected="who", where={"who": [0, "1"]})
    assert (data.groups, data.classes) == (("0", "1"), ("0", "1"))
    assert sum(len(data.split(part)["y"]) for part in SPLITS) == 19_995
    with pytest.raises(BadInput, match="group unknown"):
        load(frame, protected="who")


# B6, B11: values that are the same, and values that are not


@pytest.mark.parametrize(
    ("values", "chosen", "classes"),
    [
        (["no", "yes"], True, ("no", "yes")),
        (["no", "yes"], False, ("yes", "no")),
        (["False", "True"], True, ("False", "True")),
        (["f", "t"], True, ("f", "t")),
        (["0.0", "1.0"], 1, ("0.0", "1.0")),
        (["0.0", "1.0"], "1", ("0.0", "1.0")),
        (["0", "1"], 0.0, ("1", "0")),
        ([" <=50K", " >50K"], " >50K", ("<=50K", ">50K")),
    ],
)
def test_equal_values_match_as_the_file_writes_them(plain, load, values, chosen, classes):
    data = load(plain.assign(y=plain["y"].map(dict(enumerate(values)))), positive=chosen)
    assert data.classes == classes
    is_second = classes[1].strip() == values[1].strip()
    assert data.train["y"].tolist() == [int(bool(plain["y"][i]) == is_second) for i in data.train["id"].tolist()]


def test_a_group_that_is_really_called_other(plain, load):
    sex = plain["sex"].where(plain.index % 3 > 0, "other")
    assert load(plain.assign(sex=sex)).groups == ("f", "m", "other")
    data = load(plain.assign(sex=sex), privileged="m")
    assert data.groups == ("not m", "m")
    assert data.train["group"].tolist() == [int(sex[i] == "m") for i in data.train["id"].tolist()]
    assert load(plain.assign(sex=sex.replace("m", "q")), privileged="q").groups == ("not q", "q")


def test_a_group_outside_of_training_is_one(plain, load):
    """Its one row is in validation or test: it counts as not privileged, and is no error."""
    outside = load(plain).test["id"][0].item()
    sex = plain["sex"].mask(plain.index == outside, "q")
    data = load(plain.assign(sex=sex), privileged="m")
    assert data.test["group"][data.test["id"] == outside].tolist() == [0]
    with pytest.raises(BadInput, match=r"train split has no example .*group q"):
        load(plain.assign(sex=sex))


def test_near_equal_spellings_are_said(plain, load):
    data = load(
        plain.assign(sex=plain["sex"].where(plain.index % 3 > 0, plain["sex"].str.upper()), c=["a b", "A-b"] * 200)
    )
    assert data.groups == ("F", "M", "f", "m")
    said = " ".join(data.notes)
    assert "sex has 'F' and 'f', which stay different values" in said
    assert "'c' has 'A-b' and 'a b'" in said


# B8: columns that tell too much, or nothing


def test_columns_that_alone_tell_target_or_group_are_named(plain, load):
    told = plain.assign(copy=1 - plain["y"], female=(plain["sex"] == "f"), word=plain["y"].map({0: "bad", 1: "good"}))
    said = [note for note in load(told).notes if "alone tells" in note]
    assert [note.split(";")[0] for note in said] == [
        "'copy' alone tells y", "'word' alone tells y", "'female' alone tells sex"
    ]  # fmt: skip
    assert not any("alone tells" in note for note in load(plain).notes)
    salary = load(plain.assign(y=plain["a"], twice=2 * plain["a"]), problem="regression")
    assert any("'twice' alone tells y" in note for note in salary.notes)


def test_a_rare_label_is_not_told_by_every_column(plain, load):
    rare = plain.assign(y=(plain.index % 10 == 0).astype(int))
    assert not any("alone tells" in note for note in load(rare).notes)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (range(1000, 1400), "it counts the rows"),
        (np.random.default_rng(0).permutation(400), "it counts the rows"),
        ([7] * 400, "it has the one value 7"),
        (["x"] * 400, "it has the one value 'x'"),
        ([None] * 400, "all of it is missing"),
        ([f"2013-01-{1 + i % 28:02}" for i in range(400)], "it holds dates or times"),
        ([f"{1 + i % 12}/{1 + i % 28}/2013 12:30" for i in range(400)], "it holds dates or times"),
        ([20130101 + i % 28 for i in range(400)], "it holds days, such as 20130101"),
        ([f"person {i}" for i in range(400)], "it is another text in nearly every row"),
    ],
)
def test_what_is_no_input_is_left_out_and_named(plain, load, values, why):
    data = load(plain.assign(extra=[*values]))
    assert f"'extra' is no input: {why}" in data.notes
    assert_equal(data, load(plain))


def test_an_index_that_pandas_wrote_is_no_input(plain, load):
    data = load(plain.to_csv())
    assert notes_of(data) == ["'Unnamed: 0' is no input: it counts the rows"]
    assert_equal(data, load(plain))


def test_an_id_is_left_out_by_its_name_and_doubted_without(plain, load):
    numbers = np.random.default_rng(0).choice(10**6, ROWS, replace=False)
    assert "'case_id' is no input: it is another whole number in every row" in str(
        notes_of(load(plain.assign(case_id=numbers)))
    )
    data = load(plain.assign(wage=numbers))
    assert "'wage' has 400 different whole numbers; if it is an id" in notes_of(data)[0]
    assert columns_of(data)["wage"] == ("number", 1)


# B18: files, splits, where, weights, columns left out


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_separators_ends_and_marks(plain, load, separator, ends):
    text = plain.to_csv(index=False, sep=separator, lineterminator=ends)
    assert_equal(load("\ufeff" + text), load(plain))


def test_files_by_any_name(plain, load, tmp_path, monkeypatch):
    expected = load(plain)
    text = plain.to_csv(index=False).encode()
    assert_equal(load(text, "T.CSV"), expected)
    assert_equal(load(text.replace(b",", b"\t"), "t.tsv"), expected)
    assert_equal(load(gzip.compress(text), "t.csv.gz"), expected)
    assert_equal(load(text.decode().encode("utf-16"), "u.csv"), expected)
    assert_equal(load(plain, "t.parquet"), expected)
    assert_equal(load(plain.astype({"sex": "category", "c": "category"}), "c.parquet"), expected)
    plain.to_feather(tmp_path / "t.arrow")
    assert_equal(load((tmp_path / "t.arrow").read_bytes(), "u.arrow"), expected)
    monkeypatch.setenv("HOME", str(tmp_path))
    spec = {"name": "table", "path": "~/t.tsv", "target": "y", "protected": "sex"}
    assert_equal(members.build("datasets", spec).load(), expected)


def test_a_latin_1_file_is_read_and_said(plain, load):
    data = load(plain.assign(c="café").to_csv(index=False).encode("latin-1"))
    assert "t.csv is no UTF-8, and was read as Latin-1" in data.notes


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("t.xlsx", b"PK", "it ends in '.xlsx'"),
        ("t.parquet", b"no parquet", "cannot be read"),
        ("t.csv.gz", b"no gzip", "cannot be read"),
        ("t.csv", b"", "is no row of names"),
        ("t.csv", b"y\n1\n2\n", "its first line, 'y', is no row of names"),
        ("t.csv", b"y,sex,a\n", "it has 0 values|one value|no column|train on"),
    ],
)
def test_files_that_are_no_tables(load, name, content, says):
    with pytest.raises(BadInput, match=says):
        load(content, name)
    with pytest.raises(BadInput, match="it is an address"):
        members.build(
            "datasets", {"name": "table", "path": "https://x.org/t.csv", "target": "y", "protected": "s"}
        ).load()


def test_rows_by_where(plain, load):
    data = load(plain, where={"c": ["x", "y"]})
    assert "where: 2" in data.notes[0]
    ids = torch.cat([data.split(part)["id"] for part in SPLITS])
    assert sorted(ids.tolist()) == [i for i in range(ROWS) if plain["c"][i] in "xy"]
    assert columns_of(data)["c"] == ("category", 2)


def test_splits_that_are_given(plain, load, tmp_path):
    said = np.array(["Training", "dev", "test"])[np.arange(ROWS) % 3]
    by_column = load(plain.assign(part=said), split="part")
    assert "part" not in columns_of(by_column)
    for name, part in zip(("Training", "dev", "test"), SPLITS, strict=True):
        assert by_column.split(part)["id"].tolist() == np.flatnonzero(said == name).tolist()
        plain[said == name].to_csv(tmp_path / f"{part}.csv", index=False)
    by_file = load((tmp_path / "train.csv").read_bytes(), validation=f"{tmp_path}/val.csv", test=f"{tmp_path}/test.csv")
    for key, tensor in tensors(by_file).items():
        assert key[1] == "id" or torch.equal(tensor, tensors(by_column)[key])
    only_test = load(plain.assign(part=np.where(said == "dev", "train", said)), split="part", validation=0.25)
    assert only_test.test["id"].tolist() == by_column.test["id"].tolist()
    assert len(only_test.val["y"]) == round(0.25 * (said != "test").sum())
    (tmp_path / "test.csv").write_text("y,sex\n1,f\n")
    with pytest.raises(BadInput, match=r"test\.csv: it has no column 'a'"):
        load(plain, test=f"{tmp_path}/test.csv")
    (tmp_path / "test.csv").write_text("y,sex,a,b,c\n1,f,3,inf,x\n")
    with pytest.raises(BadInput, match=r"'b' is inf in row 1 of test\.csv"):
        load(plain, test=f"{tmp_path}/test.csv")


def test_groups_that_are_cut_and_crossed(plain, load):
    data = load(plain, protected={"a": [-1, 1]})
    assert data.groups == ("below -1", "-1 to below 1", "1 and above")
    assert data.train["group"].tolist() == [int(np.digitize(plain["a"][i], [-1, 1])) for i in data.train["id"].tolist()]
    assert "a" not in columns_of(data)
    crossed = load(plain, protected={"sex": None, "a": [0]}, privileged="m, 0 and above")
    assert (crossed.groups, crossed.protected) == (("other", "m, 0 and above"), "sex and a")
    cells = load(plain, protected={"sex": None, "a": [0]})
    assert cells.groups == ("f, below 0", "f, 0 and above", "m, below 0", "m, 0 and above")
    counts = cell_counts(cells.val, 2, 4)
    label, group = divmod(int(counts.argmin()), 4)
    assert f"val has {counts.min()} of (label {label}, group {cells.groups[group]})" in cells.notes[-1]


def test_cut_points_are_inputs_of_the_fingerprint_and_notes_are_not(plain, load):
    quiet, loud = load(plain), load(plain.assign(extra=7))
    assert quiet.notes != loud.notes
    assert quiet.fingerprint == loud.fingerprint
    assert quiet.fingerprint != load(plain, protected={"a": [0]}).fingerprint


def test_weights_are_a_tensor_and_no_input(plain, load):
    data = load(plain.assign(w=plain.index % 5 + 1), weights="w")
    assert "w" not in columns_of(data)
    assert data.train["weight"].mean().item() == pytest.approx(1)
    ratio = data.test["weight"] / (data.test["id"] % 5 + 1)
    assert ratio.std().item() == pytest.approx(0, abs=1e-6)
    assert cell_weights(data.train, 2, 2).sum().item() == pytest.approx(len(data.train["y"]))
    assert load(plain).fingerprint != data.fingerprint


def test_numbers_that_are_names(plain, load):
    coded = plain.assign(k=plain.index % 4)
    assert columns_of(load(coded))["k"] == ("number", 1)
    assert columns_of(load(coded, categories=["k"]))["k"] == ("category", 4)


def test_a_target_that_is_a_number_is_standardised_and_its_unit_kept(plain, load):
    salary = (50_000 + 10_000 * plain["a"]).round(2)
    data = load(plain.assign(y=salary), problem="regression")
    y, ids = data.train["y"].double(), data.train["id"].numpy()
    assert (y.mean().item(), y.std(correction=0).item()) == pytest.approx((0, 1), abs=1e-5)
    assert data.unit == pytest.approx(salary[ids].std(ddof=0))
    assert (data.unit * y + salary[ids].mean()).tolist() == pytest.approx(salary[ids].tolist(), abs=0.1)
