"""What images must be where they are attacked, compared, looked at, or given triggers."""

from torch import Tensor

from fairray.errors import BadInput

__all__ = ["check_finite", "check_images"]

HAIR = 0.5 / 255  # beyond [0, 1], from rounding


def check_images(x: Tensor, name: str = "x") -> None:
    """Raise BadInput where these are no images: floats in [0, 1] with axes (image, channel, height, width)."""
    if x.ndim != 4 or not x.is_floating_point():
        problem = f"it is {x.dtype} of axes {tuple(x.shape)}, floats of (image, channel, height, width) were expected"
        raise BadInput(name, problem, "give bytes over 255, and several images, or one with an axis before it")
    if not x.numel():
        return
    check_finite(x, name, "it")
    low, high = (value.item() for value in x.detach().aminmax())
    if low < -HAIR or high > 1 + HAIR:
        problem = f"it goes from {low:.4g} to {high:.4g}, images in [0, 1] were expected"
        raise BadInput(name, problem, "give bytes over 255; what else a model wants, let it do itself")


def check_finite(values: Tensor, name: str, what: str) -> None:
    """Raise BadInput that says of how many images values are not finite. Axis 0 is the image."""
    wrong = ~values.detach().isfinite().flatten(1).all(1)
    if wrong.any():
        problem = f"{what} is not finite for {int(wrong.sum())} of {len(wrong)} images"
        raise BadInput(name, problem, "look for nan and inf in the model's weights and in the images")
