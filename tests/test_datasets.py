import pandas as pd
import pytest
import torch

from fairray import members
from fairray.data import cell_counts
from fairray.errors import BadInput


def load(name, **arguments):
    return members.build("datasets", {"name": name, **arguments}).load()


def rate(split, group):
    return split["y"][split["group"] == group].double().mean().item()


def test_adult_is_the_published_one():
    data = load("adult")
    assert (len(data.train["y"]) + len(data.val["y"]), len(data.test["y"])) == (32_561, 16_281)
    positives = [int(part["y"].sum()) for part in (data.train, data.val, data.test)]
    assert (positives[0] + positives[1], positives[2]) == (7_841, 3_846)
    everyone = {key: torch.cat([s[key] for s in (data.train, data.val, data.test)]) for key in ("y", "group")}
    assert data.groups == ("Female", "Male")
    assert rate(everyone, 1) == pytest.approx(0.304, abs=5e-4)
    assert rate(everyone, 0) == pytest.approx(0.109, abs=5e-4)


def test_adult_splits_are_disjoint_and_seeded():
    first, same, other = load("adult"), load("adult"), load("adult", seed=1)
    ids = [set(part["id"].tolist()) for part in (first.train, first.val, first.test)]
    assert len(set.union(*ids)) == sum(map(len, ids)) == 48_842
    assert first.fingerprint == same.fingerprint != other.fingerprint
    shuffled = load("adult", split="random")
    assert len(shuffled.test["y"]) == pytest.approx(48_842 / 3, abs=1)


def test_adult_hides_the_protected_attribute_unless_asked():
    data, asked = load("adult"), load("adult", include_protected=True)
    assert asked.train["x"].shape[1] == data.train["x"].shape[1] + 2
    numbers = data.train["x"][:, 0]
    assert numbers.mean().item() == pytest.approx(0, abs=1e-4)
    assert numbers.std().item() == pytest.approx(1, abs=1e-3)


def test_adult_race():
    data = load("adult", protected="race", privileged="White")
    assert (data.groups, data.task) == (("other", "White"), "income ~ race")
    assert len(load("adult", protected="race", validation=0.3).groups) == 5


def test_meps_is_the_published_one(meps_folder):
    data = load("meps", folder=str(meps_folder))
    assert [len(part["y"]) for part in (data.train, data.val, data.test)] == [11_362, 1_200, 3_168]
    assert cell_counts(data.train, 2, 2).T.tolist() == [[6347, 916], [3054, 1045]]
    assert data.train["x"].shape[1] == 137


def test_toy_has_the_bias_asked_for():
    data = load("toy", bias=0.8, size=20_000)
    agrees = (data.train["y"] == data.train["group"]).double().mean().item()
    assert agrees == pytest.approx(0.8, abs=0.015)
    assert (data.test["y"] == data.test["group"]).double().mean().item() == pytest.approx(0.5, abs=0.03)


@pytest.fixture
def frame():
    n = 240
    return pd.DataFrame(
        {
            "income": [i % 7 for i in range(n)],
            "city": [("a", "b", "c")[i % 3] for i in range(n)],
            "sex": [("f", "m")[i // 2 % 2] for i in range(n)],
            "hired": [("no", "yes")[i % 2] for i in range(n)],
        }
    )


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_table_reads_files(frame, tmp_path, suffix):
    path = tmp_path / f"jobs{suffix}"
    frame.to_csv(path, index=False) if suffix == ".csv" else frame.to_parquet(path)
    data = load("table", path=str(path), target="hired", protected="sex")
    assert (data.name, data.classes, data.groups) == ("jobs", ("no", "yes"), ("f", "m"))
    assert data.train["x"].shape == (144, 4)  # income, and three cities
    one = load("table", path=str(path), target="hired", protected="sex", inputs=("income",), positive="no")
    assert (one.train["x"].shape[1], one.classes) == (1, ("yes", "no"))


@pytest.mark.parametrize(
    ("change", "arguments", "says"),
    [
        ({}, {"target": "hird"}, "did you mean 'hired'"),
        ({}, {"protected": "gender"}, "no column 'gender'"),
        ({"sex": "f"}, {}, "the one value 'f'"),
        ({}, {"target": "city"}, "3 values, two were expected"),
        ({}, {"target": "city", "positive": "z"}, "no value 'z'"),
        ({"income": float("inf")}, {}, "'income' is inf in row 1"),
        ({"hired": None}, {}, "values are missing"),
        ({}, {"validation": 0.6, "test": 0.5}, "no row is left"),
    ],
)
def test_table_says_what_is_wrong(frame, tmp_path, change, arguments, says):
    path = tmp_path / "jobs.csv"
    frame.assign(**change).to_csv(path, index=False)
    with pytest.raises(BadInput, match=says) as error:
        load("table", **{"path": str(path), "target": "hired", "protected": "sex", **arguments})
    assert error.value.cure


def test_a_file_that_is_no_table(tmp_path):
    path = tmp_path / "jobs.parquet"
    path.write_bytes(b"not parquet")
    with pytest.raises(BadInput, match="cannot be read"):
        load("table", path=str(path), target="a", protected="b")


def test_an_empty_subgroup_is_named(frame, tmp_path):
    path = tmp_path / "jobs.csv"
    frame.assign(sex=frame["hired"].map({"yes": "m", "no": "f"})).to_csv(path, index=False)
    with pytest.raises(BadInput, match=r"no example of the subgroup \(label no, group m\)"):
        load("table", path=str(path), target="hired", protected="sex")
