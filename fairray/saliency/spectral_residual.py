"""Spectral residual saliency: Hou & Zhang, Saliency Detection: A Spectral Residual Approach (CVPR 2007)."""

from dataclasses import dataclass
from math import ceil
from typing import Annotated

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt
from torch import Tensor

from fairray.costs._channels import grey
from fairray.pixels import check_images
from fairray.saliency._maps import resized, scaled

__all__ = ["SpectralResidual"]

ROUNDING = 1e-11  # of the largest amplitude


@dataclass(frozen=True, kw_only=True)
class SpectralResidual:
    """Where an image's log amplitude spectrum departs from its own 3 x 3 mean.

    size: the width in pixels at which it is looked at. sigma: of the Gaussian that smooths the map there, in pixels;
    2.5 as in the authors' script (their text says 8). Outside the map it sees zeros. It is computed in float64, and a
    frequency that the image has not, but for rounding, has none in the map: so the map of a flat image is 0.
    """

    size: Annotated[int, Ge(8)] = 64
    sigma: Annotated[float, Gt(0)] = 2.5

    def __call__(self, x: Tensor) -> Tensor:
        """Maps in [0, 1] with axes (image, height, width), of images in [0, 1], (image, 1 or 3, height, width)."""
        check_images(x)
        if not len(x):
            return x.new_zeros(0, *x.shape[-2:])
        height, width = x.shape[-2:]
        small = resized(grey(x.double()), (max(1, round(self.size * height / width)), self.size))
        return scaled(resized(_smooth(_residual(small), self.sigma), (height, width)).squeeze(1)).to(x.dtype)


def _residual(x: Tensor) -> Tensor:
    """The power of the image whose log amplitude is the residual and whose phase is the image's own."""
    spectrum = torch.fft.fft2(x)
    amplitude = spectrum.abs()
    least = (ROUNDING * amplitude.amax((-2, -1), keepdim=True)).clamp_min(torch.finfo(x.dtype).tiny)
    there = amplitude > least
    there &= there.sum((-2, -1), keepdim=True) > 1  # of a mean alone nothing departs
    log_amplitude = amplitude.maximum(least).log()
    mean = F.avg_pool2d(F.pad(log_amplitude, (1, 1, 1, 1), mode="replicate"), 3, 1)
    residual = (log_amplitude - mean).exp().where(there, 0)
    return torch.fft.ifft2(torch.polar(residual, spectrum.angle())).abs().square()


def _smooth(x: Tensor, sigma: float) -> Tensor:
    reach = ceil(4 * sigma)
    window = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=x.device, dtype=x.dtype) / sigma).square())
    window = window / window.sum()
    rows = F.conv2d(x, window.view(1, 1, -1, 1), padding=(reach, 0))
    return F.conv2d(rows, window.view(1, 1, 1, -1), padding=(0, reach))
