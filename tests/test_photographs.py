"""Photographs as people have them: every kind of file, what lies beside them, and tables of their labels and groups."""

import os
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from fairray import identity, members
from fairray.data import SPLITS
from fairray.datasets import _images
from fairray.errors import BadInput

NOISE = np.random.default_rng(0).integers(256, size=(8, 12, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FAIRRAY_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "photos"
    path.mkdir()
    return path


def load(folder, **arguments):
    return members.build("datasets", {"name": "image_folder", "folder": folder, "size": (4, 4), **arguments}).load()


def decode(path, size=(8, 12)):
    """What becomes of one file: its pixels with axes (y, x, channel), and what is said of it."""
    found = _images.images(path.parent, [path.name], size, "error")
    return found.x[0].permute(1, 2, 0).numpy(), found.notes


def fill(folder, name, count, start=0, suffix="png"):
    """Images of one grey that is their number, from `start` on."""
    (folder / name).mkdir(parents=True, exist_ok=True)
    for i in range(start, start + count):
        Image.new("RGB", (5, 5), (i, i, i)).save(folder / name / f"{i:03}.{suffix}")


def everything(data, key):
    return torch.cat([data.split(part)[key] for part in SPLITS])


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_sixteen_bits_are_scaled_and_not_clipped(folder, suffix):
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    if suffix == "pgm":
        (folder / "a.pgm").write_bytes(b"P5 256 256 65535\n" + levels.astype(">u2").tobytes())
    else:
        Image.fromarray(levels).save(folder / f"a.{suffix}")
    found, notes = decode(folder / f"a.{suffix}", (256, 256))
    assert np.array_equal(found, np.rint(levels / 257).astype(np.uint8)[..., None].repeat(3, 2))
    assert found.mean() == 127.5
    assert notes == (f"1 image with 16 bits a channel, of which 65,535 is white here: a.{suffix}",)


@pytest.mark.parametrize(("kind", "says"), [("int32", "of 32 bits"), ("float32", "floats")])
def test_pixels_whose_white_is_not_known_are_refused(folder, kind, says):
    Image.fromarray(np.ones((4, 4), kind)).save(folder / "a.tif")
    with pytest.raises(BadInput, match=f"a.tif: its pixels are {says}, whose white is not known; 1 of 1 files"):
        decode(folder / "a.tif")


SEEN = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: np.rot90,
}


@pytest.mark.parametrize("orientation", SEEN)
def test_images_are_turned_as_their_camera_was_held(folder, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(NOISE).save(folder / "a.png", exif=exif)
    expected = SEEN[orientation](NOISE)
    assert np.array_equal(decode(folder / "a.png", expected.shape[:2])[0], expected)


def test_a_damaged_note_of_the_camera_says_nothing(folder):
    Image.fromarray(NOISE).save(folder / "a.png", exif=b"Exif\0\0MM\0*\0\0\xff\xff\xff\xff")
    assert np.array_equal(decode(folder / "a.png")[0], NOISE)


def transparent(mode):
    """Red that is hidden where it is transparent, in the left half."""
    image = Image.new("RGBA", (12, 8), (255, 0, 0, 0))
    image.paste((0, 0, 255, 255), (6, 0, 12, 8))
    return image if mode == "RGBA" else image.convert(mode)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_white_and_said(folder, mode):
    transparent(mode).save(folder / "a.png")
    found, notes = decode(folder / "a.png")
    assert (found[:, :6] == 255).all()
    assert found[:, 6:].mean() < 128
    assert notes == ("1 image with transparent parts, which are white here: a.png",)


def test_half_transparent_red_is_pink_and_opaque_is_not_spoken_of(folder):
    Image.new("RGBA", (12, 8), (255, 0, 0, 51)).save(folder / "half.png")
    Image.new("RGBA", (12, 8), (255, 0, 0, 255)).save(folder / "full.png")
    assert decode(folder / "half.png")[0][0, 0].tolist() == [255, 204, 204]
    assert decode(folder / "full.png")[0][0, 0].tolist() == [255, 0, 0]
    assert decode(folder / "full.png")[1] == ()


def test_a_class_of_any_kind_of_image_is_there_and_what_is_none_is_counted_and_named(folder):
    fill(folder, "cat", 10, suffix="tif")
    for i, suffix in enumerate(("gif", "jfif", "png", "jp2", "webp", "ppm", "tga", "avif", "ico", "bmp")):
        fill(folder, "dog", 1, start=100 + i, suffix=suffix)
    Image.new("L", (5, 5)).save(folder / "dog" / "moves.gif", save_all=True, append_images=[Image.new("L", (5, 5), 9)])
    for name in ("cat/a.heic", "cat/read.txt", "dog/b.heic"):
        (folder / name).touch()
    fill(folder, "dog/puppies", 1, start=150)
    Image.new("RGB", (5, 5)).save(folder / "loose.png")
    data = load(folder)
    assert data.classes == ("cat", "dog")
    assert torch.bincount(everything(data, "y")).tolist() == [10, 12]
    said = "\n".join(data.notes)
    assert "files that are no images that can be read: 3 (cat/a.heic, cat/read.txt, dog/b.heic)" in said
    assert "by kind: .heic 2, .txt 1" in said
    assert "images that lie in no folder of a class: 1 (loose.png)" in said
    assert "1 image with several frames, of which the first is used: dog/moves.gif" in said


@pytest.mark.parametrize("content", [[], [".DS_Store"], ["photo.heic"]])
def test_an_empty_class_folder_is_an_error(folder, content):
    fill(folder, "cat", 10)
    fill(folder, "dog", 10)
    (folder / "owl").mkdir()
    for name in content:
        (folder / "owl" / name).touch()
    with pytest.raises(BadInput, match="1 of 3 folders of a class have no image that can be read: owl"):
        load(folder)


def test_hidden_files_and_folders_are_no_classes_and_no_images(folder):
    for name in ("cat", "dog"):
        fill(folder, name, 10)
        (folder / name / "._000.png").write_bytes(b"no image")
    for name in (".ipynb_checkpoints", "__MACOSX/cat"):
        fill(folder, name, 2)
    (folder / ".DS_Store").touch()
    data = load(folder)
    assert (data.classes, len(everything(data, "y"))) == (("cat", "dog"), 20)
    (note,) = (note for note in data.notes if "hidden" in note)
    assert note == "left out: hidden files and folders: 5 (.DS_Store, ._000.png, .ipynb_checkpoints, __MACOSX)"


def test_one_class_is_refused_unless_a_network_knows_others(folder, tmp_path):
    fill(folder, "cat", 10)
    with pytest.raises(BadInput, match="all images are of the one class 'cat', which can be mistaken for none"):
        load(folder)
    (tmp_path / "classes.txt").write_text("\ufeffcat\ndog\n", encoding="utf-8")  # as some editors begin a file
    assert load(folder, classes=tmp_path / "classes.txt", validation=0, test=1).classes == ("cat", "dog")


def test_a_class_that_a_split_lacks_is_named(folder):
    for name, count in (("cat", 40), ("dog", 20), ("owl", 2), ("fox", 3)):
        fill(folder, name, count)
    with pytest.raises(BadInput, match=r"2 of 4 classes have no image in some split: ") as error:
        load(folder)
    assert error.value.problem.endswith("fox (3 images, none in val), owl (2 images, none in val)")


def test_a_class_of_which_no_image_can_be_read_is_named(folder):
    for name in ("cat", "dog", "owl"):
        fill(folder, name, 10)
    for path in (folder / "owl").iterdir():
        path.write_bytes(b"no image")
    with pytest.raises(BadInput, match=r"owl \(0 images, none in train, val, test\)"):
        load(folder, corrupt="skip")


def test_folders_may_be_splits(folder):
    for i, part in enumerate(("train", "valid", "test")):
        for k, name in enumerate(("cat", "dog")):
            fill(folder, f"{part}/{name}", 4, start=100 * k + 30 * i)
    data = load(folder)
    assert data.classes == ("cat", "dog")
    for i, part in enumerate(SPLITS):
        grey = data.split(part)["x"][:, 0, 0, 0]
        assert sorted(grey.tolist()) == [100 * k + 30 * i + n for k in range(2) for n in range(4)]
        assert torch.equal(grey >= 100, data.split(part)["y"] == 1)
    shutil.rmtree(folder / "valid")  # then it is drawn from the training images
    assert [len(load(folder, validation=0.25).split(part)["y"]) for part in SPLITS] == [6, 2, 8]


def test_images_are_known_by_what_they_hold(folder, tmp_path, monkeypatch):
    for k, name in enumerate(("cat", "dog")):
        fill(folder, name, 10, start=100 * k)
    before, path = load(folder), folder / "cat" / "003.png"
    size, stat = path.stat().st_size, path.stat()
    Image.new("RGB", (5, 5), (77, 77, 77)).save(path)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (size, stat.st_mtime_ns)
    after = load(folder)
    changed = (everything(before, "x") != everything(after, "x")).flatten(1).any(1)
    assert everything(before, "id")[changed].tolist() == [3]
    (folder / "dog" / "x.png").write_bytes(b"no image")
    assert f"{folder}/dog/x.png: it is no whole image: " in load(folder, corrupt="skip").notes[0]
    monkeypatch.setattr(_images, "_read", None)  # the same photographs elsewhere are not decoded again
    shutil.copytree(folder, tmp_path / "copy")
    copied = load(tmp_path / "copy", corrupt="skip")
    assert torch.equal(everything(copied, "x"), everything(after, "x"))
    assert str(folder) not in copied.notes[0]


def test_copies_are_said(folder):
    for k, name in enumerate(("cat", "dog")):
        fill(folder, name, 10, start=100 * k)
    shutil.copy(folder / "cat" / "001.png", folder / "dog" / "x.png")
    assert "1 file with the same content as another: dog/x.png as cat/001.png" in load(folder).notes


PEOPLE = [(f"{i:03}.png", "mn"[i % 2], ("f", "m", "x")[i // 2 % 3], 20 + i) for i in range(60)]


@pytest.fixture
def table(folder, tmp_path):
    """Sixty images, and a table beside them of their labels, sexes and ages; the grey of each is its number."""
    fill(folder, "faces", 60)
    rows = [f"faces/{name};{label};{sex};{age}" for name, label, sex, age in PEOPLE]
    (tmp_path / "faces.csv").write_text("\ufefffile;smiles;sex;age\n" + "\n".join(rows), encoding="utf-8")
    return tmp_path / "faces.csv"


def people(folder, table, **arguments):
    common = {"path": table, "image": "file", "target": "smiles", "validation": 0.2, "test": 0.2}
    return load(folder, **common | arguments)


def test_a_table_says_labels_and_groups(folder, table):
    data = people(folder, table, protected="sex")
    assert (data.task, data.classes, data.groups) == ("smiles ~ sex", ("m", "n"), ("f", "m", "x"))
    assert (data.target, data.protected, data.kind) == ("smiles", "sex", "image")
    ids = everything(data, "id")
    assert torch.equal(everything(data, "x")[:, 0, 0, 0].long(), ids)
    assert torch.equal(everything(data, "y"), ids % 2)
    assert torch.equal(everything(data, "group"), ids // 2 % 3)
    assert [len(data.split(part)["y"]) for part in SPLITS] == [36, 12, 12]
    assert any(note.startswith("few rows") for note in data.notes)


def test_a_table_s_words_mean_what_they_mean_for_tables(folder, table):
    data = people(folder, table, protected={"sex": None, "age": 50}, where={"sex": ["f", "x"]}, positive="m")
    assert (data.classes, data.groups) == (
        ("n", "m"),
        ("f, below 50", "f, 50 and above", "x, below 50", "x, 50 and above"),
    )
    assert len(everything(data, "id")) == 40
    assert torch.equal(
        everything(data, "group"), 2 * (everything(data, "id") // 2 % 3 == 2) + (everything(data, "id") >= 30)
    )
    assert "where: 40 of 60 rows are used" in data.notes
    two = people(folder, table, protected="sex", privileged="m")
    assert (two.groups, torch.bincount(everything(two, "group")).tolist()) == (("other", "m"), [40, 20])
    assert people(folder, table).groups == ("all",)


def test_a_table_may_say_the_split(folder, table):
    lines = table.read_text(encoding="utf-8").splitlines()
    parts = ["part", *(("train", "dev", "test")[i // 6 % 3] for i in range(60))]
    table.write_text("\n".join(f"{line};{part}" for line, part in zip(lines, parts)), encoding="utf-8")
    data = people(folder, table, split="part", protected="sex")
    assert [data.split(part)["id"].tolist() for part in SPLITS] == [
        [i for i in range(60) if i // 6 % 3 == k] for k in range(3)
    ]


def test_what_a_table_lacks_or_says_twice_is_named(folder, table):
    whole = table.read_text(encoding="utf-8")
    fill(folder, "more", 2, start=90)
    assert "left out: images that no row names: 2 (more/090.png, more/091.png)" in people(folder, table).notes
    for text, says in (
        (whole + "\nfaces/000.png;m;f;30", r"\(image: file\): row 61 has faces/000.png again"),
        (whole + "\n;m;f;30", "row 61 names no image"),
        (whole + "\nfaces/no.png;m;f;30", "faces/no.png: there is no such file; 1 of 61 files"),
        (whole.replace("003.png;n;m", "003.png;n;?"), r"\(protected\): 1 of 60 values are missing"),
        (whole.replace("003.png;n;m", "003.png;;m"), r"\(target: smiles\): 1 of 60 values are missing"),
        (
            whole + "\nfaces/../more/090.png;n;other;9",
            r"2 of 8 subgroups .* m, other \(0 images, none in .*n, other \(1 image, none in",
        ),
    ):
        table.write_text(text, encoding="utf-8")
        with pytest.raises(BadInput, match=says):
            people(folder, table, protected="sex")


def test_a_table_may_name_images_without_their_end_or_wholly(folder, table):
    whole = table.read_text(encoding="utf-8")
    expected = people(folder, table).fingerprint
    for text in (
        whole.replace(".png", ""),
        whole.replace("faces/", "./faces/"),
        whole.replace("faces/", f"{folder}/faces/"),
    ):
        table.write_text(text, encoding="utf-8")
        data = people(folder, table)
        assert (data.fingerprint, [note for note in data.notes if "left out" in note]) == (expected, [])
    shutil.copy(folder / "faces" / "000.png", folder / "faces" / "000.bmp")  # which of the two is not known
    table.write_text(whole.replace("000.png", "000"), encoding="utf-8")
    with pytest.raises(BadInput, match="faces/000: there is no such file"):
        people(folder, table)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"privileged": "m"}, r"\(privileged\): there are no groups"),
        ({"positive": "m", "classes": "names.txt"}, r"\(target: smiles\): positive makes two classes"),
        ({"target": "smile"}, r"\(target: smile\): there is no column 'smile'"),
        ({"target": None}, r"\(target\): no column is named"),
        ({"protected": ["race"]}, "got"),
        ({"path": None}, r"\(target\): no table is given"),
    ],
)
def test_names_that_are_not_there_are_refused(folder, table, arguments, says):
    with pytest.raises(BadInput, match=says):
        people(folder, table, **arguments)


def test_a_file_of_code_may_begin_with_a_mark_of_its_encoding(tmp_path):
    (tmp_path / "marked.py").write_text("\ufeffimport math\n", encoding="utf-8")
    (tmp_path / "plain.py").write_text("import math\n", encoding="utf-8")
    assert identity._meaning(tmp_path / "marked.py") == identity._meaning(tmp_path / "plain.py")
