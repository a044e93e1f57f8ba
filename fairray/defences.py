"""What may undo an adversarial perturbation: images are sent through JPEG, or lose colours."""

from io import BytesIO

import numpy as np
import torch
from PIL import Image
from torch import Tensor

__all__ = ["bit_depth", "jpeg"]


def jpeg(x: Tensor, quality: int) -> Tensor:
    """Images, bytes with axes (image, 1 or 3, height, width), as a JPEG file of that quality (1 to 95) keeps them."""
    return torch.stack([_through_file(image, quality) for image in x])


def bit_depth(x: Tensor, depth: int) -> Tensor:
    """Images, bytes, with each channel rounded to a multiple of r = 256 / 2 ** depth: round(x / r) * r.

    The highest level is 255, not 256 (the defence of Zhao, Liu & Larson, 2020).
    """
    r = 256 / 2**depth
    return ((x.float() / r).round() * r).clamp(max=255).to(torch.uint8)


def _through_file(image: Tensor, quality: int) -> Tensor:
    grey = len(image) == 1
    file = BytesIO()
    Image.fromarray(image[0].numpy() if grey else image.permute(1, 2, 0).numpy()).save(file, "JPEG", quality=quality)
    decoded = np.array(Image.open(file))
    return torch.from_numpy(decoded[None] if grey else decoded.transpose(2, 0, 1)).contiguous()
