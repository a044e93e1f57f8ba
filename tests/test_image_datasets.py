"""Image sets in their published layouts, written here in miniature."""

import gzip
import os
import pickle
import struct
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image

from fairray import members
from fairray.data import SPLITS, cell_counts
from fairray.datasets import _images, _maps, digits5k
from fairray.errors import BadInput

GREEN = (40, 200, 40)


def load(name, **arguments):
    return members.build("datasets", {"name": name, **arguments}).load()


def everything(data, key):
    return torch.cat([data.split(part)[key] for part in SPLITS])


def paint(path, left, right, height=60, width=40):
    """An image whose left half has one colour and whose right half has another."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[:, : width // 2], pixels[:, width // 2 :] = left, right
    Image.fromarray(pixels).save(path, format="jpeg", quality=95, subsampling=0)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FAIRRAY_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def decoded(monkeypatch):
    """The names of the files that were decoded."""
    names, read = [], _images._read

    def spy(path, size):
        names.append(path.name)
        return read(path, size)

    monkeypatch.setattr(_images, "_read", spy)
    return names


@pytest.fixture
def celeba(tmp_path):
    """24 images, numbered by their red; Attractive and Male take turns; 12 train, 4 validation, 8 test."""
    folder = tmp_path / "celeba"
    (folder / "img_align_celeba").mkdir(parents=True)
    names = [f"{i:06}.jpg" for i in range(1, 25)]
    for i, name in enumerate(names):
        paint(folder / "img_align_celeba" / name, (10 * i, 40, 40), GREEN)
    cells = ("-1 -1  1", "-1  1  1", " 1 -1  1", " 1  1  1")
    rows = [f"{name} {cells[i % 4]}" for i, name in enumerate(names)]
    (folder / "list_attr_celeba.txt").write_text("\n".join(["24", "Attractive Male Young ", *rows, ""]))
    parts = [f"{name} {0 if i < 12 else 1 if i < 16 else 2}" for i, name in enumerate(names)]
    (folder / "list_eval_partition.txt").write_text("\n".join([*parts, ""]))
    return folder


def test_celeba_has_the_published_splits_labels_and_pixels(celeba):
    data = load("celeba", folder=str(celeba), size=(12, 8))
    assert [len(data.split(part)["y"]) for part in SPLITS] == [12, 4, 8]
    assert (data.classes, data.groups) == (("not Attractive", "Attractive"), ("not Male", "Male"))
    assert data.train["y"].tolist() == [0, 0, 1, 1] * 3
    assert data.test["group"].tolist() == [0, 1] * 4
    assert data.val["id"].tolist() == [13, 14, 15, 16]
    assert data.train["x"].shape == (12, 3, 12, 8)
    assert data.train["x"].dtype == torch.uint8
    number = torch.arange(24)[:, None].expand(24, 12)
    left, right = everything(data, "x")[..., 0].int(), everything(data, "x")[..., -1].int()
    assert (left[:, 0] - 10 * number).abs().max() <= 4
    assert (left[:, 1:] - 40).abs().max() <= 4
    assert (right - torch.tensor(GREEN)[:, None]).abs().max() <= 4


def test_celeba_any_attribute_is_target_or_protected(celeba):
    data = load("celeba", folder=str(celeba), target="Male", protected="Attractive")
    assert data.task == "Male ~ Attractive"
    assert data.train["y"].tolist() == [0, 1] * 6
    with pytest.raises(BadInput, match="did you mean 'Attractive'"):
        load("celeba", folder=str(celeba), target="Atractive")
    with pytest.raises(BadInput, match=r"no example of the subgroup \(label not Male, group not Young\)"):
        load("celeba", folder=str(celeba), target="Male", protected="Young")


def test_celeba_splits_are_views_of_one_map(celeba):
    data = load("celeba", folder=str(celeba))
    assert data.train["x"].untyped_storage().data_ptr() == data.test["x"].untyped_storage().data_ptr()


def test_images_are_decoded_once(celeba, decoded):
    first = load("celeba", folder=str(celeba))
    assert len(decoded) == 24
    again = load("celeba", folder=str(celeba), target="Male", protected="Attractive")
    assert len(decoded) == 24
    assert torch.equal(first.train["x"], again.train["x"])
    load("celeba", folder=str(celeba), size=(8, 8))
    assert len(decoded) == 48


KILLED = """
import os
import sys
os.environ["FAIRRAY_CACHE"] = sys.argv[2]
from fairray.datasets import _images, _maps
from fairray.datasets.celeba import CelebA
_maps.BLOCK, _maps.EVERY_S, read, left = 5, 0.0, _images._read, [*range(13)]
def die(*given):
    os._exit(9) if not left else left.pop()
    return read(*given)
_images._read = die
CelebA(folder=sys.argv[1]).load()
"""


def test_what_was_decoded_before_a_process_died_is_not_decoded_again(celeba, cache, decoded, fresh, tmp_path):
    """It dies in the third block of five; the bytes are those of a cache that was made at once."""
    assert fresh(KILLED, celeba, cache, folder=tmp_path, check=False).returncode == 9
    load("celeba", folder=str(celeba))
    assert sorted(decoded) == [f"{i:06}.jpg" for i in range(11, 25)]
    (resumed,) = cache.glob("*.npy")
    pixels, facts = resumed.read_bytes(), resumed.with_suffix(".json").read_text()
    resumed.unlink()
    load("celeba", folder=str(celeba))
    assert len(decoded) == 14 + 24
    assert (resumed.read_bytes(), resumed.with_suffix(".json").read_text()) == (pixels, facts)
    assert not [*cache.glob("*.part")]


def test_how_far_it_is_is_told(celeba, monkeypatch, capsys):
    monkeypatch.setattr(_maps, "BLOCK", 9)
    monkeypatch.setattr(_maps, "EVERY_S", 0.0)
    load("celeba", folder=str(celeba))
    said = capsys.readouterr().err.splitlines()
    assert said == [f"{celeba / 'img_align_celeba'}: images decoded: {done} of 24" for done in (9, 18, 24)]


def test_of_several_at_once_one_decodes_and_the_others_wait(celeba, decoded):
    """Locks of files are held against each other within a process too."""
    with ThreadPoolExecutor(3) as pool:
        found = [*pool.map(lambda _: load("celeba", folder=str(celeba)), range(3))]
    assert len(decoded) == 24
    assert all(torch.equal(found[0].train["x"], other.train["x"]) for other in found)


def test_images_of_a_split_for_which_there_is_no_room_are_in_a_file_too(celeba, cache, monkeypatch):
    """Where the splits lie in turns of four, so that none is a slice of the map."""
    turns = [f"{i:06}.jpg {(i - 1) // 4 % 3}\n" for i in range(1, 25)]
    (celeba / "list_eval_partition.txt").write_text("".join(turns))
    here = load("celeba", folder=str(celeba))
    assert len([*cache.glob("*.npy")]) == 1
    monkeypatch.setenv("FAIRRAY_MEMORY", "0")
    far = load("celeba", folder=str(celeba))
    assert len([*cache.glob("*.npy")]) == 4
    assert far.fingerprint == here.fingerprint
    monkeypatch.setattr(_maps, "_fill", None)  # they are there now
    assert load("celeba", folder=str(celeba)).fingerprint == here.fingerprint


def test_a_changed_image_is_decoded_again(celeba):
    before = load("celeba", folder=str(celeba))
    path = celeba / "img_align_celeba" / "000003.jpg"
    paint(path, GREEN, GREEN)
    os.utime(path, (1, 1))
    after = load("celeba", folder=str(celeba))
    changed = (before.train["x"] != after.train["x"]).flatten(1).any(1)
    assert changed.nonzero().flatten().tolist() == [2]


def test_nothing_written_to_the_tensors_reaches_the_cache(celeba):
    load("celeba", folder=str(celeba)).train["x"].zero_()
    assert load("celeba", folder=str(celeba)).train["x"].any()


@pytest.fixture
def broken(celeba):
    whole = (celeba / "img_align_celeba" / "000002.jpg").read_bytes()
    (celeba / "img_align_celeba" / "000002.jpg").write_bytes(whole[: len(whole) // 2])
    (celeba / "img_align_celeba" / "000014.jpg").unlink()
    (celeba / "img_align_celeba" / "000020.jpg").write_text("no image")
    return celeba


def test_the_first_broken_image_is_named(broken, decoded):
    for _ in range(2):
        with pytest.raises(BadInput, match=r"no whole image: .*; 3 of 24 files") as error:
            load("celeba", folder=str(broken))
        assert error.value.where == str(broken / "img_align_celeba" / "000002.jpg")
        assert "corrupt: skip" in error.value.cure
        assert len(decoded) == 24  # not again for the second time, nor if they are to be skipped


def test_a_missing_image_is_named(celeba):
    (celeba / "img_align_celeba" / "000014.jpg").unlink()
    with pytest.raises(BadInput, match=r"000014.jpg: there is no such file; 1 of 24 files"):
        load("celeba", folder=str(celeba))


def test_broken_images_leave_labels_and_ids_too(broken, decoded):
    with pytest.raises(BadInput, match="the val split has no example"):
        load("celeba", folder=str(broken), corrupt="skip")
    parts = broken / "list_eval_partition.txt"
    parts.write_text(parts.read_text().replace("000012.jpg 0", "000012.jpg 1").replace("000010.jpg 0", "000010.jpg 1"))
    count = len(decoded)
    data = load("celeba", folder=str(broken), corrupt="skip")
    assert len(decoded) == count
    assert [note.endswith("3 of 24 files cannot be used") for note in data.notes] == [True]
    assert data.train["id"].tolist() == [1, 3, 4, 5, 6, 7, 8, 9, 11]
    assert data.val["id"].tolist() == [10, 12, 13, 15, 16]
    for part in SPLITS:
        split = data.split(part)
        assert split["y"].tolist() == [(i - 1) % 4 // 2 for i in split["id"].tolist()]
        assert (split["x"][:, 0, 0, 0] - 10.0 * (split["id"] - 1)).abs().max() <= 4


def test_no_image_at_all_is_refused_although_skipping(celeba):
    for path in (celeba / "img_align_celeba").iterdir():
        path.unlink()
    with pytest.raises(BadInput, match="24 of 24 files"):
        load("celeba", folder=str(celeba), corrupt="skip")


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        ("list_attr_celeba.txt", "24\n", "25\n", "24 rows, its first line says 25"),
        ("list_attr_celeba.txt", "-1 -1", "-1  0", "other than -1 and 1"),
        ("list_attr_celeba.txt", "24\n", "", "23 rows, its first line says Attractive Male Young"),
        ("list_attr_celeba.txt", "000002.jpg -1", "000002.jpg -1 1 1 1 1", "cannot be read"),
        ("list_eval_partition.txt", "000001.jpg 0\n", "", "does not list the files"),
        ("list_eval_partition.txt", "000001.jpg 0", "000001.jpg 3", "other than 0, 1 and 2"),
    ],
)
def test_celeba_lists_that_are_not_the_published_ones(celeba, name, old, new, says):
    path = celeba / name
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(BadInput, match=says):
        load("celeba", folder=str(celeba))
    path.unlink()
    with pytest.raises(BadInput, match="no such file"):
        load("celeba", folder=str(celeba))


def test_a_cache_without_room_is_refused(celeba, monkeypatch, tmp_path):
    monkeypatch.setattr(_maps.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1000}))
    with pytest.raises(BadInput, match="GB are needed") as error:
        load("celeba", folder=str(celeba))
    assert "FAIRRAY_CACHE" in error.value.cure
    monkeypatch.undo()
    monkeypatch.setenv("FAIRRAY_CACHE", str(tmp_path / "cache"))
    load("celeba", folder=str(celeba))
    monkeypatch.setattr(_maps.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1000}))
    load("celeba", folder=str(celeba))  # what is there needs no room
    (tmp_path / "file").touch()
    monkeypatch.setenv("FAIRRAY_CACHE", str(tmp_path / "file"))
    with pytest.raises(BadInput, match="cannot be kept there"):
        load("celeba", folder=str(celeba))


@pytest.fixture
def utkface(tmp_path):
    """Ages 10, 40 and 100 x two genders x races 0 and 2 x 10 faces; grey levels are ages."""
    folder = tmp_path / "utkface"
    folder.mkdir()
    for age in (10, 40, 100):
        for gender in (0, 1):
            for race in (0, 2):
                for i in range(10):
                    suffix = ".jpg.chip.jpg" if i % 2 else ".jpg"
                    paint(folder / f"{age}_{gender}_{race}_2017011{i}{suffix}", (age,) * 3, (age,) * 3, 8, 8)
    return folder


@pytest.mark.parametrize(
    ("target", "label"),
    [
        ("over_35", {10: 0, 40: 1, 100: 1}),
        ("age_class", {10: 0, 40: 1, 100: 2}),
        ("age", {10: 10 / 116, 40: 40 / 116, 100: 100 / 116}),
    ],
)
def test_utkface_reads_ages_from_names(utkface, target, label):
    data = load("utkface", folder=str(utkface), target=target, size=(4, 4))
    assert [len(data.split(part)["y"]) for part in SPLITS] == [84, 12, 24]
    assert data.problem == {"over_35": "binary", "age_class": "multiclass", "age": "regression"}[target]
    for part in SPLITS:
        split = data.split(part)
        nearest = torch.tensor([10, 40, 100])[
            (split["x"][:, 0, 0, 0, None] - torch.tensor([10, 40, 100.0])).abs().argmin(1)
        ]
        torch.testing.assert_close(split["y"], torch.tensor([label[age] for age in nearest.tolist()]))


def test_utkface_groups(utkface):
    names = sorted(path.name for path in utkface.iterdir())
    race, gender = load("utkface", folder=str(utkface)), load("utkface", folder=str(utkface), protected="gender")
    assert (race.groups, gender.groups) == (("non-white", "white"), ("male", "female"))
    for part in SPLITS:
        facts = [names[i].split("_") for i in race.split(part)["id"].tolist()]
        assert race.split(part)["group"].tolist() == [int(fact[2] == "0") for fact in facts]
        facts = [names[i].split("_") for i in gender.split(part)["id"].tolist()]
        assert gender.split(part)["group"].tolist() == [int(fact[1]) for fact in facts]


def test_utkface_splits_are_disjoint_seeded_and_stratified(utkface):
    first, same, other = (load("utkface", folder=str(utkface), seed=seed) for seed in (0, 0, 1))
    assert sorted(everything(first, "id").tolist()) == list(range(120))
    assert first.fingerprint == same.fingerprint != other.fingerprint
    assert cell_counts(first.test, 2, 2).tolist() == [[4, 4], [8, 8]]
    with pytest.raises(BadInput, match="no example is left"):
        load("utkface", folder=str(utkface), validation=0.5, test=0.5)


def test_a_malformed_utkface_name_is_named_or_left_out(utkface):
    paint(utkface / "39_1_20170116174525125.jpg.chip.jpg", GREEN, GREEN)
    with pytest.raises(BadInput, match=r"39_1_20170116174525125.*: its name is not .*; 1 of 121 files"):
        load("utkface", folder=str(utkface))
    data = load("utkface", folder=str(utkface), corrupt="skip")
    assert "39_1_20170116174525125" in data.notes[0]
    assert len(everything(data, "id")) == 120
    assert (everything(data, "x").float().std(1) < 1).all()  # the green one is not there


def idx(pixels):
    return struct.pack(f">HBB{pixels.ndim}I", 0, 8, pixels.ndim, *pixels.shape) + pixels.astype(np.uint8).tobytes()


@pytest.fixture(params=["", ".gz"])
def mnist(tmp_path, request):
    """200 and 20 digits, every label as often; all pixels of an image are its number."""
    folder = tmp_path / "mnist"
    folder.mkdir()
    pack = gzip.compress if request.param else bytes
    for part, size in (("train", 200), ("t10k", 20)):
        pixels = np.broadcast_to(np.arange(size)[:, None, None], (size, 28, 28))
        (folder / f"{part}-images-idx3-ubyte{request.param}").write_bytes(pack(idx(pixels)))
        (folder / f"{part}-labels-idx1-ubyte{request.param}").write_bytes(pack(idx(np.arange(size) % 10)))
    return folder


def test_mnist_reads_idx_files(mnist):
    data = load("mnist", folder=str(mnist), validation=0.25)
    assert [len(data.split(part)["y"]) for part in SPLITS] == [150, 50, 20]
    assert (data.outputs, data.groups, data.kind) == (10, ("all",), "image")
    assert cell_counts(data.val, 10, 1).flatten().tolist() == [5] * 10
    for part, first in zip(SPLITS, (0, 0, 60_000)):
        split = data.split(part)
        assert split["x"].shape[1:] == (3, 28, 28)
        assert torch.equal(split["x"], (split["id"] - first)[:, None, None, None].expand_as(split["x"]))
        assert torch.equal(split["y"], (split["id"] - first) % 10)
    assert sorted([*data.train["id"].tolist(), *data.val["id"].tolist()]) == list(range(200))


@pytest.mark.parametrize("mnist", [""], indirect=True)
@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("train-images-idx3-ubyte", lambda b: b"\0\0\x08\x01" + b[4:], "starts with 00000801, expected was 00000803"),
        ("train-images-idx3-ubyte", lambda b: b[:-1], "it has 156815 bytes, expected were 156816"),
        ("train-images-idx3-ubyte", lambda b: b[:9], "it has 9 bytes"),
        ("train-labels-idx1-ubyte", lambda b: idx(np.arange(199) % 10), "200 images and 199 labels"),
        ("train-labels-idx1-ubyte", lambda b: idx(np.arange(200)), "of which 190 are no digit"),
    ],
)
def test_mnist_files_that_are_not_the_published_ones(mnist, name, change, says):
    (mnist / name).write_bytes(change((mnist / name).read_bytes()))
    with pytest.raises(BadInput, match=says):
        load("mnist", folder=str(mnist))


@pytest.mark.parametrize("mnist", [".gz"], indirect=True)
def test_a_truncated_archive_is_named(mnist):
    path = mnist / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:30])
    with pytest.raises(BadInput, match="cannot be unpacked") as error:
        load("mnist", folder=str(mnist))
    assert error.value.where == str(path)
    path.unlink()
    with pytest.raises(BadInput, match="no such file"):
        load("mnist", folder=str(mnist))


def records(number):
    """20 records of one batch: the channels of record i are i, 100 + i and the batch's number."""
    first = np.arange(20, dtype=np.uint8)
    planes = np.stack([first, 100 + first, np.full(20, number, np.uint8)], axis=1)
    return np.repeat(planes, 1024, axis=1), (first + number) % 10


def python2_pickle(pixels, labels):
    """What Python 2 wrote of a batch: byte strings, and numpy's functions at their old place."""
    head = b"\x80\x02}(U\x06labels](" + b"".join(b"K" + bytes([label]) for label in labels) + b"eU\x04data"
    build = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    dtype = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    shape = b"K" + bytes([len(pixels)]) + b"M\x00\x0c\x86"
    return (
        head
        + build
        + b"(K\x01"
        + shape
        + dtype
        + b"\x89T"
        + struct.pack("<I", pixels.size)
        + pixels.tobytes()
        + b"tbu."
    )


FORMS = {
    "binary": (".bin", lambda x, y: np.column_stack([y, x]).astype(np.uint8).tobytes()),
    "python 2": ("", python2_pickle),
    "python 3": ("", lambda x, y: pickle.dumps({b"data": x, b"labels": y.tolist()}, protocol=4)),
}


@pytest.fixture
def cifar10(tmp_path):
    def write(form):
        folder = tmp_path / form
        folder.mkdir()
        suffix, pack = FORMS[form]
        for number, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
            (folder / f"{name}{suffix}").write_bytes(pack(*records(number)))
        return folder

    return write


def test_cifar10_is_the_same_in_every_version(cifar10):
    sets = [load("cifar10", folder=str(cifar10(form))) for form in FORMS]
    assert sets[0].fingerprint == sets[1].fingerprint == sets[2].fingerprint
    data = sets[0]
    assert [len(data.split(part)["y"]) for part in SPLITS] == [90, 10, 20]
    for part in SPLITS:
        x, y, number = (data.split(part)[key] for key in ("x", "y", "id"))
        planes = torch.stack([number % 20, 100 + number % 20, number // 20], dim=1)
        assert torch.equal(x, planes[:, :, None, None].expand(-1, 3, 32, 32))
        assert torch.equal(y, (number % 20 + number // 20) % 10)


@pytest.mark.parametrize(
    ("form", "content", "says"),
    [
        ("binary", b"\0" * 3072, "3072 bytes, expected was a multiple of 3073"),
        ("binary", b"\x0a" * 3073, "labels other than 0 to 9"),
        (
            "python 3",
            pickle.dumps({b"data": np.zeros((2, 9), np.uint8), b"labels": [0, 1]}, protocol=4),
            r"shape \(2, 9\)",
        ),
        ("python 3", pickle.dumps({b"labels": [0]}), "no batch of CIFAR-10"),
        ("python 3", pickle.dumps({b"data": os.getcwd}), "getcwd is not part of an array"),
        ("python 3", b"no pickle", "no batch of CIFAR-10"),
        ("python 3", b"", "no batch of CIFAR-10"),
    ],
)
def test_cifar10_files_that_are_not_the_published_ones(cifar10, form, content, says):
    folder = cifar10(form)
    path = folder / f"data_batch_3{FORMS[form][0]}"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=says):
        load("cifar10", folder=str(folder))
    path.unlink()
    with pytest.raises(BadInput, match="no such file"):
        load("cifar10", folder=str(folder))


@pytest.mark.parametrize("name", ["celeba", "utkface", "mnist", "cifar10"])
def test_a_folder_that_is_not_given_not_there_or_empty(name, tmp_path):
    with pytest.raises(BadInput, match="no folder is given"):
        load(name)
    with pytest.raises(BadInput, match="no such folder"):
        load(name, folder=str(tmp_path / "nowhere"))
    with pytest.raises(BadInput, match=r"no such file|no \.jpg file"):
        load(name, folder=str(tmp_path))


def test_digits5k_has_500_of_each_digit_in_stratified_parts():
    data, other = load("digits5k"), load("digits5k", seed=1)
    for part, count in zip(SPLITS, (300, 100, 100)):
        assert cell_counts(data.split(part), 10, 1).flatten().tolist() == [count] * 10
    assert sorted(everything(data, "id").tolist()) == list(range(5000))
    assert data.train["x"].shape == (3000, 3, 28, 28)
    assert (data.train["x"][:, 0] == data.train["x"][:, 2]).all()
    assert data.fingerprint == load("digits5k").fingerprint != other.fingerprint


POSITIVE = {"high": {5, 6, 7, 8, 9}, "odd": {1, 3, 5, 7, 9}, "loop": {0, 6, 8, 9}, "prime": {2, 3, 5, 7}}


@pytest.mark.parametrize("target", POSITIVE)
def test_biased_mnist_labels_are_properties_of_the_digit(target):
    digit, data = digits5k._digits()["y"], load("biased_mnist", target=target)
    for part in SPLITS:
        split = data.split(part)
        assert split["y"].tolist() == [int(d in POSITIVE[target]) for d in digit[split["id"]].tolist()]


@pytest.mark.parametrize("target", ["prime", "digit"])
@pytest.mark.parametrize("rho", [0.5, 0.9, 0.98])
def test_biased_mnist_attribute_agrees_with_the_label_as_often_as_asked(target, rho):
    data = load("biased_mnist", target=target, rho=rho)
    for part, share in zip(SPLITS, (rho, rho, 0.5)):
        label, group = data.split(part)["y"], data.split(part)["group"]
        agrees = group == (label >= 5 if target == "digit" else label)
        for one in label.unique():
            assert agrees[label == one].double().mean().item() == pytest.approx(share)


@pytest.mark.parametrize("target", ["high", "digit"])
def test_biased_mnist_without_exceptions_is_refused(target):
    with pytest.raises(BadInput, match=r"biased_mnist \(rho\): the train split has no example of the subgroup"):
        load("biased_mnist", target=target, rho=1.0)


def test_biased_mnist_is_drawn_with_its_seed():
    first, same, other = (load("biased_mnist", seed=seed) for seed in (0, 0, 1))
    assert first.fingerprint == same.fingerprint != other.fingerprint


def test_biased_mnist_inks_the_strokes_of_the_digit():
    data, grey = load("biased_mnist"), digits5k._digits()["x"]
    x, truth = data.train["x"].double(), grey[data.train["id"], 0].double()
    brightest = x[torch.arange(len(x)), x.amax(dim=(2, 3)).argmax(dim=1)]
    strokes = brightest / brightest.amax(dim=(1, 2), keepdim=True) * truth.amax(dim=(1, 2), keepdim=True)
    assert (strokes - truth).abs().max() <= 2


def test_biased_mnist_grounds_the_strokes_of_the_digit():
    data, grey = load("biased_mnist", attribute="background"), digits5k._digits()["x"]
    x, truth = data.train["x"].double(), grey[data.train["id"]].double()
    ground = x[:, :, :1, :1]  # no digit reaches the corner
    assert (x - ground - truth * (255 - ground) / 255).abs().max() <= 1


@pytest.mark.parametrize(("attribute", "channels"), [("colour", (1, 0)), ("background", (2, 0))])
def test_biased_mnist_colours_are_told_apart_by_the_mean_of_their_pixels(attribute, channels):
    data = load("biased_mnist", attribute=attribute)
    mean = data.train["x"].double().mean(dim=(2, 3))
    guess = (mean[:, channels[0]] > mean[:, channels[1]]).long()
    assert (guess == data.train["group"]).double().mean().item() > 0.97


def test_biased_mnist_noise_is_the_deviation_of_the_colour():
    ground, group = (
        torch.cat([load("biased_mnist", attribute="background", noise=10.0).split(part)[key] for part in SPLITS])
        for key in ("x", "group")
    )
    for one, colour in enumerate(([110, 75, 30], [30, 95, 85])):
        corner = ground[group == one, :, 0, 0].double()
        torch.testing.assert_close(corner.mean(0), torch.tensor(colour).double(), atol=1.0, rtol=0)
        torch.testing.assert_close(corner.std(0), torch.full((3,), 10.0).double(), atol=0.6, rtol=0)


@pytest.mark.parametrize("mnist", [""], indirect=True)
def test_biased_mnist_colours_all_of_mnist_too(mnist):
    data = load("biased_mnist", source="mnist", folder=str(mnist), rho=0.5, noise=0.0)
    ink = torch.tensor([[230, 140, 40], [90, 200, 100]])[data.test["group"]]
    grey = (data.test["id"] - 60_000)[:, None]
    assert torch.equal(data.test["x"][:, :, 0, 0].long(), (grey * ink / 255).round().long())
