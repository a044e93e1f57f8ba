"""A study from a data frame: the same as from a file, with values by its rows that can be saved."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

import fairray
from fairray import frames
from fairray.errors import BadInput
from fairray.trial import dataset

SMALL = {"seeds": 2, "training": {"epochs": 1}, "network": {"name": "mlp", "units": 4, "depth": 1}}


def people(rows=300, **columns):
    random = np.random.default_rng(0)
    sex, skill = random.choice(["f", "m"], rows), random.normal(size=rows)
    table = {"sex": sex, "skill": skill, "town": random.choice(["a", "b", None], rows)}
    table["hired"] = np.where(skill + (sex == "m") + random.normal(size=rows) > 0.5, "yes", "no")
    return pd.DataFrame(table | {name: make(random, rows) for name, make in columns.items()})


@pytest.fixture
def make(tmp_path):
    def make(frame, **keys):
        given = {"target": "hired", "protected": "sex", "output": tmp_path, "quiet": True, **SMALL, **keys}
        return fairray.from_frame(frame, **given)

    return make


def test_three_lines(tmp_path, capsys):
    keys = {**SMALL, "methods": ["standard"], "output": tmp_path}
    study = fairray.from_frame(people(), target="hired", protected="sex", **keys)
    assert "2 seeds, 2 splits of the data" in capsys.readouterr().out
    results = study.run(quiet=True)
    assert results.plot().axes
    assert [*results.table("eacc")["n"]] == [2]
    assert (study.launch.executor, study.launch.tracking) == ("local", "none")


def test_a_frame_is_read_as_its_file_is(make, tmp_path):
    frame = people(years=lambda random, rows: random.integers(30, size=rows))
    path = tmp_path / "people.csv"
    frame.to_csv(path, index=False)
    (member,) = make(frame).tasks.values()
    from_file = {"name": "table", "path": path, "target": "hired", "protected": "sex", "validation": 0.2, "test": 0.4}
    ours, theirs = dataset(member), dataset(from_file)
    assert ours.columns == theirs.columns
    for split in ("train", "val", "test"):
        for name, tensor in ours.split(split).items():
            torch.testing.assert_close(tensor, theirs.split(split)[name], rtol=1e-6, atol=1e-6)


class Foreign:
    """A frame of some other library, which gives its columns as arrow does."""

    def __init__(self, frame):
        self.table = pa.Table.from_pandas(frame)

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


def test_equal_frames_are_one_file_and_one_study(make, tmp_path):
    first, index = make(people()), make(people().set_index(np.arange(300) + 7))
    arrow, foreign = make(pa.Table.from_pandas(people())), make(Foreign(people()))
    assert first.tasks == index.tasks == arrow.tasks == foreign.tasks != make(people(301)).tasks
    assert len([*(tmp_path / "frames").iterdir()]) == 2
    assert first.uid == arrow.uid


def test_what_was_chosen_can_be_saved_and_changed(make, tmp_path):
    study = make(people(), training={"epochs": 3}, seeds=4, launch="local")
    again = fairray.load(study.save(tmp_path / "mine.yaml"))
    assert [arm.corner.uid for arm in again.arms()] == [arm.corner.uid for arm in study.arms()]
    assert [*study.methods] == ["standard", "undersampling", "reweighing", "adversarial", "bade"]
    assert (study.training.corner["epochs"], study.seeds, study.splits) == (3, 4, 4)
    assert study.launch.folder == tmp_path


def test_methods_that_cannot_serve_the_data_are_left_out_and_told(make, capsys):
    frame = people(region=lambda random, rows: random.choice(["n", "s", "w"], rows))
    study = make(frame, protected="region", quiet=False)
    assert [*study.methods] == ["standard", "undersampling", "reweighing", "adversarial"]
    assert "left out: bade: " in capsys.readouterr().out
    with pytest.raises(BadInput, match="bade"):  # asked for, it is not left out silently
        make(frame, protected="region", methods=["standard", "bade"])


def test_the_user_s_own_split_is_drawn_once(make):
    frame = people(part=lambda random, rows: np.repeat(["train", "validation", "test"], rows // 3))
    study = make(frame, split="part", methods=["standard"])
    assert study.splits == 1
    assert len(dataset(study.tasks["hired"]).test["y"]) == 100
    assert make(frame, test=0.3, methods=["standard"]).splits == 2


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (["no", "yes"], "binary"),
        ([0, 1], "binary"),
        ([True, False], "binary"),
        ([1, 2, 3], "multiclass"),
        ([*map(str, range(100))], "regression"),
        ([*"abcdefghijklmnopqrstuvwxyz"], "multiclass"),
        (np.linspace(0, 1, 50), "regression"),
    ],
)
def test_the_problem_is_told_by_the_target(values, problem):
    assert frames.find_problem(pa.chunked_array([pa.array(values)])) == problem


def test_of_few_rows_more_seeds_and_a_larger_test_split(tmp_path):
    few, many = frames.choose_values(300, "binary"), frames.choose_values(30_000, "binary")
    assert few["seeds"] > many["seeds"]
    assert few["network"]["units"] < many["network"]["units"]
    tables = [pa.table({"y": [*range(rows)]}) for rows in (500, 5_000)]
    assert [frames.describe(table, "y", "a", tmp_path, {})["test"] for table in tables] == [0.4, 0.2]


@pytest.mark.parametrize(
    ("frame", "keys", "says"),
    [
        (3, {}, "frame: it cannot be read"),
        (pd.DataFrame({"a": [1, "x", 2.5]}), {}, "frame: it cannot be read: .*a"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), {}, "frame: it cannot be read: .*[Dd]uplicate"),
        (people(), {"target": "hire"}, "target: there is no column 'hire'\n.*did you mean 'hired'"),
        (people(), {"protected": "sx"}, "there is no column 'sx'"),
        (people(), {"sedes": 3}, r"argument \(sedes\): there is no key"),
    ],
)
def test_a_frame_that_cannot_be_used_is_told(make, frame, keys, says):
    with pytest.raises(BadInput, match=says):
        make(frame, **keys)
