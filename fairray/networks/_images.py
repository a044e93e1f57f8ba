"""What networks for images have in common."""

from fairray.errors import BadInput

__all__ = ["IMAGENET", "SMALL", "scaled", "side"]

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # mean and deviation of its channels, of values in [0, 1]

SMALL = 112  # px; below it, a network made for 224 px is adapted


def side(shape: tuple[int, ...]) -> int:
    """The shorter side in px. shape: (3, height, width). Raises BadInput where these are not RGB images."""
    if len(shape) != 3 or shape[0] != 3:
        raise BadInput(
            "network",
            f"the inputs have shape {shape}, RGB images of (3, height, width) were expected",
            "choose another network, such as network=mlp, or a data set of images",
        )
    return min(shape[1:])


def scaled(channels: int, width: float) -> int:
    """That many channels times `width`, at least one."""
    return max(1, round(channels * width))
