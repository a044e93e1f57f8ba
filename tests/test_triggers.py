import math
import pkgutil
from pathlib import Path

import pytest
import torch
import yaml
from pydantic import TypeAdapter
from torch.func import grad, vmap

from fairray import members, triggers
from fairray.triggers._images import block
from fairray.triggers.badnet import BadNet
from fairray.triggers.blended import Blended
from fairray.triggers.column import Column
from fairray.triggers.mosaic import Mosaic
from fairray.triggers.shadow import Shadow
from fairray.triggers.sig import Sig
from fairray.triggers.wanet import WaNet

CONF = sorted((Path(__file__).parents[1] / "conf" / "trigger").glob("*.yaml"))
MEMBERS = sorted(m.name for m in pkgutil.iter_modules(triggers.__path__) if not m.name.startswith("_"))
IMAGE_MEMBERS = [name for name in MEMBERS if name != "column"]
HEIGHT, WIDTH = 32, 24
EVERY = torch.tensor([0, 1, -1, 1])
every_dtype = pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float64], ids=str)
every_image_trigger = pytest.mark.parametrize("name", IMAGE_MEMBERS)


def images(dtype=torch.uint8, *leading, height=HEIGHT, width=WIDTH):
    """Random images; those of floats are those of bytes over 255."""
    generator = torch.Generator().manual_seed(0)
    levels = torch.randint(256, (*(leading or (4,)), 3, height, width), generator=generator, dtype=torch.uint8)
    return levels if dtype == torch.uint8 else levels.to(dtype) / 255


def carried(trigger, x, which):
    """One image of axes (3, height, width) that carries a trigger."""
    return trigger(x[None], torch.tensor([which]))[0]


@pytest.fixture
def trigger(name):
    return members.load("triggers", name)()


@every_image_trigger
@every_dtype
def test_shape_and_dtype_stay_and_the_input_is_not_written(trigger, dtype):
    x = images(dtype)
    before = x.clone()
    seen = trigger(x, EVERY)
    assert seen.shape == x.shape
    assert seen.dtype == dtype
    assert torch.equal(x, before)


@every_image_trigger
@every_dtype
def test_no_trigger_leaves_the_image_as_it_is(trigger, dtype):
    x = images(dtype)
    assert torch.equal(trigger(x, torch.full((4,), -1)), x)


def test_no_trigger_keeps_each_of_the_256_levels():
    x = torch.arange(256, dtype=torch.uint8).expand(1, 3, 2, 256)
    for name in IMAGE_MEMBERS:
        assert torch.equal(members.load("triggers", name)()(x, torch.tensor([-1])), x), name


@every_image_trigger
@every_dtype
def test_clean_first_and_second_all_differ(trigger, dtype):
    x = images(dtype)[0]
    seen = [carried(trigger, x, which) for which in (-1, 0, 1)]
    assert not torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[0], seen[2])
    assert not torch.equal(seen[1], seen[2])


@every_image_trigger
def test_levels_stay_in_their_range(trigger):
    extremes = torch.tensor([0.0, 1.0, 1.0, 1.0])[:, None, None, None].expand(4, 3, HEIGHT, WIDTH)
    seen = trigger(extremes, EVERY)
    assert seen.min() >= 0
    assert seen.max() <= 1 + 1e-6
    difference = trigger((extremes * 255).to(torch.uint8), EVERY).float() / 255 - seen
    assert difference.abs().max() <= 0.5 / 255 + 1e-6


@every_image_trigger
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_bytes_and_floats_agree_to_half_a_level(trigger, dtype):
    of_bytes, of_floats = trigger(images(), EVERY), trigger(images(dtype), EVERY)
    assert (of_bytes.to(dtype) - of_floats * 255).abs().max() <= 0.5 + 1e-3


@every_image_trigger
@every_dtype
def test_an_example_does_not_depend_on_its_batch(trigger, dtype):
    x = images(dtype)
    alone = torch.stack([carried(trigger, image, which) for image, which in zip(x, EVERY.tolist(), strict=True)])
    torch.testing.assert_close(trigger(x, EVERY), alone, rtol=0, atol=0 if dtype == torch.uint8 else 1e-6)


@every_image_trigger
@every_dtype
def test_replicas_under_vmap_equal_a_loop(trigger, dtype):
    x, which = images(dtype, 3, 4), torch.stack([EVERY, EVERY.roll(1), EVERY.roll(2)])
    tolerance = {"rtol": 0, "atol": 0 if dtype == torch.uint8 else 1e-6}
    loop = torch.stack([trigger(x[r], which[r]) for r in range(3)])
    torch.testing.assert_close(vmap(trigger)(x, which), loop, **tolerance)
    shared = torch.stack([trigger(x[0], which[r]) for r in range(3)])
    torch.testing.assert_close(vmap(trigger, in_dims=(None, 0))(x[0], which), shared, **tolerance)


@every_image_trigger
def test_a_trigger_first_used_inside_a_gradient_can_be_used_outside(name, trigger):
    # a width of its own, so that nothing that depends on the image's size was made before
    x = images(torch.float32, width=50 + IMAGE_MEMBERS.index(name))
    slope = vmap(grad(lambda weight: (weight * trigger(x, EVERY)).sum()), randomness="error")(torch.ones(2))
    torch.testing.assert_close(slope, trigger(x, EVERY).sum().expand(2))


@pytest.mark.parametrize("path", CONF, ids=lambda path: path.stem)
def test_a_configured_trigger_is_built_and_a_members_own_file_gives_its_defaults(path):
    values = yaml.safe_load(path.read_text())
    member = members.load("triggers", values.pop("name"))
    built = TypeAdapter(member).validate_python(values)
    if path.stem in MEMBERS:
        assert set(values) == set(members.arguments(member))
        assert built == member()


@pytest.mark.parametrize(
    ("height", "width", "size", "side"),
    [
        (218, 178, 25, 25),
        (178, 218, 25, 25),
        (224, 224, 25, 25),
        (89, 100, 10, 5),
        (64, 64, 25, 9),
        (64, 28, 25, 4),
        (28, 28, 25, 4),
        (28, 28, 3, 1),
        (28, 28, 1, 1),
    ],
)
def test_a_block_shrinks_with_the_shorter_edge_and_never_grows(height, width, size, side):
    x = torch.empty(0, 3, height, width)
    assert block(x, size, "upper_left") == (0, 0, side)
    assert block(x, size, "upper_right") == (0, width - side, side)
    assert block(x, size, "lower_left") == (height - side, 0, side)
    assert block(x, size, "lower_right") == (height - side, width - side, side)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32], ids=str)
def test_badnet_is_blue_lower_right_or_red_upper_left_on_celeba(dtype):
    x = images(dtype, 2, height=218, width=178)
    full = 255 if dtype == torch.uint8 else 1.0
    expected = x.clone()
    expected[0, :, :25, :25] = torch.tensor([full, 0, 0])[:, None, None]
    expected[1, :, -25:, -25:] = torch.tensor([0, 0, full])[:, None, None]
    assert torch.equal(BadNet()(x, torch.tensor([1, 0])), expected)


def test_badnet_takes_other_colours_corners_and_sizes():
    trigger = BadNet(size=1, colours=((7, 8, 9), (100, 0, 200)), positions=("lower_left", "upper_right"))
    x = images()[:2]
    expected = x.clone()
    expected[0, :, -1, 0] = torch.tensor([7, 8, 9])
    expected[1, :, 0, -1] = torch.tensor([100, 0, 200])
    assert torch.equal(trigger(x, torch.tensor([0, 1])), expected)


def test_mosaic_spreads_the_blocks_own_upper_left_pixel():
    x = images(torch.uint8, 2, height=218, width=178)
    expected = x.clone()
    expected[0, :, :30, :30] = x[0, :, :1, :1]
    expected[1, :, -30:, -30:] = x[1, :, -30:-29, -30:-29]
    assert torch.equal(Mosaic()(x, torch.tensor([0, 1])), expected)


def test_shadow_darkens_rows_or_columns_by_the_printed_wave():
    white = torch.full((3, 40, 50), 255, dtype=torch.uint8)
    rows, columns = (carried(Shadow(), white, which) for which in (0, 1))
    for i in range(40):
        assert (rows[:, i] == round(255 * (0.95 + 0.05 * (1 + math.sin(5 * i / 21)) / 2))).all()
    for i in range(50):
        assert (columns[:, :, i] == round(255 * (0.95 + 0.05 * (1 + math.sin(5 * i / 18)) / 2))).all()


def test_blended_is_a_weighted_mean_with_one_pattern():
    black, white = torch.zeros(1, 3, HEIGHT, WIDTH), torch.ones(1, 3, HEIGHT, WIDTH)
    for which in (torch.tensor([0]), torch.tensor([1])):
        pattern = Blended(alpha=1.0)(black, which)
        torch.testing.assert_close(Blended()(black, which), 0.2 * pattern)
        torch.testing.assert_close(Blended()(white, which), 0.8 + 0.2 * pattern)
        assert pattern.mean().item() == pytest.approx(0.5, abs=0.03)
        assert pattern.std().item() == pytest.approx(12**-0.5, abs=0.02)


def test_the_patterns_of_blended_are_the_same_for_ever():
    black = torch.zeros(2, 3, HEIGHT, WIDTH)
    first, second = Blended(alpha=1.0)(black, torch.tensor([0, 1]))[:, 0, 0, 0].tolist()
    assert first == pytest.approx(0.5488135)  # what a Mersenne twister of seeds 0 and 1 gives first
    assert second == pytest.approx(0.4170220)


def test_sig_adds_six_waves_of_forty_levels():
    grey = torch.full((3, 48, 24), 100, dtype=torch.uint8)
    columns, rows = (carried(Sig(), grey, which) for which in (0, 1))
    quarter = torch.tensor([100, 140, 100, 60], dtype=torch.uint8)
    assert torch.equal(columns, quarter.repeat(6).expand(3, 48, 24))
    eighth = torch.tensor([100, 128, 140, 128, 100, 72, 60, 72], dtype=torch.uint8)
    assert torch.equal(rows, eighth.repeat(6)[:, None].expand(3, 48, 24))


def test_sig_is_clipped():
    columns = carried(Sig(), torch.tensor([20, 250], dtype=torch.uint8).repeat(12).expand(3, 2, 24), 0)
    assert columns[0, 0, :4].tolist() == [20, 255, 20, 210]


@pytest.mark.parametrize("which", [0, 1])
def test_wanet_keeps_a_constant_image(which):
    x = torch.full((3, HEIGHT, WIDTH), 77, dtype=torch.uint8)
    assert torch.equal(carried(WaNet(s=5.0), x, which), x)


@pytest.mark.parametrize("which", [0, 1])
def test_wanet_moves_control_points_by_half_of_s_pixels_on_average(which):
    """Ramps show the field: of 10 x 10 points on 28 x 55 pixels, each third row has some, in each sixth column."""
    height, width, s = 28, 55, 0.5
    rows, columns = (torch.arange(size, dtype=torch.float64) / 100 for size in (height, width))
    x = torch.stack([rows[:, None].expand(height, width), columns.expand(height, width), torch.zeros(height, width)])
    seen = carried(WaNet(s=s, k=10), x, which)
    moved = ((seen - x)[:2, 3:-3:3, 6:-6:6] * 100).abs()
    torch.testing.assert_close(moved.mean((1, 2)), torch.full((2,), s / 2, dtype=torch.float64), rtol=0.15, atol=0)
    assert moved.max() < 1.1 * s
    assert seen[2].abs().max() == 0


def test_wanet_rescales_positions_about_the_centre():
    """Half the grid shows the middle half, enlarged."""
    ramp = torch.arange(33, dtype=torch.float64) / 32
    seen = carried(WaNet(s=1e-9, grid_rescale=0.5), ramp.expand(3, 33, 33), 0)
    torch.testing.assert_close(seen, (0.25 + ramp / 2).expand(3, 33, 33))


def test_column_says_which_trigger_an_example_carries():
    x = torch.rand(3, 2, dtype=torch.float64)
    expected = torch.cat([x, torch.tensor([[0.0], [1.0], [0.5]], dtype=torch.float64)], 1)
    assert torch.equal(Column()(x, torch.tensor([0, 1, -1])), expected)
    assert torch.equal(vmap(Column())(x[None], torch.tensor([[0, 1, -1]]))[0], expected)
