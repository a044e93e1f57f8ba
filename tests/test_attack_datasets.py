"""Photographs for attacks in miniature: ImageNet-Compatible as published, and folders of one's own."""

import numpy as np
import pytest
import torch
from PIL import Image

from fairray import members
from fairray.data import SPLITS
from fairray.datasets._imagenet import CLASSES
from fairray.errors import BadInput

LABELS = [1, 208, 1000, 345, 2, 1, 7, 9, 500, 501]  # the csv's, from 1
COLUMNS = "ImageId,URL,x1,y1,x2,y2,TrueLabel,TargetClass,OriginalLandingURL,License,Author,AuthorProfileURL"
SUFFIXES = ("jpg", "PNG", "jpeg", "webp", "bmp")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FAIRRAY_CACHE", str(tmp_path / "cache"))


def load(name, **arguments):
    return members.build("datasets", {"name": name, **arguments}).load()


def ids(data):
    return [data.split(part)["id"].tolist() for part in SPLITS]


def paint(path, colour, size=(13, 11)):
    """An image of one colour. size: width and height."""
    Image.new("RGB", size, colour).save(path)


@pytest.fixture
def published(tmp_path):
    """Ten images, whose red is ten times their row; some of their names look like numbers."""
    folder = tmp_path / "photos"
    (folder / "images").mkdir(parents=True)
    rows = []
    for i, label in enumerate(LABELS):
        name = f"00{i}" if i % 2 else f"{i}e5"
        paint(folder / "images" / f"{name}.png", (10 * i, 40, 200))
        rows.append(
            f"{name},https://x.org/{i}.jpg,0.0,0.25,1.0,0.75,{label},7,https://x.org/{i},CC,Ann,https://x.org/a"
        )
    (folder / "images.csv").write_text("\n".join([COLUMNS, *rows, ""]))
    return folder


def change(folder, *pair):
    path = folder / "images.csv"
    before = path.read_text()
    assert pair[0] in before
    path.write_text(before.replace(*pair, 1))


def test_labels_count_from_0_and_ids_are_the_csv_s_rows(published):
    data = load("imagenet_compatible", folder=str(published), size=(6, 4))
    assert ids(data) == [[], [], list(range(10))]
    assert data.test["y"].tolist() == [label - 1 for label in LABELS]
    assert data.test["x"].shape == (10, 3, 6, 4)
    assert data.test["x"].dtype == torch.uint8
    for channel, colour in enumerate((10 * data.test["id"], torch.full((10,), 40), torch.full((10,), 200))):
        assert torch.equal(data.test["x"][:, channel].long(), colour[:, None, None].expand(10, 6, 4))
    assert (data.outputs, data.groups, data.kind, data.problem) == (1000, ("all",), "image", "multiclass")
    assert data.shape == (3, 6, 4)


def test_pixels_at_their_own_size_are_the_file_s(published, tmp_path):
    pixels = np.random.default_rng(0).integers(256, size=(299, 299, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(published / "images" / "001.png")
    x = load("imagenet_compatible", folder=str(published), rows=(1, 2)).test["x"]
    assert np.array_equal(x[0].permute(1, 2, 0).numpy(), pixels)


def test_rows_are_a_part_of_the_csv(published):
    data = load("imagenet_compatible", folder=str(published), rows=(3, 7), size=(2, 2))
    assert data.test["id"].tolist() == [3, 4, 5, 6]
    assert data.test["y"].tolist() == [344, 1, 0, 6]
    assert data.test["x"][:, 0, 0, 0].tolist() == [30, 40, 50, 60]
    beyond = load("imagenet_compatible", folder=str(published), rows=(8, 100), size=(2, 2))
    assert beyond.test["id"].tolist() == [8, 9]


@pytest.mark.parametrize("rows", [(10, 20), (4, 4), (5, 3)])
def test_rows_without_an_image_are_refused(published, rows):
    with pytest.raises(BadInput, match=f"rows {rows[0]} to {rows[1]} of 10 were asked for") as error:
        load("imagenet_compatible", folder=str(published), rows=rows)
    assert error.value.where == f"{published / 'images.csv'} (rows)"


def test_validation_is_a_seeded_share(published):
    first, same, other = (
        load("imagenet_compatible", folder=str(published), validation=0.4, seed=seed, size=(2, 2)) for seed in (0, 0, 1)
    )
    train, val, test = ids(first)
    assert (train, len(val), sorted(val + test)) == ([], 4, list(range(10)))
    assert ids(same) == ids(first) != ids(other)
    for part in ("val", "test"):
        split = first.split(part)
        assert split["y"].tolist() == [LABELS[i] - 1 for i in split["id"].tolist()]
        assert torch.equal(split["x"][:, 0, 0, 0], 10 * split["id"])


def test_the_training_split_is_empty_but_has_a_shape(published):
    data = load("imagenet_compatible", folder=str(published), size=(6, 4))
    assert {name: len(column) for name, column in data.train.items()} == {"x": 0, "y": 0, "group": 0, "id": 0}
    assert data.fingerprint == load("imagenet_compatible", folder=str(published), size=(6, 4)).fingerprint


@pytest.mark.parametrize(
    ("pair", "says"),
    [
        (("TrueLabel", "Label"), "it has no column TrueLabel; there are ImageId, URL, x1"),
        (("ImageId", "Id"), "it has no column ImageId"),
        ((",1000,7,", ",1001,7,"), "row 3 has ImageId 2e5 and TrueLabel 1001; .* a class from 1 to 1000"),
        ((",208,7,", ",0,7,"), "row 2 has ImageId 001 and TrueLabel 0"),
        ((",208,7,", ",dog,7,"), "row 2 has ImageId 001 and TrueLabel dog"),
        ((",208,7,", ",,7,"), "row 2 has ImageId 001 and TrueLabel nan"),
        ((",208,7,", ",2.5,7,"), "row 2 has ImageId 001 and TrueLabel 2.5"),
        (("001,", ","), "row 2 has ImageId nan"),
        (("0.25", '"0.25'), "it is no csv"),
    ],
)
def test_a_csv_that_is_not_the_published_one_is_named(published, pair, says):
    change(published, *pair)
    with pytest.raises(BadInput, match=says) as error:
        load("imagenet_compatible", folder=str(published))
    assert error.value.where == str(published / "images.csv")
    assert "as published" in error.value.cure


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00\x80"])
def test_what_is_no_csv_is_named(published, content):
    (published / "images.csv").write_bytes(content)
    with pytest.raises(BadInput, match="it is no csv"):
        load("imagenet_compatible", folder=str(published))


def test_what_is_not_there_is_named(published, tmp_path):
    with pytest.raises(BadInput, match=r"\(folder\): no folder is given"):
        load("imagenet_compatible")
    with pytest.raises(BadInput, match="there is no such folder") as error:
        load("imagenet_compatible", folder=str(tmp_path / "none"))
    assert error.value.where == str(tmp_path / "none")
    (published / "images" / "003.png").unlink()
    with pytest.raises(BadInput, match=r"003.png: there is no such file; 1 of 10 files"):
        load("imagenet_compatible", folder=str(published))
    (published / "images.csv").unlink()
    with pytest.raises(BadInput, match=r"images.csv: there is no such file"):
        load("imagenet_compatible", folder=str(published))


def test_a_broken_image_is_named_or_left_out_with_its_label(published):
    path = published / "images" / "003.png"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(BadInput, match=r"it is no whole image: .*; 1 of 10 files") as error:
        load("imagenet_compatible", folder=str(published))
    assert error.value.where == str(path)
    data = load("imagenet_compatible", folder=str(published), corrupt="skip", size=(2, 2))
    assert ["003.png: it is no whole image" in note for note in data.notes] == [True]
    assert data.test["id"].tolist() == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert data.test["y"].tolist() == [label - 1 for i, label in enumerate(LABELS) if i != 3]
    assert torch.equal(data.test["x"][:, 0, 0, 0], 10 * data.test["id"])


def test_the_classes_are_imagenet_s_in_the_order_of_its_models():
    assert len(CLASSES) == 1000
    known = {0: "tench", 1: "goldfish", 207: "golden retriever", 281: "tabby", 985: "daisy", 999: "toilet tissue"}
    assert {i: CLASSES[i] for i in known} == known


@pytest.fixture
def own(tmp_path):
    """Ten images each of apples and zebras, whose red is 10 times their place, and a file beside the folders."""
    folder = tmp_path / "own"
    for k, name in enumerate(("apple", "zebra")):
        (folder / name).mkdir(parents=True)
        for i in range(10):
            paint(folder / name / f"{i}.{SUFFIXES[i % 5]}", (10 * (10 * k + i), 0, 255 * k))
    (folder / "apple" / "notes.txt").write_text("no image")
    (folder / "read.png").write_text("in no folder")
    return folder


def test_folders_are_classes_and_ids_count_the_images(own):
    data = load("image_folder", folder=str(own), size=(3, 2))
    assert data.classes == ("apple", "zebra")
    assert sorted(i for part in ids(data) for i in part) == list(range(20))
    for part, size in zip(SPLITS, (14, 2, 4)):
        split = data.split(part)
        assert torch.bincount(split["y"]).tolist() == [size // 2] * 2
        assert split["x"].shape == (size, 3, 3, 2)
        assert torch.equal(split["y"], split["id"] // 10)
        red = split["x"][:, 0, 0, 0].long()
        assert (red - 10 * split["id"]).abs().max() <= 3  # jpeg and webp lose a little
        assert torch.equal(split["x"][:, 2, 0, 0] > 128, split["y"] == 1)


def test_folders_are_split_by_their_seed(own):
    first, same, other = (load("image_folder", folder=str(own), size=(3, 2), seed=seed) for seed in (0, 0, 1))
    assert first.fingerprint == same.fingerprint != other.fingerprint


def test_shares_that_make_one_leave_nothing_to_train_on(own):
    data = load("image_folder", folder=str(own), size=(3, 2), validation=0.0, test=1.0)
    assert ids(data) == [[], [], list(range(20))]
    halves = load("image_folder", folder=str(own), size=(3, 2), validation=0.3, test=0.7)
    assert [len(part) for part in ids(halves)] == [0, 6, 14]
    assert torch.bincount(halves.val["y"]).tolist() == [3, 3]
    with pytest.raises(BadInput, match="no example is left to train on"):
        load("image_folder", folder=str(own), size=(3, 2), validation=0.5, test=0.6)


def test_classes_come_in_the_order_of_a_network_s_outputs(own, tmp_path):
    names = tmp_path / "classes.txt"
    names.write_text("zebra\nmango\napple\n\n")
    data = load("image_folder", folder=str(own), classes=str(names), size=(3, 2), validation=0.0, test=1.0)
    assert data.classes == ("zebra", "mango", "apple")
    assert data.test["y"].tolist() == [2] * 10 + [0] * 10


def test_a_folder_that_is_no_class_is_refused(own, tmp_path):
    names = tmp_path / "classes.txt"
    names.write_text("zebra\nappel\n")
    with pytest.raises(BadInput, match="there is no class 'apple'") as error:
        load("image_folder", folder=str(own), classes=str(names))
    assert str(names) in error.value.where
    assert "did you mean 'appel'" in error.value.cure
    with pytest.raises(BadInput, match="there is no such file") as error:
        load("image_folder", folder=str(own), classes=str(tmp_path / "none.txt"))
    names.write_text("zebra\nmango\napple\nzebra\n")
    with pytest.raises(BadInput, match="2 classes are called 'zebra'"):
        load("image_folder", folder=str(own), classes=str(names))
    names.write_bytes("zebra\nm\xe4ngo\napple\n".encode("latin-1"))
    with pytest.raises(BadInput, match="no text in UTF-8"):
        load("image_folder", folder=str(own), classes=str(names))
    assert "none.txt" in error.value.where


def test_a_folder_without_images_is_refused(tmp_path):
    (tmp_path / "empty" / "apple").mkdir(parents=True)
    (tmp_path / "empty" / "apple" / "notes.txt").write_text("no image")
    with pytest.raises(BadInput, match=r"no folders with images.*: 1 \(apple/notes.txt\); by kind: .txt 1") as error:
        load("image_folder", folder=str(tmp_path / "empty"))
    assert error.value.where == str(tmp_path / "empty")
    with pytest.raises(BadInput, match=r"\(folder\): no folder is given"):
        load("image_folder")


def test_a_broken_image_of_one_s_own_is_named_or_left_out(own):
    (own / "zebra" / "4.bmp").write_text("no image")
    with pytest.raises(BadInput, match=r"it is no whole image") as error:
        load("image_folder", folder=str(own))
    assert error.value.where == str(own / "zebra" / "4.bmp")
    data = load("image_folder", folder=str(own), corrupt="skip", size=(3, 2), validation=0.0, test=1.0)
    assert "4.bmp: it is no whole image" in data.notes[-1]
    assert data.test["id"].tolist() == [i for i in range(20) if i != 14]
    assert data.test["y"].tolist() == [0] * 10 + [1] * 9
