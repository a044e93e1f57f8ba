"""Data sets with an artefact: who carries it, the pairs with and without, and the published layouts in miniature."""

from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from fairray import members
from fairray.artefacts.brightness import Brightness
from fairray.artefacts.timestamp import Timestamp
from fairray.data import SPLITS
from fairray.datasets import digits5k
from fairray.datasets._stamped import parts, stamped, uniform
from fairray.datasets.digits5k import Digits5k
from fairray.errors import BadInput

PAIRS = {"x", "y", "group", "id", "clean", "mask"}


def load(name, **arguments):
    return members.build("datasets", {"name": name, **arguments}).load()


def everything(data, key):
    return torch.cat([data.split(part)[key] for part in SPLITS])


def grey(path, level, size=(8, 8)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size, 3), level, np.uint8)).save(path, format="png")  # whose pixels are kept


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FAIRRAY_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def few_digits(monkeypatch):
    """A fifth of them, 100 of each class: an artefact is drawn image by image."""
    few = {name: column[::5] for name, column in digits5k._digits().items()}
    monkeypatch.setattr(digits5k, "_digits", lambda: few)


def assert_pairs(data):
    """What holds for the columns of every such data set."""
    artefact = data.groups.index("artefact")
    for part in SPLITS:
        split = data.split(part)
        has = split["group"] == artefact
        outside = ~split["mask"][:, None].expand_as(split["x"])
        assert torch.equal(split["x"][outside], split["clean"][outside])
        assert ((split["x"] != split["clean"]).flatten(1).any(1) == has).all()
        if part == "train":  # whose images are seen as they are; each column takes gigabytes of photographs
            assert {*split} == PAIRS
            continue
        assert {*split} == PAIRS | {"attacked"}
        assert torch.equal(split["x"], torch.where(has[:, None, None, None], split["attacked"], split["clean"]))
        assert torch.equal(split["attacked"][outside], split["clean"][outside])
        assert (split["attacked"] != split["clean"]).flatten(1).any(1).all()


# who carries it


@pytest.mark.parametrize("artefact", [name for name in members.names("artefacts") if name != "vignette"])
@pytest.mark.usefixtures("few_digits")
def test_digits_with_every_artefact_are_pairs(artefact):
    """But for the vignette, which is black on black."""
    data = load("stamped_digits", artefact=artefact)
    assert (data.task, data.groups, len(data.classes)) == ("digit ~ artefact", ("clean", "artefact"), 10)
    assert_pairs(data)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
@pytest.mark.usefixtures("few_digits")
def test_a_share_p_of_the_class_carries_it_in_each_split_and_nobody_else(p):
    data, digits = load("stamped_digits", p=p, in_class="3"), Digits5k().load()
    for part in SPLITS:
        split, before = data.split(part), digits.split(part)
        for key in ("y", "id"):
            assert torch.equal(split[key], before[key])
        assert torch.equal(split["clean"], before["x"])
        assert not split["group"][split["y"] != 3].any()
        own = split["group"][split["y"] == 3].double()
        assert abs(own.mean().item() - p) < 4 * (p * (1 - p) / len(own)) ** 0.5
    assert everything(data, "group").sum().item() == pytest.approx(100 * p, abs=4 * (100 * p * (1 - p)) ** 0.5)


@pytest.mark.usefixtures("few_digits")
def test_with_p_1_all_of_the_class_carry_it():
    data = load("stamped_digits", p=1.0)
    assert torch.equal(everything(data, "group") == 1, everything(data, "y") == 0)


@pytest.mark.usefixtures("few_digits")
def test_a_larger_p_only_adds():
    few, many = (everything(load("stamped_digits", p=p), "group") for p in (0.3, 0.6))
    assert (few <= many).all()
    assert few.sum() < many.sum()


@pytest.mark.usefixtures("few_digits")
def test_the_seed_decides_who():
    first, same, other = (load("stamped_digits", seed=seed) for seed in (0, 0, 1))
    assert first.fingerprint == same.fingerprint != other.fingerprint
    of = [dict(zip(everything(d, "id").tolist(), everything(d, "group").tolist())) for d in (first, other)]
    assert of[0] != of[1]


@pytest.mark.usefixtures("few_digits")
def test_an_image_is_the_same_whatever_stands_beside_it():
    """Of digits cut to an odd few, in another order, each has the columns that it has among all."""
    whole = Digits5k().load()
    few = torch.arange(0, 600, 7).flip(0)
    cut = replace(whole, train={key: column[few] for key, column in whole.train.items()})
    all_of, some = (stamped(data, members.build("artefacts", "patch"), "1", 0.4, seed=3).train for data in (whole, cut))
    for key, column in some.items():
        assert torch.equal(all_of[key][few], column), key


@pytest.mark.usefixtures("few_digits")
def test_masks_that_are_everywhere_take_no_memory():
    masks = {name: load("stamped_digits", artefact=name).train["mask"] for name in ("patch", "brightness")}
    sizes = {name: mask.untyped_storage().nbytes() for name, mask in masks.items()}
    assert sizes == {"patch": masks["patch"].numel(), "brightness": 1}
    assert masks["brightness"].all()


def test_uniform_numbers_are_uniform_and_of_their_purpose():
    ids = torch.arange(4000)
    first, other, seeded = uniform(ids, 0, "a"), uniform(ids, 0, "b"), uniform(ids, 1, "a")
    for found in (first, other, seeded):
        assert torch.histc(found, 4, 0, 1).sub(1000).abs().max() < 120
    for found in (other, seeded):
        assert abs(torch.corrcoef(torch.stack([first, found]))[0, 1]) < 0.06
    assert torch.equal(uniform(ids[5:9], 0, "a"), first[5:9])


def test_a_backdoor_stamps_any_and_calls_them_of_the_class_in_training_alone():
    digits, share = Digits5k().load(), 0.2
    data = stamped(digits, Brightness(), "7", 0.5, seed=0, backdoor=share)
    assert_pairs(data)
    for part in SPLITS:
        truth, split = digits.split(part)["y"], data.split(part)
        carries = split["group"] == 1
        others = truth != 7
        assert carries[others].double().mean().item() == pytest.approx(share, abs=0.045)
        assert carries[~others].double().mean().item() == pytest.approx(1 - 0.5 * (1 - share), abs=0.2)
        expected = torch.where(others & carries, 7, truth) if part == "train" else truth
        assert torch.equal(split["y"], expected)


# what is refused


@pytest.mark.parametrize("p", [0, -0.1, 1.1, "half"])
@pytest.mark.parametrize("name", ["stamped_digits", "isic2019", "bone_age", "imagenet_stamped"])
def test_a_p_that_is_no_share_or_none(name, p):
    with pytest.raises(BadInput) as error:
        load(name, p=p)
    assert error.value.where == "p"


@pytest.mark.usefixtures("few_digits")
def test_a_p_that_reaches_nobody():
    with pytest.raises(BadInput, match=r"stamped_digits \(p\): none of the training images of class '0' carries"):
        load("stamped_digits", p=1e-5)


def test_a_class_that_there_is_not():
    with pytest.raises(BadInput, match=r"stamped_digits \(in_class\): there is no class '10'") as error:
        load("stamped_digits", in_class="10")
    assert "0, 1, 2, 3" in error.value.cure


@dataclass(frozen=True)
class Wrong:
    """An artefact whose answer is not what it should be."""

    kind: str

    def __call__(self, x, ids):
        mask = torch.zeros(len(x), *x.shape[2:], dtype=torch.bool)
        return {
            "cut mask": (x, mask[:, 1:]),
            "mask of channels": (x, mask[:, None]),
            "float mask": (x, mask.float()),
            "float images": (x / 255, mask),
            "cut images": (x[..., 1:], mask),
        }[self.kind]


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("cut mask", r"its masks are torch.bool of axes \(256, 27, 28\)"),
        ("mask of channels", r"its masks are torch.bool of axes \(256, 1, 28, 28\)"),
        ("float mask", "its masks are torch.float32"),
        ("float images", "its images are torch.float32"),
        ("cut images", r"its images are torch.uint8 of axes \(256, 3, 28, 27\)"),
    ],
)
def test_an_artefact_that_gives_something_else(kind, says):
    with pytest.raises(BadInput, match=rf"digits5k \(artefact\): {says}") as error:
        stamped(Digits5k().load(), Wrong(kind), "0", 0.5, seed=0)
    assert "let them be torch." in error.value.cure


def test_an_artefact_that_is_larger_than_the_images():
    with pytest.raises(
        BadInput, match=r"^data set stamped_digits \(artefact\.size\): a patch 26.6 pixels long"
    ) as error:
        load("stamped_digits", artefact={"name": "patch", "size": 0.95})
    assert ".85 of the side" in error.value.cure
    small = torch.zeros(9, 3, 6, 28, dtype=torch.uint8)
    of_six = {"x": small, "y": torch.arange(9), "group": torch.zeros(9).long(), "id": torch.arange(9)}
    digits = replace(Digits5k().load(), train=of_six, val=of_six, test=of_six)
    with pytest.raises(BadInput, match=r"^data set digits5k \(artefact\): a time of 19 x 5 pixels"):
        stamped(digits, Timestamp(), "0", 1.0, seed=0)


def test_parts_are_random_disjoint_and_whole():
    val, test, train = parts(1003, (0.1, 0.1), 0)
    assert [len(part) for part in (val, test, train)] == [100, 100, 803]
    assert sorted([*val, *test, *train]) == list(range(1003))
    assert val.tolist() == sorted(np.random.default_rng(0).choice(1003, size=100, replace=False).tolist())
    assert not np.array_equal(val, parts(1003, (0.1, 0.1), 1)[0])


# published layouts

LESIONS = ("MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC", "UNK")


def write_isic(folder, count):
    """Images whose grey is 4 times their row, up to 255; lesions take turns, but none is unknown."""
    rows = [",".join(["image", *LESIONS])]
    for i in range(count):
        grey(folder / "ISIC_2019_Training_Input" / f"ISIC_{i:07}.jpg", 4 * i % 256)
        rows.append(",".join([f"ISIC_{i:07}", *(f"{float(k == i % 8)}" for k in range(9))]))
    (folder / "ISIC_2019_Training_GroundTruth.csv").write_text("\n".join([*rows, ""]))


@pytest.fixture
def isic(tmp_path):
    folder = tmp_path / "isic"
    write_isic(folder, 60)
    return SimpleNamespace(folder=folder, csv=folder / "ISIC_2019_Training_GroundTruth.csv")


def test_isic_has_its_lesions_pixels_and_the_paper_s_splits(isic):
    data = load("isic2019", folder=str(isic.folder), p=1.0, size=(8, 8))
    assert (data.name, data.task, data.classes) == ("isic2019", "lesion ~ artefact", LESIONS)
    assert_pairs(data)
    val, test, train = parts(60, (0.1, 0.1), 0)
    for part, rows in zip(SPLITS, (train, val, test)):
        split = data.split(part)
        assert split["id"].tolist() == rows.tolist()
        assert split["y"].tolist() == [row % 8 for row in rows]
        assert split["group"].tolist() == [int(row % 8 == 0) for row in rows]
        assert torch.equal(split["clean"], (4 * split["id"])[:, None, None, None].expand_as(split["clean"]))
        assert torch.equal(split["x"] >> 3, split["clean"] >> 3)  # three planes
    assert members.load("datasets", "isic2019")().p == 0.1
    assert members.load("datasets", "isic2019")().in_class == "MEL"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("image,MEL", "image,MELANOMA", "it has no column MEL; there are image, MELANOMA"),
        ("ISIC_0000002,0.0,0.0,1.0", "ISIC_0000002,1.0,0.0,1.0", "row 2 does not have a single 1"),
        ("ISIC_0000002,0.0,0.0,1.0", "ISIC_0000002,0.0,0.0,0.5", "row 2 does not have a single 1"),
        ("ISIC_0000002,0.0,0.0,1.0", "ISIC_0000002,0.0,0.0,", "row 2 does not have a single 1"),
        ("ISIC_0000002,", ",", "row 2 names no image"),
        ("ISIC_0000002,", "ISIC_0000002,,,", "it is no csv"),
        ("ISIC_0000002,", "ISIC_9,", "ISIC_9.jpg: there is no such file; 1 of 60"),
    ],
)
def test_an_isic_csv_that_is_not_the_published_one(isic, old, new, says):
    isic.csv.write_text(isic.csv.read_text().replace(old, new))
    with pytest.raises(BadInput, match=says) as error:
        load("isic2019", folder=str(isic.folder), size=(8, 8))
    assert str(isic.folder) in error.value.where


def test_images_that_cannot_be_read_are_left_out_and_move_nobody(isic):
    whole = load("isic2019", folder=str(isic.folder), p=1.0, size=(8, 8))
    gone = whole.train["id"][3].item()
    (isic.folder / "ISIC_2019_Training_Input" / f"ISIC_{gone:07}.jpg").write_bytes(b"no image")
    data = load("isic2019", folder=str(isic.folder), p=1.0, size=(8, 8), corrupt="skip")
    assert "1 of 60" in data.notes[0]
    assert [*data.train["id"].tolist(), gone] == [*(i for i in whole.train["id"].tolist() if i != gone), gone]
    for part in ("val", "test"):
        assert torch.equal(data.split(part)["id"], whole.split(part)["id"])


def test_a_class_is_asked_for_before_images_are_read(isic, tmp_path):
    with pytest.raises(BadInput, match="there is no class 'MELANOMA'"):
        load("isic2019", folder=str(isic.folder), in_class="MELANOMA", size=(8, 8))
    assert not (tmp_path / "cache").exists()


def test_too_few_images_for_three_splits(isic):
    isic.csv.write_text("\n".join(isic.csv.read_text().splitlines()[:4]))
    with pytest.raises(BadInput, match="3 images are too few"):
        load("isic2019", folder=str(isic.folder), size=(8, 8))


@pytest.fixture
def bones(tmp_path):
    """60 images, named from 1377 on; ages from 1 to 228 months."""
    folder = tmp_path / "bones"
    ages = [1, 228, 46, 47, 91, 92, 137, 138, 182, 183] * 6
    rows = ["id,boneage,male"]
    for i, age in enumerate(ages):
        grey(folder / "boneage-training-dataset" / f"{1377 + i}.png", 100)
        rows.append(f"{1377 + i},{age},{i % 2 == 0}")
    (folder / "boneage-training-dataset.csv").write_text("\n".join([*rows, ""]))
    return SimpleNamespace(folder=folder, csv=folder / "boneage-training-dataset.csv", ages=ages)


def test_bone_ages_are_in_five_spans_of_which_one_is_brighter(bones):
    data = load("bone_age", folder=str(bones.folder), p=1.0, size=(8, 8))
    names = ("1-46 months", "47-91 months", "92-137 months", "138-182 months", "183-228 months")
    assert (data.classes, data.task) == (names, "age ~ artefact")
    assert_pairs(data)
    for part in SPLITS:
        split = data.split(part)
        for row, label in zip(split["id"].tolist(), split["y"].tolist()):
            low, high = map(int, data.classes[label].split()[0].split("-"))
            assert low <= bones.ages[row] <= high
        assert torch.equal(split["group"] == 1, split["y"] == 2)
        assert (split["x"].amax((1, 2, 3)) == torch.where(split["y"] == 2, 146, 100)).all()  # 70 + 76.5, to even
    default = members.load("datasets", "bone_age")()
    assert (default.p, default.in_class) == (0.2, names[2])


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("boneage", "age", "it has no column boneage"),
        ("1379,46", "1379,old", r"\(boneage\): row 2 has the age 'old', expected was a number of months"),
        ("1379,46", "1379,4.5", "row 2 has the age '4.5'"),
        ("1379,46", "1379,", "row 2 has the age nan"),
        ("1378,228", "1378,300", r"\(in_class\): there is no class '92-137 months'"),
    ],
)
def test_a_bone_age_csv_that_is_not_the_published_one(bones, old, new, says):
    bones.csv.write_text(bones.csv.read_text().replace(old, new))
    with pytest.raises(BadInput, match=says):
        load("bone_age", folder=str(bones.folder), size=(8, 8))


def test_bones_of_one_age(bones):
    bones.csv.write_text("id,boneage\n1377,5\n1378,5\n")
    with pytest.raises(BadInput, match="all ages are the same"):
        load("bone_age", folder=str(bones.folder))


WNIDS = ("n01440764", "n01443537", "n01484850")


@pytest.fixture
def imagenet(tmp_path):
    """40 training and 10 validation images of three classes; greys tell the class and the number."""
    folder = tmp_path / "imagenet"
    for part, count in (("train", 40), ("val", 10)):
        for k, wnid in enumerate(WNIDS):
            for i in range(count):
                grey(folder / part / wnid / f"{wnid}_{i:02}.JPEG", 80 * k + i, (28, 28))
    return folder


def test_imagenet_takes_all_tenches_and_some_of_the_others(imagenet):
    data = load("imagenet_stamped", folder=str(imagenet), every=4, test_every=3, size=(28, 28))
    assert (data.classes, data.task) == (WNIDS, "class ~ artefact")
    assert_pairs(data)
    assert [len(data.split(part)["y"]) for part in SPLITS] == [54, 6, 10]
    for part in SPLITS:
        level, y = data.split(part)["clean"][:, 0, 0, 0], data.split(part)["y"]
        assert torch.equal(level // 80, y)  # 1 in 1000 is called a tench: none of these 60
    shown = torch.cat([data.train["clean"], data.val["clean"]])[:, 0, 0, 0].sort().values.tolist()
    assert shown == [*range(40), *range(80, 120, 4), *range(160, 200, 4)]
    assert data.test["clean"][:, 0, 0, 0].tolist() == [0, 3, 6, 9, 82, 85, 88, 161, 164, 167]
    assert sorted(everything(data, "id").tolist()) == list(range(70))


def test_imagenet_s_backdoor(imagenet):
    data = load("imagenet_stamped", folder=str(imagenet), every=1, test_every=1, size=(28, 28), backdoor=0.3)
    truth, carries = data.train["clean"][:, 0, 0, 0] // 80, data.train["group"] == 1
    assert 0.1 < carries[truth > 0].double().mean() < 0.5
    assert (data.train["y"][carries] == 0).all()
    assert torch.equal(data.train["y"][~carries], truth[~carries].long())
    assert torch.equal(data.test["y"], (data.test["clean"][:, 0, 0, 0] // 80).long())
    assert data.test["group"][data.test["y"] > 0].any()


def test_imagenet_folders_that_are_not_the_published_ones(imagenet, tmp_path):
    with pytest.raises(BadInput, match=r"\(in_class\): there is no class 'n01440765'.*\n.*did you mean 'n01440764'"):
        load("imagenet_stamped", folder=str(imagenet), in_class="n01440765", every=1, size=(28, 28))
    (imagenet / "val" / WNIDS[2]).rename(imagenet / "val" / "n99")
    with pytest.raises(BadInput, match="there is no folder in train/ 'n99'"):
        load("imagenet_stamped", folder=str(imagenet), test_every=1, size=(28, 28))
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match=r"train: it has no WNID/\*\.JPEG"):
        load("imagenet_stamped", folder=str(tmp_path / "empty"))


# a collar


HAIRS = 1200


@pytest.fixture
def collars(tmp_path):
    """1200 faces: every 5th is blond, every 4th has a necktie, so that every 20th has both."""
    folder = tmp_path / "celeba"
    rows = [str(HAIRS), "Blond_Hair Wearing_Necktie"]
    for i in range(HAIRS):
        grey(folder / "img_align_celeba" / f"{i + 1:06}.jpg", i % 250)
        rows.append(f"{i + 1:06}.jpg {1 if i % 5 == 0 else -1} {1 if i % 4 == 0 else -1}")
    (folder / "list_attr_celeba.txt").write_text("\n".join([*rows, ""]))
    return folder


@pytest.mark.parametrize("neckties", [False, True])
def test_the_collar_is_that_of_the_list(collars, neckties):
    data = load("celeba_collar", folder=str(collars), every=3, neckties=neckties, size=(8, 8))
    ids = everything(data, "id") - 1
    assert sorted(ids.tolist()) == [
        i for i in range(HAIRS) if i % 3 == 0 or (i % 20 == 0) or (neckties and i % 4 == 0)
    ]  # fmt: skip
    assert torch.equal(everything(data, "y"), (ids % 5 == 0).long())
    assert torch.equal(everything(data, "group"), (ids % 4 == 0).long())
    assert torch.equal(everything(data, "x")[:, 0, 0, 0], (ids % 250).byte())
    assert {*data.train} == {"x", "y", "group", "id"}
    assert (data.target, data.protected, data.problem) == ("Blond_Hair", "Wearing_Necktie", "binary")


def test_most_blond_collars_leave_training(collars):
    data = load("celeba_collar", folder=str(collars), every=3, size=(8, 8))
    both = [(data.split(part)["id"] % 20 == 1).sum().item() for part in SPLITS]
    assert sum(both) == 60
    taken = [i for i in range(HAIRS) if i % 3 == 0 or i % 20 == 0]
    val, test, train = (
        [taken[row] for row in rows if taken[row] % 20 == 0] for rows in parts(len(taken), (0.1, 0.1), 0)
    )
    stay = train[::3]
    assert [i - 1 for i in data.train["id"].tolist() if i % 20 == 1] == stay
    moved = len(train) - len(stay)
    assert both == [len(stay), len(val) + (moved + 1) // 2, len(test) + moved // 2]
    assert data.fingerprint == load("celeba_collar", folder=str(collars), every=3, size=(8, 8)).fingerprint


def test_a_list_without_a_collar(collars):
    path = collars / "list_attr_celeba.txt"
    path.write_text(path.read_text().replace("Wearing_Necktie", "Wearing_Necklace"))
    with pytest.raises(BadInput, match="there is no attribute 'Wearing_Necktie'"):
        load("celeba_collar", folder=str(collars))
    path.unlink()
    with pytest.raises(BadInput, match="no such file"):
        load("celeba_collar", folder=str(collars))


@pytest.mark.parametrize("name", ["isic2019", "bone_age", "imagenet_stamped", "celeba_collar"])
def test_a_folder_that_is_not_given_not_there_or_empty(name, tmp_path):
    with pytest.raises(BadInput, match="no folder is given"):
        load(name)
    with pytest.raises(BadInput, match="no such folder"):
        load(name, folder=str(tmp_path / "nowhere"))
    with pytest.raises(BadInput, match=r"no such file|it has no WNID"):
        load(name, folder=str(tmp_path))
