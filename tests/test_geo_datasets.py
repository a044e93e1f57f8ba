"""Groups with a number of each: digits of countries, and photographs in miniature, of countries and of homes."""

import re
from math import log

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from fairray import members
from fairray.data import SPLITS
from fairray.datasets import digits5k
from fairray.datasets._countries import GDP, log_gdp
from fairray.datasets.geo_mnist import clutter, photographed, spread
from fairray.errors import BadInput


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FAIRRAY_CACHE", str(tmp_path / "cache"))


def load(name, **arguments):
    return members.build("datasets", {"name": name, **arguments}).load()


def everything(data, key):
    return torch.cat([data.split(part)[key] for part in SPLITS])


def counts(data):
    return np.array([np.bincount(data.split(part)["group"], minlength=len(data.groups)) for part in SPLITS])


def paint(path, colour):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (6, 4), colour).save(path)


# ---- GDP per capita


def test_the_shipped_table_is_gapminder_s():
    table = pd.read_csv(GDP, comment="#").set_index("country")
    assert (len(table), table["iso"].nunique(), {*table["year"]}) == (142, 142, {2007})
    known = {"Norway": 49357.19017, "Zimbabwe": 469.7092981, "Japan": 31656.06806}
    assert table["usd"][[*known]].to_dict() == known
    assert (table["usd"].idxmin(), table["usd"].idxmax()) == ("Congo, Dem. Rep.", "Norway")


def test_logarithms_are_natural_and_the_poorest_is_first():
    numbers = log_gdp(["Norway", "Zimbabwe", "Japan", "Norway"], None)
    assert numbers.to_dict() == {"Zimbabwe": log(469.7092981), "Japan": log(31656.06806), "Norway": log(49357.19017)}
    assert [*numbers.index] == ["Zimbabwe", "Japan", "Norway"]


@pytest.mark.parametrize(
    ("text", "where", "says"),
    [
        ("country,usd\nA,1\n", "", r"no GDP per capita of 2 of 3 countries: B; C\n"),
        ("country,usd\nA,1\nB,0\nC,2\n", " (usd)", "row 2 has '0', expected was a number above 0"),
        ("country,usd\nA,1\nB,2\nC,-3\n", " (usd)", "row 3 has '-3'"),
        ("country,usd\nD,none\nA,1\nB,rich\nC,2\n", " (usd)", "row 3 has 'rich'"),
        ("country,usd\nA,inf\nB,2\nC,2\n", " (usd)", "row 1 has 'inf'"),
        ("country,usd\nA,1\nB,2\nA,3\nC,2\n", " (country)", "A stands there again in row 3"),
        ("country,usd\nA,1\nB,\nC,2\n", " (usd)", "row 2 has ''"),
        ("country,gdp\nA,1\n", "", "no column usd; expected were country, usd, there are country, gdp"),
        ("country,usd\n", "", "no row"),
        ("", "", "cannot be read"),
    ],
)
def test_a_table_that_cannot_serve_is_named(tmp_path, text, where, says):
    path = tmp_path / "gdp.csv"
    path.write_text(text)
    with pytest.raises(BadInput) as error:
        log_gdp(["A", "B", "C"], path)
    assert error.value.where == f"{path}{where}"
    assert error.match(says)
    assert error.value.cure


def test_a_row_of_a_country_that_is_not_asked_for_may_be_empty(tmp_path):
    path = tmp_path / "gdp.csv"
    path.write_text("# of 2020\nyear,usd,country\n2020,,D\n2020,1,A\n")
    assert log_gdp(["A"], path).to_dict() == {"A": 0.0}
    with pytest.raises(BadInput, match="no such file"):
        log_gdp(["A"], tmp_path / "none.csv")


# ---- digits


def test_geo_mnist_has_41_of_the_countries_from_the_poorest_to_the_richest():
    data = load("geo_mnist")
    assert (len(data.groups), data.groups[0], data.groups[-1]) == (41, "Congo, Dem. Rep.", "Norway")
    assert data.covariate[0] == pytest.approx(log(277.5518587))
    assert [*data.covariate] == sorted(data.covariate)
    assert data.covariate_name == "log GDP per capita (2005 international $, 2007)"
    assert (data.target, data.protected, data.groups_on) == ("digit", "country", "split")
    assert [len(data.split(part)["y"]) for part in SPLITS] == [3000, 1000, 1000]
    assert data.train["x"].dtype == torch.uint8
    assert data.train["x"].shape == (3000, 3, 28, 28)
    assert load("geo_mnist", countries=142, groups_on="all").groups_on == "all"


def test_geo_mnist_countries_are_as_unequal_as_asked_in_every_split():
    few = counts(load("geo_mnist"))
    assert few.min() >= 4
    assert (few.argmax(1) == few[0].argmax()).all()
    beyond = np.sort(few[0] - 4)[::-1]  # Zipf's law: the k-th has a k-th of the first
    np.testing.assert_allclose(beyond, beyond[0] / np.arange(1, 42), atol=1.5)
    equal = counts(load("geo_mnist", skew=0.0))
    assert (equal.max(1) - equal.min(1) <= 1).all()


def test_geo_mnist_sizes_do_not_go_with_income():
    found = [
        np.corrcoef(counts(data)[0], data.covariate)[0, 1] for data in (load("geo_mnist", seed=s) for s in range(8))
    ]
    assert abs(np.mean(found)) < 0.2
    assert min(found) < 0 < max(found)


def test_every_group_has_the_labels_that_all_have():
    y = np.arange(1000) % 10
    group = spread(y, np.array([4.0, 600.0, 96.0, 300.0]), np.random.default_rng(0))
    cells = np.bincount(10 * group + y, minlength=40).reshape(4, 10)
    assert cells.sum(1).tolist() == [4, 600, 96, 300]
    assert np.abs(cells - cells.sum(1, keepdims=True) / 10).max() <= 1.5


def test_geo_mnist_without_strength_is_the_plain_digits_in_every_country():
    data, plain = load("geo_mnist", strength=0.0), digits5k._digits()
    assert torch.equal(everything(data, "x"), plain["x"][everything(data, "id")])
    assert torch.equal(everything(data, "y"), plain["y"][everything(data, "id")])
    assert torch.equal(everything(load("geo_mnist"), "group"), everything(data, "group"))


@pytest.mark.parametrize("strength", [0.25, 0.5, 1.0])
def test_the_poorer_the_less_contrast(strength):
    x, steps = digits5k._digits()["x"][::500], torch.linspace(0, strength, 6)
    ground = clutter(0, np.arange(len(x)))
    seen = torch.stack([photographed(x, step.expand(len(x)), ground) for step in steps]).float()
    ink, black = x == 255, x == 0
    light, dark = seen[:, ink].mean(1), seen[:, black].mean(1)
    assert (light.diff() < 0).all()  # less light, paler ink
    assert ((light - dark).diff() < 0).all()
    assert (seen[:, black].std(1).diff() > 0).all()  # clutter
    assert torch.equal(seen[0], x.float())


def test_geo_mnist_contrast_rises_with_income():
    data = load("geo_mnist")
    x, group, plain = (data.train["x"].double(), data.train["group"], digits5k._digits()["x"][data.train["id"]])
    light, dark = ([x[group == g][plain[group == g] == level].mean().item() for g in range(41)] for level in (255, 0))
    assert light == sorted(light)
    assert light[-1] == 255
    assert dark[-1] == 0
    assert pd.Series(dark).corr(pd.Series(data.covariate), method="spearman") < -0.95


def test_geo_mnist_is_drawn_with_its_seed():
    first, same, other = (load("geo_mnist", seed=seed) for seed in (0, 0, 1))
    assert first.fingerprint == same.fingerprint != other.fingerprint
    assert first.fingerprint != load("geo_mnist", groups_on="all").fingerprint
    assert not torch.equal(clutter(0, np.arange(3)), clutter(1, np.arange(3)))
    assert torch.equal(clutter(0, np.arange(3))[2:], clutter(0, np.array([2])))


def slope(data):
    """Of accuracy on log GDP per capita, by a linear classifier, over all that it was not trained on."""
    torch.manual_seed(0)
    net = torch.nn.Linear(784, 10)
    optimiser = torch.optim.Adam(net.parameters(), 1e-3)
    x, y = data.train["x"][:, 0].flatten(1) / 255, data.train["y"]
    for batch in [rows for _ in range(8) for rows in torch.randperm(len(x)).split(64)]:
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(net(x[batch]), y[batch]).backward()
        optimiser.step()
    held = [torch.cat([data.val[key], data.test[key]]) for key in ("x", "y", "group")]
    right = (net(held[0][:, 0].flatten(1) / 255).argmax(1) == held[1]).double()
    size = torch.bincount(held[2], minlength=len(data.groups))
    accuracy = torch.bincount(held[2], right, minlength=len(data.groups)) / size
    return np.polyfit(data.covariate, accuracy.numpy(), 1, w=size.double().sqrt().numpy())[0]


def test_geo_mnist_accuracy_rises_with_income_where_there_is_strength():
    with_strength, without = (slope(load("geo_mnist", strength=strength)) for strength in (1.0, 0.0))
    assert with_strength > 0.04
    assert abs(without) < 0.02


def test_too_few_digits_for_so_many_countries(monkeypatch):
    few = {key: column[::40] for key, column in digits5k._digits().items()}
    monkeypatch.setattr(digits5k, "_digits", lambda: few)
    assert counts(load("geo_mnist", countries=3)).min() >= 4
    with pytest.raises(BadInput, match="the val split has 25 digits, too few for 4 in 10 countries") as error:
        load("geo_mnist", countries=10)
    assert error.value.where == "data set geo_mnist (countries)"
    with pytest.raises(BadInput, match="no folder is given"):
        load("geo_mnist", source="mnist")


# ---- photographs of countries

COUNTRIES = {"Chad": 30, "Japan": 10, "Peru": 20}  # images of each


@pytest.fixture
def photos(tmp_path):
    """COUNTRY/LABEL/IMAGE, whose red is its number in the country; Japan has no stove."""
    for country, number in COUNTRIES.items():
        for i in range(number):
            label = "bed" if i % 2 or country == "Japan" else "stove"
            paint(tmp_path / "photos" / country / label / f"{i:02}.png", (8 * i, 0, 0))
    return tmp_path / "photos"


def listed(folder):
    """The same images, in a table."""
    paths = sorted(path.relative_to(folder) for path in folder.glob("*/*/*.png"))
    table = pd.DataFrame([(str(p), p.parts[1], p.parts[0]) for p in paths], columns=["image", "label", "country"])
    table.assign(camera="x").to_csv(folder / "images.csv", index=False)
    return table


def test_geo_imagenet_reads_folders_and_a_table_alike(photos):
    data = load("geo_imagenet", folder=str(photos), size=(4, 6))
    assert (data.classes, data.groups) == (("bed", "stove"), ("Chad", "Peru", "Japan"))
    assert data.covariate == tuple(log(usd) for usd in (1704.063724, 7408.905561, 31656.06806))
    assert counts(data).tolist() == [[21, 14, 7], [3, 2, 1], [6, 4, 2]]
    assert (data.protected, data.covariate_name) == ("country", "log GDP per capita (2005 international $, 2007)")
    table = listed(photos)
    again = load("geo_imagenet", folder=str(photos), size=(4, 6))
    assert data.fingerprint == again.fingerprint
    rows = table.iloc[again.train["id"].tolist()]
    assert [again.groups[g] for g in again.train["group"]] == rows["country"].tolist()
    assert [again.classes[y] for y in again.train["y"]] == rows["label"].tolist()
    numbers = [8 * int(name[-6:-4]) for name in rows["image"]]
    assert again.train["x"][:, 0, 0, 0].tolist() == numbers


def test_geo_imagenet_splits_are_drawn_with_the_seed(photos):
    first, same, other = (load("geo_imagenet", folder=str(photos), size=(2, 2), seed=seed) for seed in (0, 0, 1))
    assert first.fingerprint == same.fingerprint != other.fingerprint
    assert sorted(everything(other, "id").tolist()) == list(range(60))


def test_geo_imagenet_for_a_trained_network(photos, tmp_path):
    (tmp_path / "classes.txt").write_text("sofa\nstove\nbed\n")
    (tmp_path / "mine.csv").write_text("country,usd\nPeru,30\nJapan,10\nChad,20\n")
    own = {"classes": str(tmp_path / "classes.txt"), "gdp": str(tmp_path / "mine.csv")}
    data = load("geo_imagenet", folder=str(photos), size=(2, 2), validation=0.0, test=1.0, groups_on="all", **own)
    assert (data.classes, data.groups) == (("sofa", "stove", "bed"), ("Japan", "Chad", "Peru"))
    assert counts(data).tolist() == [[0, 0, 0], [0, 0, 0], [10, 30, 20]]
    assert (data.covariate_name, data.groups_on) == ("log GDP per capita (mine.csv)", "all")
    (tmp_path / "classes.txt").write_text("sofa\nstove\n")
    with pytest.raises(BadInput, match="there is no class 'bed'"):
        load("geo_imagenet", folder=str(photos), **own)


def test_every_country_must_be_in_every_split(photos):
    for country, number in (("Mali", 3), ("Togo", 5)):
        for i in range(number):
            paint(photos / country / "bed" / f"{i}.png", (0, 0, 0))
    says = r"2 of 5 groups have no image in some split: Togo \(5 images, none in val\); Mali \(3 images, none in val\)$"
    with pytest.raises(BadInput) as error:
        load("geo_imagenet", folder=str(photos), size=(2, 2))
    assert re.search(says, error.value.problem)
    assert len(load("geo_imagenet", folder=str(photos), size=(2, 2), validation=0.3, test=0.3).groups) == 5


def test_a_country_whose_images_are_all_broken_is_named(photos):
    for path in photos.glob("Japan/*/*"):
        path.write_text("no image")
    with pytest.raises(BadInput, match="no whole image"):
        load("geo_imagenet", folder=str(photos), size=(2, 2))
    with pytest.raises(BadInput, match=r"1 of 3 groups .*: Japan \(0 images, none in train, val, test\)"):
        load("geo_imagenet", folder=str(photos), size=(2, 2), corrupt="skip")


@pytest.mark.parametrize(
    ("change", "where", "says"),
    [
        (
            lambda t: t.replace({"country": {"Chad": "Tchad", "Peru": "Perou"}}),
            GDP,
            "of 2 of 3 countries: Perou; Tchad",
        ),
        (lambda t: t[t["country"] == "Peru"], "data set geo_imagenet in {}", r"images of 1 \(Peru\); a slope needs"),
        (lambda t: t.drop(columns="label"), "{}/images.csv", "no column label"),
        (lambda t: t.replace({"label": {"stove": ""}}), "{}/images.csv (label)", "row 16 is empty there"),
        (lambda t: pd.concat([t, t[:1]]), "{}/images.csv (image)", "row 61 has Chad/bed/01.png again"),
        (lambda t: t.replace("Chad/bed/01.png", "none.png"), "{}/none.png", "no such file; 1 of 60"),
    ],
)
def test_geo_imagenet_says_what_is_wrong(photos, change, where, says):
    change(listed(photos)).to_csv(photos / "images.csv", index=False)
    with pytest.raises(BadInput, match=says) as error:
        load("geo_imagenet", folder=str(photos), size=(2, 2))
    assert error.value.where == str(where).format(photos)
    assert error.value.cure


@pytest.mark.parametrize("name", ["geo_imagenet", "dollar_street"])
def test_folders_that_are_not_given_not_there_or_empty(name, tmp_path):
    with pytest.raises(BadInput, match="no folder is given"):
        load(name)
    with pytest.raises(BadInput, match="no such folder"):
        load(name, folder=str(tmp_path / "nowhere"))
    with pytest.raises(BadInput, match=r"neither images\.csv nor folders COUNTRY/LABEL|no such file"):
        load(name, folder=str(tmp_path))


# ---- photographs of homes

HOMES = {"Peru 2": 300.0, "Mali 10": 30.0, "Togo 1": 90.5}


@pytest.fixture
def street(tmp_path):
    """metadata.csv with all columns as published, and ten images of each home, the first of which has two labels."""
    rows = []
    for home, income in HOMES.items():
        for i in range(10):
            name = f"480x480-{home[:4].lower()}-{i}.jpg"
            paint(tmp_path / "street" / "images" / name, (20 * i, 0, 0))
            url = f"http://static.dollarstreet.org/media/{home.replace(' ', '%20')}/image/{name[8:-4]}/{name}"
            labels = ["beds", "bedrooms"] if i == 0 else ["stoves"] if i % 2 else ["beds"]
            paid = 2 * income if i == 9 else income  # as in the published file, where some homes have two incomes
            rows.append((home[:4], url, paid, 1.0, 2.0, "Africa", labels, [64], ["pot"], [64], ["pot"]))
    columns = "country url income lat lng region label sin21k_targets_alibaba sin21k_labels_alibaba sin21k_targets"
    table = pd.DataFrame(rows, columns=[*columns.split(), "sin21k_labels"])
    table.to_csv(tmp_path / "street" / "metadata.csv")
    return tmp_path / "street"


def test_dollar_street_groups_are_homes_in_order_of_income(street):
    data = load("dollar_street", folder=str(street), size=(2, 2))
    assert (data.classes, data.groups) == (("beds", "stoves"), ("Mali 10", "Togo 1", "Peru 2"))
    assert data.covariate == pytest.approx([log(30), log(90.5), log(300)])
    assert data.covariate_name == "log monthly income ($)"
    assert counts(data).tolist() == [[6] * 3, [1] * 3, [2] * 3]
    assert "it has the labels beds, bedrooms; 3 of 30 files cannot be used" in data.notes[0]
    assert sorted(everything(data, "id").tolist()) == [i for i in range(30) if i % 10]
    home = [data.groups[g] for g in everything(data, "group")]
    assert home == [[*HOMES][i // 10] for i in everything(data, "id").tolist()]
    assert torch.equal(everything(data, "y"), everything(data, "id") % 10 % 2)
    assert (everything(data, "x")[:, 0, 0, 0] - 20 * (everything(data, "id") % 10)).abs().max() <= 2


def test_dollar_street_may_take_the_first_label(street):
    data = load("dollar_street", folder=str(street), size=(2, 2), several="first", groups_on="all")
    assert (len(everything(data, "y")), data.groups_on) == (30, "all")
    assert (everything(data, "y")[everything(data, "id") % 10 == 0] == 0).all()
    assert data.fingerprint != load("dollar_street", folder=str(street), size=(2, 2), several="first").fingerprint


def test_dollar_street_homes_with_few_images(street):
    table = pd.read_csv(street / "metadata.csv", index_col=0)
    fourth = table[:9].assign(url=[url.replace("Peru%202", "Peru%203") for url in table["url"][:9]])
    fourth["url"] = [f"{url[:-4]}-b.jpg" for url in fourth["url"]]
    for i in range(9):
        paint(street / "images" / f"480x480-peru-{i}-b.jpg", (0, 0, 0))
    pd.concat([table, fourth[:3]]).to_csv(street / "metadata.csv")
    arguments = {"folder": str(street), "size": (2, 2)}
    with pytest.raises(
        BadInput, match=r"1 of 4 groups have no image in some split: Peru 3 \(2 images, none in val\)"
    ) as error:
        load("dollar_street", **arguments)
    assert "minimum: NUMBER" in error.value.cure
    large = load("dollar_street", minimum=9, **arguments)
    assert len(large.groups) == 3
    assert "left out: 1 of 4 homes, which have fewer than 9 images" in large.notes
    with pytest.raises(BadInput, match="a slope needs at least 3"):
        load("dollar_street", minimum=20, **arguments)


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("url", "http://x.org/1.jpg", r"row 4 has 'http://x\.org/1\.jpg', expected was"),
        ("income", "0", "row 4 has '0', expected was a number above 0"),
        ("income", "", "row 4 has ''"),
        ("label", "beds", r"row 4 has 'beds', expected was a list such as \['beds', 'bedrooms'\]"),
        ("label", "[]", r"row 4 has '\[\]'"),
        ("label", "[27]", r"row 4 has '\[27\]'"),
    ],
)
def test_dollar_street_says_what_is_wrong(street, column, value, says):
    table = pd.read_csv(street / "metadata.csv", index_col=0, dtype=str)
    table[column] = [value if row == 3 else old for row, old in enumerate(table[column])]
    table.to_csv(street / "metadata.csv")
    with pytest.raises(BadInput, match=says) as error:
        load("dollar_street", folder=str(street), size=(2, 2))
    assert error.value.where == f"{street / 'metadata.csv'} ({column})"


def test_dollar_street_images_that_are_not_there_or_twice(street):
    (street / "images" / "480x480-mali-3.jpg").unlink()
    with pytest.raises(BadInput, match="no such file; 1 of 27 files"):
        load("dollar_street", folder=str(street), size=(2, 2))
    data = load("dollar_street", folder=str(street), size=(2, 2), corrupt="skip")
    assert counts(data).sum(0).tolist() == [8, 9, 9]
    table = pd.read_csv(street / "metadata.csv", index_col=0)
    pd.concat([table, table[:1]]).to_csv(street / "metadata.csv")
    with pytest.raises(BadInput, match=r"row 31 has 480x480-peru-0\.jpg again"):
        load("dollar_street", folder=str(street), size=(2, 2))
