"""SSIM: structural similarity (Wang, Bovik, Sheikh and Simoncelli, 2004), as the cost 1 - SSIM."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple

from annotated_types import Ge, Gt
from torch import Tensor

from fairray.costs import Reference
from fairray.costs._channels import grey, luminance
from fairray.costs._hessian import SsimHessian
from fairray.costs._windows import Padding, Windows
from fairray.errors import BadInput
from fairray.measures import NUMBER, Measure
from fairray.pixels import check_images

__all__ = ["Ssim"]


class _Terms(NamedTuple):
    """1 - SSIM = contrast + light - light * contrast in each window."""

    difference: Tensor
    shift: Tensor
    mean: Tensor
    light: Tensor
    light_scale: Tensor
    contrast: Tensor
    contrast_scale: Tensor


@dataclass(frozen=True, kw_only=True)
class Ssim:
    """1 - SSIM with Gaussian windows and population variances, of images whose range is 1.

    window: the side of a window in pixels, odd. padding: see `Windows`; "valid" is the mean that the authors and
    scikit-image print, but it gives pixels at the border next to no weight. grey: compare the luminance of RGB images
    (the authors', who round it to bytes), else take the mean over channels. k1, k2: C1 = k1^2, C2 = k2^2.

    With d = x - x0 and W the mean over a window, SSIM is (1 - (W d)^2 / B1) (1 - Var_w(d) / B2), where B1 and B2 are
    its two denominators: so computed, small costs keep their digits, and that of an image with itself is 0.
    """

    measure: ClassVar = Measure("ssim", "1 - SSIM", NUMBER, "low")

    window: Annotated[int, Ge(1)] = 11
    sigma: Annotated[float, Gt(0)] = 1.5
    padding: Padding = "reflect"
    grey: bool = False
    k1: Annotated[float, Gt(0)] = 0.01
    k2: Annotated[float, Gt(0)] = 0.03

    def __post_init__(self):
        if self.window % 2 == 0:
            raise BadInput("window", f"it is {self.window}, an odd number was expected", f"set {self.window + 1}")

    def prepare(self, x0: Tensor) -> Reference:
        """What is compared of the images x0, and its mean and variance in each window."""
        check_images(x0, "x0")
        compared = self._select_channels(x0)
        return compared, *self._moments(compared)

    def __call__(self, reference: Reference, x: Tensor) -> Tensor:
        """1 - SSIM with axis (image), the mean over windows and channels."""
        terms = self._terms(reference, x)
        return (terms.light + terms.contrast - terms.light * terms.contrast).mean((1, 2, 3))

    def gradient(self, reference: Reference, x: Tensor) -> Tensor:
        """The gradient of each image's cost, with the axes of x."""
        t = self._terms(reference, x)
        of_light = 2 * (1 - t.contrast) * (t.shift - t.light * t.mean) / t.light_scale
        of_square = (1 - t.light) / t.contrast_scale
        of_shift = of_light + 2 * of_square * (t.contrast * t.mean - t.shift)
        adjoint = self._windows.adjoint
        squares = t.difference * adjoint(of_square) - self._select_channels(x) * adjoint(of_square * t.contrast)
        return self._onto_channels((adjoint(of_shift) + 2 * squares) / t.mean[0].numel(), x)

    def hessian(self, x0: Tensor) -> SsimHessian:
        """The Hessian of the cost with respect to x, at x = x0, where its gradient is 0.

        Raises BadInput for the luminance of RGB images: most changes of colour cost nothing.
        """
        if self.grey and x0.shape[1] > 1:
            problem = "the Hessian for luminance is singular: changes of colour cost nothing"
            raise BadInput("grey", problem, "set grey: false")
        _, mean, variance = self.prepare(x0)
        light, contrast = 1 / (2 * mean**2 + self.k1**2), 1 / (2 * variance + self.k2**2)
        means, contrast = ((2 / mean[0].numel()) * each for each in (light - contrast, contrast))
        pixels = self._windows.adjoint(contrast)
        return SsimHessian(self._windows, means, pixels, pixels + self._windows.squared_adjoint(means))

    @property
    def _windows(self) -> Windows:
        return Windows(self.window, self.sigma, self.padding)

    def _moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean = self._windows(x)
        return mean, self._windows(x**2) - mean**2

    def _terms(self, reference: Reference, x: Tensor) -> _Terms:
        compared = self._select_channels(x)
        x0, mean0, variance0 = reference
        shift, spread = self._moments(compared - x0)
        mean, variance = self._moments(compared)
        light_scale = mean0**2 + mean**2 + self.k1**2
        contrast_scale = variance0 + variance + self.k2**2
        light, contrast = shift**2 / light_scale, spread / contrast_scale
        return _Terms(compared - x0, shift, mean, light, light_scale, contrast, contrast_scale)

    def _select_channels(self, x: Tensor) -> Tensor:
        return grey(x) if self.grey else x

    def _onto_channels(self, gradient: Tensor, x: Tensor) -> Tensor:
        return gradient if gradient.shape == x.shape else gradient * luminance(x)
