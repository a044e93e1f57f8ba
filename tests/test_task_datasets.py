"""Image sets of several tasks: made here, or written here in miniature in their published layouts."""

from collections import Counter
from datetime import date

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat

from fairray import config, members
from fairray.data import SPLITS
from fairray.datasets import coloured_mnist, digits5k, imdb_wiki
from fairray.errors import BadInput


def load(name, **arguments):
    return members.build("datasets", {"name": name, **arguments}).load()


def everything(data, key):
    return torch.cat([data.split(part)[key] for part in SPLITS])


def number(path, row):
    """An image that is all of one colour, from which its row can be read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (9, 11), (row % 256, row // 256, 77)).save(path, format="png")


def numbers(split):
    x = split["x"].long()
    assert (x == x[:, :, :1, :1]).all()
    assert (x[:, 2] == 77).all()
    return x[:, 0, 0, 0] + 256 * x[:, 1, 0, 0]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FAIRRAY_CACHE", str(tmp_path / "cache"))


COLOURS = ("foreground", "background")


@pytest.fixture(scope="module")
def coloured():
    return load("coloured_mnist")


def nearest(colour, palette):
    distance = torch.cdist(colour.float(), torch.tensor(list(palette.values())).float())
    return distance.argmin(1)


def test_coloured_mnist_has_three_tasks_of_ten_classes(coloured):
    assert [(name, task.column, len(task.classes)) for name, task in coloured.tasks.items()] == [
        ("digit", "y", 10),
        ("foreground", "foreground", 10),
        ("background", "background", 10),
    ]
    assert (coloured.task, coloured.groups, coloured.kind) == ("digit", ("all",), "image")
    assert [len(coloured.split(part)["y"]) for part in SPLITS] == [3000, 1000, 1000]
    assert (coloured.train["x"].shape[1:], coloured.train["x"].dtype) == ((3, 28, 28), torch.uint8)


def test_coloured_mnist_colours_are_independent_of_the_digit_and_of_each_other(coloured):
    for part, copies in zip(SPLITS, (3, 1, 1)):
        columns = [coloured.split(part)[key].tolist() for key in ("y", *COLOURS)]
        assert set(Counter(zip(*columns)).values()) == {copies}
        assert len(Counter(zip(*columns))) == 1000


def test_coloured_mnist_shows_its_labels(coloured):
    for part in SPLITS:
        split = coloured.split(part)
        grey = digits5k._digits()["x"][split["id"]][:, 0]
        ground = split["x"][:, :, 0, 0]
        assert (grey[:, 0, 0] == 0).all()
        brightest = grey.flatten(1).argmax(1)
        ink = split["x"].flatten(2)[torch.arange(len(grey)), :, brightest]
        assert torch.equal(nearest(ground, coloured_mnist.GROUNDS), split["background"])
        assert torch.equal(nearest(ink, coloured_mnist.INKS), split["foreground"])


def test_coloured_mnist_has_the_shape_of_the_digit(coloured):
    split, wanted = coloured.test, digits5k._digits()
    assert torch.equal(split["y"], wanted["y"][split["id"]])
    ink = torch.tensor(list(coloured_mnist.INKS.values()))[split["foreground"]].double()[..., None, None]
    ground = torch.tensor(list(coloured_mnist.GROUNDS.values()))[split["background"]].double()[..., None, None]
    share = ((split["x"] - ground) * (ink - ground)).sum(1) / ((ink - ground) ** 2).sum(1)
    assert (255 * share - wanted["x"][split["id"]][:, 0]).abs().max() < 1.5


def test_no_two_colours_are_alike():
    inks, grounds = (torch.tensor(list(c.values())).float() for c in (coloured_mnist.INKS, coloured_mnist.GROUNDS))
    for palette in (inks, grounds):
        assert len(palette) == 10
        assert torch.pdist(palette).min() > 55
    assert torch.cdist(inks, grounds).min() > 150
    luminance = torch.tensor([0.299, 0.587, 0.114])
    assert (inks @ luminance).min() > 60 + (grounds @ luminance).max()


def test_colours_are_nearly_balanced_where_counts_do_not_divide():
    digit = torch.repeat_interleave(torch.arange(3), torch.tensor([137, 99, 1004]))
    labels = coloured_mnist._colours(digit, torch.Generator().manual_seed(0))
    for value in range(3):
        pairs = torch.stack([labels[key][digit == value] for key in COLOURS])
        for counts in (pairs[0].bincount(minlength=10), pairs[1].bincount(minlength=10)):
            assert counts.max() - counts.min() <= 1
        joint = (10 * pairs[0] + pairs[1]).bincount(minlength=100)
        assert joint.max() - joint.min() <= 1


def test_coloured_mnist_is_the_same_on_every_load_and_drawn_with_its_seed(coloured):
    assert coloured.fingerprint == load("coloured_mnist").fingerprint != load("coloured_mnist", seed=1).fingerprint
    assert sorted(everything(coloured, "id").tolist()) == list(range(5000))


def test_coloured_mnist_any_task_is_target_or_protected(coloured):
    data = load("coloured_mnist", target="background", protected="digit")
    assert list(data.tasks) == ["background", "digit", "foreground"]
    assert data.task == "background ~ digit"
    assert data.classes == tuple(coloured_mnist.GROUNDS)
    for part in SPLITS:
        same, split = coloured.split(part), data.split(part)
        assert torch.equal(split["x"], same["x"])
        assert torch.equal(split["y"], same["background"])
        assert torch.equal(split["group"], same["y"])
        assert torch.equal(split["foreground"], same["foreground"])
        assert set(split) == {"x", "y", "group", "foreground", "id"}
    with pytest.raises(BadInput, match="target and protected are both digit"):
        load("coloured_mnist", protected="digit")
    with pytest.raises(BadInput, match="no folder is given"):
        load("coloured_mnist", source="mnist")


# Faces of each gender (F, M) and pose, and a row of the file for each, in turns as long as there are any.
COUNTS = {("F", "front"): 31, ("F", "turned"): 22, ("F", "side"): 20, ("M", "front"): 40, ("M", "turned"): 24}
COUNTS[("M", "side")] = 27
ASKED = {"genders": ("F", "M"), "poses": ("front", "turned", "side"), "size": (4, 6)}


@pytest.fixture
def dif(tmp_path):
    """Faces whose ids are 1000 + row; the columns stand between others, in another order."""
    folder = tmp_path / "dif"
    cells = [cell for turn in range(40) for cell, count in COUNTS.items() if turn < count]
    lines = [f"{pose},u{row},{1000 + row},0.5,{gender}" for row, (gender, pose) in enumerate(cells)]
    for row in range(len(cells)):
        number(folder / "images" / f"{1000 + row}.jpg", row)
    (folder / "DiF_v1.csv").write_text("\n".join(["pose,url,id,score,gender", *lines, ""]))
    return folder


def rows(folder):
    """(gender, pose) of each row of the file."""
    lines = [line.split(",") for line in (folder / "DiF_v1.csv").read_text().split()[1:]]
    return [(line[4], line[0]) for line in lines]


def cells(data):
    """How many faces each gender and pose have, by split."""
    named = {name: (task.column, task.classes) for name, task in data.tasks.items()}
    return [
        Counter(
            zip(
                *([named[task][1][i] for i in data.split(part)[named[task][0]].tolist()] for task in ("gender", "pose"))
            )
        )
        for part in SPLITS
    ]


def test_dif_is_balanced_over_gender_and_pose(dif):
    data = load("dif", folder=str(dif), **ASKED)
    assert [(name, task.column, task.classes) for name, task in data.tasks.items()] == [
        ("gender", "y", ("F", "M")),
        ("pose", "pose", ("front", "turned", "side")),
    ]
    assert (data.task, data.groups) == ("gender", ("all",))
    for counts, share in zip(cells(data), (14, 2, 4)):
        assert dict(counts) == dict.fromkeys(COUNTS, share)
    for part in SPLITS:
        split = data.split(part)
        assert split["x"].shape[1:] == (3, 4, 6)
        assert torch.equal(numbers(split), split["id"])
        facts = [rows(dif)[i] for i in split["id"].tolist()]
        assert [("F", "M")[i] for i in split["y"].tolist()] == [gender for gender, _ in facts]
        assert [("front", "turned", "side")[i] for i in split["pose"].tolist()] == [pose for _, pose in facts]
    assert len(set(everything(data, "id").tolist())) == 120


def test_dif_can_be_had_whole(dif):
    data = load("dif", folder=str(dif), balanced=False, **ASKED)
    assert sum(cells(data), Counter()) == COUNTS
    assert sorted(everything(data, "id").tolist()) == list(range(164))


def test_dif_is_drawn_with_its_seed(dif):
    first, same, other = (load("dif", folder=str(dif), seed=seed, **ASKED) for seed in (0, 0, 1))
    assert first.fingerprint == same.fingerprint
    assert set(everything(first, "id").tolist()) != set(everything(other, "id").tolist())


def test_dif_splits_are_the_same_whatever_the_roles(dif):
    first = load("dif", folder=str(dif), **ASKED)
    other = load("dif", folder=str(dif), target="pose", protected="gender", **ASKED)
    assert (other.task, list(other.tasks)) == ("pose ~ gender", ["pose", "gender"])
    for part in SPLITS:
        assert torch.equal(first.split(part)["id"], other.split(part)["id"])
        assert torch.equal(first.split(part)["pose"], other.split(part)["y"])
        assert torch.equal(first.split(part)["y"], other.split(part)["group"])


def test_dif_is_balanced_without_the_files_that_cannot_be_used(dif):
    names = {cell: [1000 + i for i, other in enumerate(rows(dif)) if other == cell] for cell in COUNTS}
    for name in names["F", "front"][:25]:
        (dif / "images" / f"{name}.jpg").unlink()
    with pytest.raises(BadInput, match=r"1000.jpg: there is no such file; 25 of 164 files cannot be used"):
        load("dif", folder=str(dif), **ASKED)
    data = load("dif", folder=str(dif), corrupt="skip", validation=0.2, **ASKED)
    assert "25 of 164 files cannot be used" in data.notes[0]
    assert sum(cells(data), Counter()) == dict.fromkeys(COUNTS, 6)
    (dif / "images" / f"{names['F', 'front'][-1]}.jpg").write_text("no image")
    data = load("dif", folder=str(dif), corrupt="skip", validation=0.2, **ASKED)
    assert "it is no whole image" in data.notes[1]
    assert sum(cells(data), Counter()) == dict.fromkeys(COUNTS, 5)
    assert all(torch.equal(numbers(data.split(part)), data.split(part)["id"]) for part in SPLITS)


@pytest.mark.parametrize(
    ("old", "new", "says", "cure"),
    [
        ("gender", "sex", "it has no column gender; expected was a header line with id, gender, pose", "first line"),
        ("pose,url,id,score,gender\n", "", "it has no column id", "which the release does not have"),
        ("0.5,M", "0.5,X", r"\(gender\): row 3 has 'X', expected was one of F, M", r"genders: \[...\]"),
        ("side,", ",", r"\(pose\): row 2 has '', expected was one of front, turned, side", "leave the row out"),
        ("1001,", "1000,", r"\(id\): two rows have the id 1000", "an id of its own"),
    ],
)
def test_dif_files_that_cannot_be_read(dif, old, new, says, cure):
    path = dif / "DiF_v1.csv"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(BadInput, match=f"{says}(?s:.)*{cure}") as error:
        load("dif", folder=str(dif), **ASKED)
    assert error.value.where.startswith(str(path))


@pytest.mark.parametrize(("text", "says"), [("", "cannot be read"), ("id,gender,pose\n", "has no row")])
def test_dif_files_without_content(dif, text, says):
    (dif / "DiF_v1.csv").write_text(text)
    with pytest.raises(BadInput, match=says):
        load("dif", folder=str(dif), **ASKED)
    (dif / "DiF_v1.csv").unlink()
    with pytest.raises(BadInput, match="no such file"):
        load("dif", folder=str(dif), **ASKED)


def test_dif_without_a_combination_cannot_be_balanced(dif):
    path = dif / "DiF_v1.csv"
    path.write_text(
        "".join(line for line in path.read_text().splitlines(True) if line[:4] != "side" or line[-2] != "M")
    )
    with pytest.raises(BadInput, match=r"not every gender \(F, M\) has every pose(?s:.)*balanced: false"):
        load("dif", folder=str(dif), **ASKED)
    assert len(everything(load("dif", folder=str(dif), balanced=False, **ASKED), "id")) == 164 - 27


def datenum(day):
    """What MATLAB's datenum gives: days since 31 December of the year before 0."""
    return day.toordinal() + 366


NAN, INF = float("nan"), float("inf")
# What is wrong with each: no face, two faces, gender unknown, not born yet, too old, a birthday in the year 0.
UNUSABLE = [
    (datenum(date(1970, 1, 1)), 2000, 1, -INF, NAN),
    (datenum(date(1970, 1, 1)), 2000, 1, 3.5, 1.2),
    (datenum(date(1970, 1, 1)), 2000, NAN, 3.5, NAN),
    (datenum(date(2001, 1, 1)), 2000, 0, 3.5, NAN),
    (datenum(date(1899, 7, 1)), 2000, 0, 3.5, NAN),
    (47, 2000, 0, 3.5, NAN),
]


def write(folder, part, faces, leave_out=()):
    """part.mat as published; each face is (dob, photo_taken, gender, face_score, second_face_score)."""
    columns = list(zip(*faces))
    names = np.empty((1, len(faces)), object)
    names[0] = [f"{row % 100:02}/{row}_{face[1]}.jpg" for row, face in enumerate(faces)]
    boxes = np.empty((1, len(faces)), object)
    boxes[0] = [np.array([[1.0, 1.0, 9.0, 9.0]])] * len(faces)
    fields = {
        "dob": np.array([columns[0]], np.int32),
        "photo_taken": np.array([columns[1]], np.uint16),
        "full_path": names,
        "gender": np.array([columns[2]], float),
        "name": names,
        "face_location": boxes,
        "face_score": np.array([columns[3]], float),
        "second_face_score": np.array([columns[4]], float),
    }
    for name in leave_out:
        del fields[name]
    (folder / f"{part}_crop").mkdir(parents=True, exist_ok=True)
    savemat(folder / f"{part}_crop" / f"{part}.mat", {part: fields})
    return names[0]


@pytest.fixture
def wiki(tmp_path):
    """Ten faces of every gender and age 4, 14, ... 94, between unusable ones that have no image."""
    folder = tmp_path / "imdb-wiki"
    usable = [
        (datenum(date(1995 - age, 12, 24)), 2000, i % 2, 5.0, NAN) for i in range(20) for age in range(0, 100, 10)
    ]
    faces = [*UNUSABLE[:3], *usable, *UNUSABLE[3:]]
    for row, name in enumerate(write(folder, "wiki", faces)):
        if 3 <= row < 203:
            number(folder / "wiki_crop" / name, row)
    return folder


def test_ages_are_completed_years_on_1_july():
    # The first three are the first rows of the published wiki.mat, whose files' names give the dates.
    born = [723671, 703186, 711677]
    days = [date(1981, 5, 5), date(1925, 4, 4), date(1948, 7, 3)]
    assert born == [datenum(day) for day in days]
    edges = [date(1970, 6, 30), date(1970, 7, 1), date(1970, 7, 2), date(1972, 2, 29), date(2000, 7, 1)]
    dob = np.array([*born, *map(datenum, edges)], np.int32)
    taken = np.array([2009, 1964, 2008, 2005, 2005, 2005, 1972, 2000], np.uint16)
    assert imdb_wiki._age(dob, taken).tolist() == [28, 39, 59, 35, 35, 34, 0, 0]


def test_wiki_keeps_faces_whose_labels_can_be_trusted(wiki):
    data = load("imdb_wiki", folder=str(wiki), size=(5, 4))
    assert [(name, task.column) for name, task in data.tasks.items()] == [("gender", "y"), ("age", "age")]
    assert (data.task, data.classes, data.groups) == ("gender", ("female", "male"), ("all",))
    assert data.others["age"] == (*(f"{i}0-{i}9" if i else "0-9" for i in range(9)), "90 or older")
    assert [len(data.split(part)["y"]) for part in SPLITS] == [140, 20, 40]
    assert sorted(everything(data, "id").tolist()) == list(range(3, 203))
    for part, copies in zip(SPLITS, (7, 1, 2)):
        split = data.split(part)
        assert split["x"].shape[1:] == (3, 5, 4)
        assert torch.equal(numbers(split), split["id"])
        assert torch.equal(split["age"], (split["id"] - 3) % 10)
        assert torch.equal(split["y"], (split["id"] - 3) // 10 % 2)
        assert (torch.bincount(2 * split["age"] + split["y"]) == copies).all()


def test_wiki_any_task_is_target_or_protected(wiki):
    first = load("imdb_wiki", folder=str(wiki))
    data = load("imdb_wiki", folder=str(wiki), target="age", protected="gender")
    assert (data.task, list(data.tasks), data.outputs) == ("age ~ gender", ["age", "gender"], 10)
    for part in SPLITS:
        assert torch.equal(data.split(part)["id"], first.split(part)["id"])
        assert torch.equal(data.split(part)["y"], first.split(part)["age"])
        assert torch.equal(data.split(part)["group"], first.split(part)["y"])
    assert first.fingerprint == load("imdb_wiki", folder=str(wiki)).fingerprint
    assert first.fingerprint != load("imdb_wiki", folder=str(wiki), seed=1).fingerprint


def test_imdb_is_the_other_part(wiki):
    faces = [(datenum(date(1950, 1, 1)), 2000, i % 2, 1.0, NAN) for i in range(20)]
    faces += [(datenum(date(1990 - 10 * i, 1, 1)), 2000, 0, 1.0, NAN) for i in range(10) for _ in range(10)]
    for row, name in enumerate(write(wiki, "imdb", faces)):
        number(wiki / "imdb_crop" / name, row)
    data = load("imdb_wiki", folder=str(wiki), part="imdb")
    assert len(everything(data, "id")) == 120
    with pytest.raises(BadInput, match=r"no example of the subgroup \(label 0-9, group female\)"):
        load("imdb_wiki", folder=str(wiki), part="imdb", target="age", protected="gender")


def test_a_missing_face_is_named_or_left_out(wiki):
    next((wiki / "wiki_crop").rglob("50_2000.jpg")).unlink()
    (wiki / "wiki_crop" / "07" / "7_2000.jpg").write_bytes(b"no image")
    with pytest.raises(BadInput, match=r"7_2000.jpg: it is no whole image: .*; 2 of 200 files"):
        load("imdb_wiki", folder=str(wiki))
    data = load("imdb_wiki", folder=str(wiki), corrupt="skip")
    assert "2 of 200 files cannot be used" in data.notes[0]
    assert sorted(everything(data, "id").tolist()) == [i for i in range(3, 203) if i not in (7, 50)]
    assert all(torch.equal(numbers(data.split(part)), data.split(part)["id"]) for part in SPLITS)


@pytest.mark.parametrize(
    ("faces", "leave_out", "says"),
    [
        ([(720_000, 2000, 2, 1.0, NAN)], (), r"\(gender\): it has the value 2, expected were 0, 1 and NaN"),
        (UNUSABLE, (), "none of its 6 rows has one face, a known gender and an age from 0 to 100"),
        (UNUSABLE, ["dob"], "it is no struct wiki with dob, .*no field of name dob"),
        (UNUSABLE, ["full_path"], "no field of name full_path"),
    ],
)
def test_wiki_files_that_are_not_the_published_ones(wiki, faces, leave_out, says):
    write(wiki, "wiki", faces, leave_out)
    with pytest.raises(BadInput, match=says) as error:
        load("imdb_wiki", folder=str(wiki))
    assert error.value.where.startswith(str(wiki / "wiki_crop" / "wiki.mat"))


@pytest.mark.parametrize("content", [b"", b"no matrix", b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM" + b"\0" * 200])
def test_a_file_that_is_no_matrix_is_refused(wiki, content):
    path = wiki / "wiki_crop" / "wiki.mat"
    path.write_bytes(content)
    with pytest.raises(BadInput, match="it is no struct wiki"):
        load("imdb_wiki", folder=str(wiki))
    path.unlink()
    with pytest.raises(BadInput, match=r"wiki.mat: there is no such file"):
        load("imdb_wiki", folder=str(wiki))


@pytest.mark.parametrize("name", ["dif", "imdb_wiki"])
def test_a_folder_that_is_not_given_or_not_there(name, tmp_path):
    with pytest.raises(BadInput, match="no folder is given"):
        load(name)
    with pytest.raises(BadInput, match="no such folder"):
        load(name, folder=str(tmp_path / "nowhere"))


@pytest.mark.parametrize("name", ["coloured_mnist", "dif", "imdb_wiki"])
def test_a_study_may_name_them(name):
    study = config.load("bade_benchmarks", "smoke", [f"tasks.Adult={name}", "tasks.Adult.seed=3"])
    assert members.label(study.tasks["Adult"]) == name
    with pytest.raises(BadInput, match="protected"):
        config.load("bade_benchmarks", "smoke", [f"tasks.Adult={name}", "tasks.Adult.protected=shape"])
