"""PreserveTask: exactly balanced, labelled as its pixels show, and the same on every machine."""

import hashlib
from math import cos, pi, sin

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from scipy.stats import binom
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fairray import members
from fairray.data import SPLITS
from fairray.errors import BadInput
from fairray.report.samples import contact_sheet

CLASSES = {
    "shape": ("circle", "quadrilateral", "triangle", "pentagon", "hexagon"),
    "colour": ("violet", "indigo", "blue", "green", "yellow", "orange", "red"),
    "size": ("small", "medium", "large"),
    "location": ("upper right", "upper left", "lower left", "lower right"),
    "background": ("white", "black", "random"),
}
COLOURS = torch.tensor(
    [(148, 0, 211), (75, 0, 130), (0, 0, 255), (0, 255, 0), (255, 255, 0), (255, 127, 0), (255, 0, 0)]
)
CORNERS = (0, 4, 3, 5, 6)
RADII = {
    "circle": ((16, 25), (32, 40), (45, 58)),
    "quadrilateral": ((16, 32), (40, 48), (56, 72)),
    "triangle": ((20, 38), (50, 60), (70, 88)),
    "pentagon": ((14, 28), (36, 44), (52, 68)),
    "hexagon": ((14, 28), (35, 44), (49, 64)),
}
AREAS = torch.tensor([pi, *(n / 2 * sin(2 * pi / n) for n in CORNERS[1:])])  # of radius 1


def load(**arguments):
    return members.build("datasets", {"name": "preservetask", "train": 2, "test": 1, **arguments}).load()


def labels(data, split):
    return {name: split[task.column] for name, task in data.tasks.items()}


def some(split, images, seed=0):
    """A random few of a split."""
    rows = torch.randperm(len(split["y"]), generator=torch.Generator().manual_seed(seed))[:images]
    return {name: column[rows] for name, column in split.items()}


def everything(data, key):
    return torch.cat([data.split(part)[key] for part in SPLITS])


@pytest.fixture(scope="module")
def published():
    return load(train=50, test=10)


@pytest.fixture(scope="module")
def made():
    return load()


@pytest.fixture(scope="module")
def drawn(made):
    """200 images of 256 px with their labels."""
    few = some(made.train, 200)
    return made.shown(few)["x"], labels(made, few), few["x"]


def test_sizes_and_classes_are_the_published_ones(published):
    assert [len(published.split(part)["y"]) for part in SPLITS] == [50_400, 12_600, 12_600]
    assert {name: task.classes for name, task in published.tasks.items()} == CLASSES
    assert published.shape == (3, 256, 256)
    assert published.shown(some(published.test, 2))["x"].dtype == torch.uint8
    assert len(set(everything(published, "id").tolist())) == 75_600


def test_every_split_has_each_of_the_1260_cells_equally_often(published):
    for part, images in zip(SPLITS, (40, 10, 10), strict=True):
        of = labels(published, published.split(part))
        cells = np.ravel_multi_index([of[name].numpy() for name in CLASSES], [len(c) for c in CLASSES.values()])
        assert (np.bincount(cells, minlength=1260) == images).all()


@pytest.mark.parametrize(
    ("train", "share", "held_out"), [(2, 0.2, 1), (3, 0.2, 1), (10, 0.25, 2), (5, 0.5, 2), (4, 0.74, 3)]
)
def test_the_share_for_validation_is_whole_images_of_each_cell(train, share, held_out):
    data = load(train=train, validation=share)
    assert [len(data.split(part)["y"]) // 1260 for part in SPLITS] == [train - held_out, held_out, 1]


def test_roles(made):
    swapped = load(target="location", protected="colour")
    assert (made.target, made.task, made.groups) == ("shape", "shape", ("all",))
    assert swapped.task == "location ~ colour"
    assert list(swapped.tasks) == ["location", "colour", "shape", "size", "background"]
    assert torch.equal(made.train["location"], swapped.train["y"])
    assert torch.equal(made.train["colour"], swapped.train["group"])
    assert torch.equal(made.train["x"], swapped.train["x"])


# Labels from pixels alone: what differs from the first pixel, which no shape reaches, is the shape.


def seen(x):
    """Area, centroid x and y, and largest distance from it, of each image's shape, in pixels."""
    shape = (x != x[:, :, :1, :1]).any(1).float()
    area = shape.sum((1, 2))
    place = torch.arange(x.shape[-1]).float()
    across, down = (shape.sum(1) * place).sum(1) / area, (shape.sum(2) * place).sum(1) / area
    distance = ((place - down[:, None])[:, :, None] ** 2 + (place - across[:, None])[:, None] ** 2).sqrt()
    return area, across, down, (distance * shape).amax((1, 2))


def at_centre(x, across, down):
    rows = torch.arange(len(x))
    return x[rows, :, down.round().long(), across.round().long()]


def colour_of(x):
    _, across, down, _ = seen(x)
    distance = torch.cdist(at_centre(x, across, down).double(), COLOURS.double())
    assert distance.amin(1).eq(0).all()
    return distance.argmin(1)


def background_of(x):
    corners = x[:, :, [0, 0, -1, -1], [0, -1, 0, -1]].long()
    assert (corners == corners[:, :, :1]).all()
    first = corners[:, :, 0]
    assert ((first == 0).all(1) | (first >= 200).all(1)).all()
    return torch.where((first == 255).all(1), 0, torch.where((first == 0).all(1), 1, 2))


def location_of(x):
    _, across, down, _ = seen(x)
    right, lower = across > x.shape[-1] / 2, down > x.shape[-1] / 2
    return torch.where(lower, torch.where(right, 3, 2), torch.where(right, 0, 1))


def size_of(x, shape):
    """The size among whose published radii the radius of a shape of this area is nearest."""
    radius = (seen(x)[0] / AREAS[shape]).sqrt() * 256 / x.shape[-1]
    ends = torch.tensor([RADII[CLASSES["shape"][s]] for s in shape.tolist()])
    return torch.maximum(ends[..., 0] - radius[:, None], radius[:, None] - ends[..., 1]).argmin(1)


def shape_of(x):
    """The shape that fills as much of its circumscribed circle, by the logarithm."""
    area, _, _, reach = seen(x)
    return ((area / reach**2).log()[:, None] - AREAS.log()).abs().argmin(1)


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize(("side", "images"), [(256, 150), (64, 400), (96, 200)])
def test_every_label_but_the_shape_can_be_read_from_pixels(side, images, antialias):
    data = load(side=side, antialias=antialias)
    few = some(data.val, images)
    x, of = data.shown(few)["x"], labels(data, few)
    assert x.shape == (images, 3, side, side)
    assert torch.equal(colour_of(x), of["colour"])
    assert torch.equal(background_of(x), of["background"])
    assert torch.equal(location_of(x), of["location"])
    assert torch.equal(size_of(x, of["shape"]), of["size"])


def test_shapes_can_be_read_from_pixels():
    data = load(antialias=False)
    few = some(data.test, 200)
    x, of = data.shown(few)["x"], labels(data, few)
    large = of["size"] > 0  # a pixel on the edge is too much of small shapes
    assert torch.equal(shape_of(x[large]), of["shape"][large])
    assert (shape_of(x) == of["shape"]).double().mean() > 0.9


def test_a_black_background_is_zero_for_every_shape(drawn):
    x, of, _ = drawn
    black = of["background"] == 1
    assert set(of["shape"][black].tolist()) == set(range(5))
    corners = x[black][:, :, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert corners.eq(0).all()


def told(features, label, classes):
    """Whether a linear probe on half of the examples tells the label of the other half better than chance does."""
    half = len(label) // 2
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200)).fit(features[:half], label[:half])
    right = int((probe.predict(features[half:]) == label[half:]).sum())
    return right > binom.isf(1e-3, len(label) - half, 1 / classes)


@pytest.mark.parametrize("name", ["shape", "colour", "size", "location"])
def test_corners_tell_the_background_alone(published, name):
    few = some(published.test, 3000)
    small = load(side=16, train=50, test=10).shown(few)["x"]
    corners = small[:, :, [0, 0, -1, -1], [0, -1, 0, -1]].flatten(1).double().numpy()
    of = labels(published, few)
    assert not told(corners, of[name].numpy(), len(CLASSES[name]))
    assert told(corners, of["background"].numpy(), 3)


@pytest.mark.parametrize(
    ("columns", "hidden"),
    [
        ((4, 5, 6), ("colour", "background")),
        ((1, 2, 3), ("shape", "size", "location", "background")),
        ((7, 8, 9), ("shape", "colour", "size", "location")),
        ((0,), ("colour", "size", "location", "background")),
    ],
)
def test_no_part_of_a_description_tells_of_another(published, columns, hidden):
    few = some(published.train, 4000)
    features, of = few["x"][:, columns].double().numpy(), labels(published, few)
    for name in hidden:
        assert not told(features, of[name].numpy(), len(CLASSES[name])), name


def test_radii_and_centres_are_uniform_over_the_published_ranges(published):
    x = published.train["x"].long()
    of = labels(published, published.train)
    for shape, ranges in enumerate(RADII.values()):
        for size, (least, most) in enumerate(ranges):
            radius = x[(of["shape"] == shape) & (of["size"] == size), 6]
            counts = torch.bincount(radius - least, minlength=most - least + 1).double()
            mean = len(radius) / (most - least + 1)
            assert len(counts) == most - least + 1
            assert ((counts - mean).abs() < 5 * mean**0.5).all()
    right, upper = (of["location"] == 0) | (of["location"] == 3), of["location"] < 2
    for centre, far in ((x[:, 4], right), (x[:, 5], ~upper)):
        assert (centre[~far] >= x[~far, 6]).all()
        assert (centre[far] <= 255 - x[far, 6]).all()
        assert (centre[~far].max(), centre[far].min()) == (103, 153)
    greys = x[of["background"] == 2, 7:]
    assert (greys.min(), greys.max(), len(greys.unique())) == (200, 245, 46)
    assert torch.corrcoef(greys.T.double()).triu(1).abs().max() < 0.03


# What a description draws


@pytest.mark.parametrize("side", [256, 64, 100])
@pytest.mark.parametrize("antialias", [True, False])
def test_an_image_is_the_same_whatever_is_drawn_beside_it(side, antialias):
    data = load(side=side, antialias=antialias)
    described = some(data.train, 150)["x"]
    together = data.render(described)
    order = torch.randperm(150, generator=torch.Generator().manual_seed(1))
    assert torch.equal(data.render(described[order]), together[order])
    assert torch.equal(torch.cat([data.render(part) for part in described.split(7)]), together)
    assert torch.equal(data.render(described.view(3, 10, 5, -1)), together.view(3, 10, 5, 3, side, side))
    assert torch.equal(data.render(described[:1].expand(2, 3, -1))[1, 2], together[0])


def digest(data):
    hashed = hashlib.sha256()
    for part in SPLITS:
        few = {name: column[::97] for name, column in data.split(part).items()}
        hashed.update(few["id"].numpy().astype("<i8").tobytes())
        hashed.update(data.shown(few)["x"].numpy().tobytes())
    return hashed.hexdigest()[:16]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, "8894dd43320ed0c3"),
        ({"antialias": False}, "1aeb59ff5e149196"),
        ({"side": 64}, "2ee4ff5176681e2e"),
        ({"side": 100, "antialias": False}, "22371123f0ee5575"),
        ({"seed": 1}, "8c7e030b7838a885"),
    ],
)
def test_images_are_these_on_every_machine(arguments, expected):
    assert digest(load(**arguments)) == expected


def test_images_stay_as_they_are_when_there_are_more():
    few, many = load(train=3, test=1), load(train=5, test=2, validation=0.4)
    for parts in (("train", "val"), ("test",)):
        old, new = (
            {name: torch.cat([data.split(part)[name] for part in parts]) for name in data.train} for data in (few, many)
        )
        place = {number: row for row, number in enumerate(new["id"].tolist())}
        rows = torch.tensor([place[number] for number in old["id"].tolist()])
        assert all(torch.equal(old[name], new[name][rows]) for name in old)


def covered(description, side, finer):
    """How much of each pixel is shape, by `finer` x `finer` points in each, straight from the definition."""
    shape, _, _, _, cx, cy, r, *_ = description.tolist()
    x, y = (_points(centre, r, side, finer) for centre in (cx, cy))
    places = np.ix_(*(np.unique(n // finer) for n in (y[0], x[0])))
    x, y = x[1][None, :], y[1][:, None]
    if CORNERS[shape]:
        n = CORNERS[shape]
        turns = [(2 * i + 1) * pi / n for i in range(n)]
        distance = np.max([x * sin(t) + y * cos(t) for t in turns], axis=0) - r * cos(pi / n)
    else:
        distance = np.hypot(x, y) - r
    inside = (distance < -1e-9) + 0.5 * (np.abs(distance) <= 1e-9)  # points on the edge are half inside
    whole = np.zeros((side, side))
    whole[places] = inside.reshape(len(places[0]), finer, -1, finer).mean((1, 3))
    return whole


def _points(centre, radius, side, finer):
    """Which points lie in the shape's pixels, by number, and how far they are from its centre."""
    place = ((np.arange(side * finer) + 0.5) * 256 / (side * finer) - 0.5) - centre
    first, last = np.abs(place).__le__(radius + 256 / side).nonzero()[0][[0, -1]]
    number = np.arange(first // finer * finer, (last // finer + 1) * finer)
    return number, place[number]


def cover(x, description):
    """How much of each pixel of an image is the shape's colour, by the channel in which that differs most."""
    ink, ground = description[1:4].double(), description[7:].double()
    channel = int((ink - ground).abs().argmax())
    return ((x[channel].double() - ground[channel]) / (ink - ground)[channel]).numpy()


@pytest.mark.parametrize("side", [256, 100, 64])
def test_antialiased_edges_are_nearly_the_mean_of_finer_pixels(side):
    """Straight edges at 45 degrees are off by up to .043, where half minus the distance is 0 and the truth is not.

    The rest is a pixel or two at each corner, and rounding to 1/128 and to bytes.
    """
    data = load(side=side)
    few = some(data.train, 24)
    for x, description in zip(data.shown(few)["x"], few["x"], strict=True):
        ours, true = cover(x, description), covered(description, side, 16)
        apart = np.abs(ours - true)
        edge = (true > 0) & (true < 1)
        assert apart[edge].mean() < 0.045
        assert (apart > 0.06).sum() <= 8
        assert apart.max() < 0.4


@pytest.mark.parametrize("side", [256, 100])
def test_aliased_pixels_are_those_whose_middle_is_inside(side):
    data = load(side=side, antialias=False)
    few = some(data.train, 40)
    for x, description in zip(data.shown(few)["x"], few["x"], strict=True):
        ours, true = cover(x, description), covered(description, side, 1)
        assert set(np.unique(ours)) == {0, 1}
        assert np.array_equal(ours, np.floor(true))


def test_aliased_shapes_are_their_own_mirror_images():
    """Pixels on the edge are all outside, and not as rounding has it: or edges were ragged, each machine's its own."""
    shape, radius = (n.flatten() for n in torch.meshgrid(torch.arange(5), torch.arange(14, 89), indexing="ij"))
    described = torch.full((len(shape), 10), 128, dtype=torch.int16)
    described[:, 0], described[:, 6], described[:, 7:] = shape, radius, 0
    x = load(antialias=False).render(described)[:, 0, 1:, 1:]
    assert torch.equal(x, x.flip(2))
    assert torch.equal(x[shape == 1], x[shape == 1].transpose(1, 2))


def test_areas_are_the_closed_forms(drawn):
    """To 2.5 pixels, which is what corners add and rounding may: the smallest shape has 400."""
    x, of, described = drawn
    for one, description, shape in zip(x, described, of["shape"], strict=True):
        radius = float(description[6])
        assert cover(one, description).sum() == pytest.approx(float(AREAS[shape]) * radius**2, abs=2.5)


def test_shapes_lie_whole_inside_the_image(drawn):
    x, _, _ = drawn
    _, across, down, reach = seen(x)
    assert (torch.minimum(across, down) - reach > -2).all()
    assert (torch.maximum(across, down) + reach < 257).all()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("side", [256, 64])
def test_a_gpu_draws_the_same_images(side, antialias):
    data = load(side=side, antialias=antialias)
    described = some(data.train, 100)["x"]
    assert torch.equal(data.render(described.cuda()).cpu(), data.render(described))


def test_what_cannot_work_is_refused():
    with pytest.raises(BadInput, match="target and protected are both size"):
        load(target="size", protected="size")
    with pytest.raises(BadInput, match="validation"):
        load(train=2, validation=0.9)


def test_the_fingerprint_tells_what_is_shown_and_asked(made):
    others = [{"side": 64}, {"antialias": False}, {"seed": 1}, {"target": "colour"}, {"protected": "size"}]
    fingerprints = {made.fingerprint, *(load(**other).fingerprint for other in others)}
    assert len(fingerprints) == 1 + len(others)
    assert load().fingerprint == made.fingerprint


# The sheet of samples


def texts(figure: Figure):
    return [*(text.get_text() for text in figure.texts), *(axes.get_title("left") for axes in figure.axes)]


def test_a_sheet_shows_each_class_of_each_task():
    sheet = contact_sheet(load(side=16, protected="size"))
    for name, classes in CLASSES.items():
        assert texts(sheet).count(name) == 1
        assert all(texts(sheet).count(label) == 1 for label in classes), name
    assert sum(len(axes.images) for axes in sheet.axes) >= len(CLASSES)


def test_a_sheet_of_stored_images_with_two_classes():
    data = members.build("datasets", {"name": "toy", "side": 16, "size": 64}).load()
    assert sorted(texts(contact_sheet(data, columns=1))) == sorted([*data.tasks, *data.classes, *data.groups])


def test_a_sheet_is_of_images():
    with pytest.raises(BadInput, match="images"):
        contact_sheet(members.build("datasets", {"name": "toy"}).load())
