"""JPEG and fewer bits a channel, against Pillow's own files and the formula by hand."""

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_images

from fairray.defences import bit_depth, jpeg

EVERY = torch.arange(256, dtype=torch.uint8).expand(2, 3, 1, 256)


@pytest.fixture(scope="module")
def photographs():
    """Two photographs, bytes with axes (image, channel, height, width)."""
    return torch.from_numpy(np.stack(load_sample_images().images)[:, 100:225, 150:303].transpose(0, 3, 1, 2).copy())


def through_a_file(image, path, quality):
    channels = image.numpy()
    pixels = Image.fromarray(channels[0], "L") if len(channels) == 1 else Image.merge("RGB", [*map(plane, channels)])
    pixels.save(path, quality=quality)
    with Image.open(path) as opened:
        assert opened.mode == pixels.mode
        return torch.stack([torch.tensor(np.asarray(band)) for band in opened.split()])


def plane(channel):
    return Image.fromarray(channel)


def change(x, defended):
    return (x.double() - defended.double()).abs().mean().item()


@pytest.mark.parametrize("quality", [1, 30, 90, 95])
@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_is_what_pillow_writes_and_reads(photographs, tmp_path, channels, quality):
    x = photographs[:, :channels]
    expected = torch.stack([through_a_file(image, tmp_path / "image.jpg", quality) for image in x])
    defended = jpeg(x, quality)
    assert (defended.shape, defended.dtype) == (x.shape, torch.uint8)
    assert torch.equal(defended, expected)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_lower_quality_changes_more(photographs, channels):
    x = photographs[:, :channels]
    changes = [change(x, jpeg(x, quality)) for quality in (95, 70, 30, 5)]
    assert 0 < changes[0] < changes[2] / 2
    assert changes == sorted(changes)


def test_what_jpeg_makes_of_an_image_does_not_depend_on_its_neighbours(photographs):
    assert torch.equal(jpeg(photographs, 50)[1:], jpeg(photographs[1:], 50))


def test_eight_bits_change_nothing():
    assert torch.equal(bit_depth(EVERY, 8), EVERY)


@pytest.mark.parametrize("depth", range(1, 8))
def test_every_value_goes_to_the_nearest_multiple_of_r(depth):
    r = 2 ** (8 - depth)
    expected = [min(255, round(value / r) * r) for value in range(256)]  # halves go to the even multiple
    defended = bit_depth(EVERY, depth)
    assert (defended.shape, defended.dtype) == (EVERY.shape, torch.uint8)
    assert all(channel.tolist() == expected for channel in defended.reshape(-1, 256))
    assert set(expected) == {min(255, k * r) for k in range(2**depth + 1)}
    assert max(abs(value - new) for value, new in enumerate(expected)) == r // 2


def test_one_bit_by_hand():
    x = torch.tensor([0, 64, 65, 127, 191, 192, 255], dtype=torch.uint8)[None, None, None]
    assert bit_depth(x, 1).flatten().tolist() == [0, 0, 128, 128, 128, 255, 255]


@pytest.mark.parametrize("depth", range(1, 9))
def test_colours_that_are_left_stay(depth):
    once = bit_depth(EVERY, depth)
    assert torch.equal(bit_depth(once, depth), once)


def test_fewer_bits_change_more(photographs):
    changes = [change(photographs, bit_depth(photographs, depth)) for depth in range(8, 0, -1)]
    assert changes[0] == 0
    assert changes == sorted(changes)
    assert len(set(changes)) == 8


def test_an_image_is_not_written_to(photographs):
    before = photographs.clone()
    jpeg(photographs, 10)
    bit_depth(photographs, 1)
    assert torch.equal(photographs, before)
