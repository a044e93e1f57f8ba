"""Artefacts: what they do to an image, where, and that this depends on the image's id alone."""

import numpy as np
import pytest
import torch

from fairray import members
from fairray.artefacts._pixels import draws
from fairray.artefacts.brightness import Brightness
from fairray.artefacts.lsb_text import LsbText
from fairray.artefacts.patch import Patch
from fairray.artefacts.red_tint import RedTint
from fairray.artefacts.timestamp import FORMS, GLYPHS, Timestamp
from fairray.artefacts.vignette import Vignette
from fairray.errors import BadInput

MEMBERS = members.names("artefacts")
WHOLE = {"brightness", "lsb_text", "red_tint"}  # whose mask is the image
SIZES = [(224, 224), (96, 120), (64, 64), (28, 28)]
IDS = torch.tensor([7, 0, 123_456, 8])
every_artefact = pytest.mark.parametrize("name", MEMBERS)
every_size = pytest.mark.parametrize("size", SIZES, ids=str)


def images(size, count=4):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (count, 3, *size), generator=generator, dtype=torch.uint8)


def flat(level, size, count=4):
    return torch.full((count, 3, *size), level, dtype=torch.uint8)


@pytest.fixture
def artefact(name):
    return members.build("artefacts", name)


def test_these_are_all():
    assert {*MEMBERS} == WHOLE | {"patch", "timestamp", "vignette"}


@every_artefact
@every_size
def test_shapes_and_dtypes_and_the_input_is_not_written(artefact, size):
    x = images(size)
    before = x.clone()
    changed, mask = artefact(x, IDS)
    assert torch.equal(x, before)
    assert (changed.dtype, changed.shape) == (torch.uint8, x.shape)
    assert (mask.dtype, mask.shape) == (torch.bool, (4, *size))
    assert mask.flatten(1).any(1).all()
    assert (changed != x).flatten(1).any(1).all()


@every_artefact
@every_size
def test_nothing_changes_outside_the_mask(artefact, size):
    x = images(size)
    changed, mask = artefact(x, IDS)
    outside = ~mask[:, None].expand_as(x)
    assert torch.equal(changed[outside], x[outside])


@every_artefact
@every_size
def test_an_artefact_is_its_images_whatever_stands_beside_it(artefact, size):
    x = images(size)
    together = artefact(x, IDS)
    order = torch.tensor([2, 0, 3, 1])
    for all_of, shuffled in zip(together, artefact(x[order], IDS[order])):
        assert torch.equal(all_of[order], shuffled)
    for i in range(4):
        for all_of, alone in zip(together, artefact(x[i : i + 1], IDS[i : i + 1])):
            assert torch.equal(all_of[i], alone[0])


@every_artefact
def test_no_image_has_no_artefact(artefact):
    changed, mask = artefact(torch.empty(0, 3, 28, 28, dtype=torch.uint8), torch.empty(0, dtype=torch.int64))
    assert (changed.shape, mask.shape) == ((0, 3, 28, 28), (0, 28, 28))


@pytest.mark.parametrize("name", ["patch", "timestamp", "vignette"])
def test_it_is_another_one_for_another_id(artefact):
    _, mask = artefact(flat(100, (224, 224), 2), torch.tensor([1, 2]))
    assert not torch.equal(mask[0], mask[1])


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_those_of_the_whole_image_say_so(artefact):
    assert artefact(images((28, 28)), IDS)[1].all()


def test_the_numbers_of_an_id_are_the_same_for_ever():
    assert draws(torch.tensor([1, 0]), 1).tolist() == [
        [pytest.approx(0.4170220)], [pytest.approx(0.5488135)]  # what Mersenne twisters of these seeds give first
    ]  # fmt: skip


def test_brightness_is_three_tenths_white():
    levels = torch.tensor([0, 1, 100, 255], dtype=torch.uint8).expand(1, 3, 2, 4)
    assert Brightness()(levels, IDS[:1])[0][0, 2, 1].tolist() == [76, 77, 146, 255]  # 76.5 is rounded to even
    assert (Brightness(alpha=1.0)(levels, IDS[:1])[0] == 255).all()


def test_red_tint_is_a_fifth_red():
    seen = RedTint()(flat(100, (2, 2), 1), IDS[:1])[0]
    assert seen[0, :, 0, 0].tolist() == [131, 80, 80]


@pytest.mark.parametrize("planes", [1, 3, 7])
def test_the_text_can_be_read_from_the_low_bits(planes):
    x = images((16, 20))
    seen = LsbText(text="Grüße. ", planes=planes)(x, IDS)[0]
    assert torch.equal(seen >> planes, x >> planes)
    flat_pixels = seen[1].permute(1, 2, 0).flatten().numpy()  # row, column, channel
    bits = np.concatenate([flat_pixels >> plane & 1 for plane in range(planes)])
    said = np.packbits(bits).tobytes()
    whole = "Grüße. ".encode()
    assert said == (whole * (len(said) // len(whole) + 1))[: len(said)]


def test_lsb_text_takes_three_planes():
    x = images((16, 16))
    assert 1 < (LsbText()(x, IDS)[0].int() - x).abs().max() <= 7


def test_a_vignette_is_black_beyond_a_circle_and_nowhere_else():
    seen, mask = Vignette(radius=0.3, jitter=0.0)(flat(200, (101, 161), 1), IDS[:1])
    rows, columns = torch.arange(101)[:, None] - 50, torch.arange(161) - 80
    assert torch.equal(mask[0], (rows**2 + columns**2).sqrt() > 30.3)
    assert torch.equal(seen[0, 0] == 0, mask[0])


def test_a_vignettes_radius_is_the_published_one():
    _, mask = Vignette()(flat(200, (224, 224), 64), torch.arange(64))
    radius = ((~mask).flatten(1).sum(1) / torch.pi).sqrt()
    inside = radius[radius < 112]  # of those that touch the border the area says less
    assert 108.5 < inside.min() < 110
    corner = mask[:, 0].sum(1) / 2  # how far the black reaches along the upper edge
    radius = ((112 - corner) ** 2 + 112**2).sqrt()
    assert 123 < radius.max() < 127


@every_size
def test_a_patch_is_as_large_as_asked_and_wholly_inside(size):
    many = torch.arange(200)
    _, mask = Patch(size=0.5)(flat(0, size, 200), many)
    assert not mask[:, [0, -1]].all(2).any()
    length = 0.5 * min(size)
    area = 0.4 * length * 0.6 * length + torch.pi * (0.2 * length) ** 2
    edge = (2 * 0.6 + torch.pi * 0.4) * length * 0.04 * length  # half of where the patch fades lies outside it
    torch.testing.assert_close(mask.flatten(1).sum(1).float().mean().item(), area + edge, rtol=0.06, atol=2)
    assert (mask.flatten(1).sum(1) - area - edge).abs().max() < 0.25 * (area + edge)  # none is cut off


def test_patches_lie_everywhere_at_every_angle():
    _, mask = Patch(size=0.2)(flat(0, (64, 64), 400), torch.arange(400))
    assert mask[:, 12:-12, 12:-12].any(0).all()
    assert all(edge.any() for edge in (mask[:, :4], mask[:, -4:], mask[..., :4], mask[..., -4:]))
    height, width = (mask.any(axis).sum(1) for axis in (2, 1))
    assert (height > 1.7 * width).any()
    assert (width > 1.7 * height).any()
    assert ((height - width).abs() <= 1).any()


def test_a_patch_has_about_its_colour_and_a_darker_pad():
    seen, mask = Patch(size=0.6, colour=(200, 100, 50))(flat(0, (224, 224), 20), torch.arange(20))
    brightest = seen.amax((2, 3)).float()
    assert (brightest - torch.tensor([200.0, 100, 50])).abs().max() <= 24.5
    assert brightest.std(0).min() > 5
    for image, area, most in zip(seen, mask, brightest):
        red = image[0][area].float()
        assert 0.2 < (red == (0.82 * most[0]).round()).float().mean() + (red == most[0]).float().mean() <= 1


@pytest.mark.parametrize(("size", "pixels"), [(0.95, (64, 64)), (1.0, (64, 200)), (0.01, (64, 64))])
def test_a_patch_that_does_not_fit(size, pixels):
    with pytest.raises(BadInput, match=r"size: a patch .* pixels long does not fit into images of 64 x"):
        Patch(size=size)(flat(0, pixels), IDS)


@pytest.mark.parametrize(("size", "text"), [((80, 90), 0), ((28, 64), 1), ((28, 28), 2), ((7, 21), 2)])
def test_a_time_of_small_images_is_written_in_dots(size, text):
    """Every column of 3 x 5 dots is a known glyph, and together they are the longest text that fits."""
    changed, mask = Timestamp()(flat(128, size, 12), torch.arange(12))
    for image, area in zip(changed, mask):
        rows, columns = (area.any(axis).nonzero()[:, 0] for axis in (1, 0))
        dots = (image != 128).any(0)[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        assert len(dots) == 5
        letters = torch.nn.functional.pad(dots.long(), (0, 1)).view(5, -1, 4)[:, :, :3]
        codes = [tuple((letters[:, i] @ torch.tensor([4, 2, 1])).tolist()) for i in range(letters.shape[1])]
        said = "".join({code: letter for letter, code in GLYPHS.items()}[code] for code in codes)
        assert_time(said, FORMS[text])


def assert_time(said, form):
    from datetime import datetime

    moment = datetime.strptime(said, form)
    assert moment.strftime(form) == said
    if "%Y" in form:
        assert datetime(2020, 1, 1) <= moment < datetime(2022, 12, 31)


def test_glyphs_are_told_apart():
    assert len({*GLYPHS.values()}) == len(GLYPHS) == 13


@pytest.mark.parametrize("size", [(28, 20), (6, 28)])
def test_an_image_that_is_smaller_than_a_time(size):
    with pytest.raises(BadInput, match="a time of 19 x 5 pixels does not fit") as error:
        Timestamp()(flat(0, size), IDS)
    assert "another artefact" in error.value.cure


def test_a_timestamp_has_the_published_size_and_places():
    """At 224 pixels the text is some 96 pixels long, and 20 pixels from two edges."""
    _, mask = Timestamp()(flat(128, (224, 224), 200), torch.arange(200))
    rows, columns = (mask.any(axis).int() for axis in (2, 1))
    top, left = rows.argmax(1), columns.argmax(1)
    bottom, right = 224 - top - rows.sum(1), 224 - left - columns.sum(1)
    assert 82 < columns.sum(1).min() < columns.sum(1).max() < 118
    assert 6 <= rows.sum(1).min() < rows.sum(1).max() <= 18
    for near, far in ((top, bottom), (left, right)):
        nearest = torch.minimum(near, far)
        assert 13 < nearest.min() < nearest.max() < 28
        assert nearest.float().mean().item() == pytest.approx(20, abs=0.6)
        assert 0.35 < (near < far).float().mean() < 0.65  # all four corners


def test_a_timestamp_is_larger_on_a_larger_image():
    width = [Timestamp()(flat(128, (side, side)), IDS)[1].any(1).sum(1).float().mean() for side in (112, 224, 448)]
    assert width[1] / width[0] == pytest.approx(2, rel=0.1)
    assert width[2] / width[1] == pytest.approx(2, rel=0.1)


def test_a_timestamps_channels_are_about_10_or_245():
    changed, mask = Timestamp()(flat(128, (28, 28), 300), torch.arange(300))
    colours = torch.stack([image[:, area][:, image[:, area][0] != 128][:, 0] for image, area in zip(changed, mask)])
    low = colours < 128
    assert (colours[low].float().mean() - 10).abs() < 1
    assert (colours[~low].float().mean() - 245).abs() < 1
    assert colours[low].float().std().item() == pytest.approx(5, abs=0.7)
    assert len({*map(tuple, low.tolist())}) == 8


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({"name": "brightness", "alpha": 0}, "alpha"),
        ({"name": "red_tint", "alpha": 1.1}, "alpha"),
        ({"name": "lsb_text", "text": ""}, "text"),
        ({"name": "lsb_text", "planes": 8}, "planes"),
        ({"name": "patch", "size": 0}, "size"),
        ({"name": "patch", "colour": [0, 0, 256]}, "colour"),
        ({"name": "vignette", "radius": 0.7}, "radius"),
        ({"name": "stamp"}, "name"),
    ],
)
def test_values_out_of_range_are_named(values, where):
    with pytest.raises(BadInput) as error:
        members.build("artefacts", values)
    assert error.value.where == where
