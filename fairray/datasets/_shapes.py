"""Discs and regular polygons on plain grounds, drawn from short descriptions on the device that these are on."""

from dataclasses import dataclass
from functools import lru_cache
from math import cos, pi, sin

import torch
from torch import Tensor

CORNERS = (0, 4, 3, 5, 6)  # of each shape; none of a disc
NUMBERS = (1, 3, 2, 1, 3)  # shape, its colour, centre, radius, the ground's colour
CANVAS = 256  # px, of which the numbers are
GROUP = 64
FULL = 128  # what a pixel that is covered counts


@dataclass(frozen=True)
class Render:
    """Images of one shape each.

    side: of the images in px. antialias: a pixel is covered by .5 minus its centre's signed distance to the shape in
    px, cut to [0, 1]; otherwise by 1 where its centre is inside.

    Corners lie at (x + r sin(2 pi i / n), y + r cos(2 pi i / n)), as those of the published generator, but are not
    rounded; y points down. Only the window about the shape is drawn on. What a shape covers is rounded to 128ths once,
    and all else is done in whole numbers, so that an image is the same on any device and in any batch.
    """

    side: int = CANVAS
    antialias: bool = True

    def __call__(self, described: Tensor) -> Tensor:
        """Bytes with axes (..., RGB, y, x).

        described: whole numbers with axes (..., 10): shape, red, green and blue, x and y of the centre and radius in px
        of an image of 256 px, red, green and blue of the ground.
        """
        flat = described.reshape(-1, described.shape[-1])
        images = torch.empty(len(flat), 3, self.side, self.side, dtype=torch.uint8, device=flat.device)
        for numbers, group in zip(flat.split(GROUP), images.split(GROUP), strict=True):
            self._draw(numbers, group)
        return images.view(*described.shape[:-1], *images.shape[1:])

    def _draw(self, numbers: Tensor, images: Tensor) -> None:
        shape, colour, centre, radius, ground = numbers.long().split(NUMBERS, dim=1)
        images.copy_(ground[..., None, None].to(torch.uint8).expand_as(images))
        change = (colour - ground)[..., None, None].to(torch.int16 if self.antialias else torch.uint8)
        starts, windows = self._windows(shape, centre, radius)
        begin, strides = images.storage_offset(), images.stride()[1:]
        for start, to, window in zip(starts.tolist(), change.unbind(), windows.tolist(), strict=True):
            added = _cover(*window, self.antialias, images.device) * to  # modulo 256, as bytes are
            if self.antialias:
                added = added.add_(FULL // 2).bitwise_right_shift_(7).to(torch.uint8)
            images.as_strided(added.shape, strides, begin + start).add_(added)

    def _windows(self, shape: Tensor, centre: Tensor, radius: Tensor) -> tuple[Tensor, Tensor]:
        """Where the window of each image begins in memory, and the arguments of `_cover`; lengths in 512ths of a px."""
        middle, reach = (2 * centre + 1) * self.side, 2 * radius * self.side
        first = (middle - reach) >> 9
        last = (middle + reach - 1) >> 9
        image = torch.arange(len(shape), device=shape.device) * 3 * self.side**2
        start = image + first[:, 1] * self.side + first[:, 0]
        return start, torch.cat([shape, reach, middle - 512 * first, last - first + 1], dim=1)


@lru_cache(maxsize=2**14)
def _cover(
    shape: int, radius: int, x: int, y: int, width: int, height: int, antialias: bool, device: torch.device
) -> Tensor:
    """How much of each pixel of a window is covered, with axes (y, x); lengths in 512ths of a pixel."""
    h = (torch.arange(width, dtype=torch.float64) * 512 + 256 - x)[None, :] / 512
    v = (torch.arange(height, dtype=torch.float64) * 512 + 256 - y)[:, None] / 512
    distance = _distance(CORNERS[shape], h, v, radius / 512)
    if not antialias:  # a pixel on the edge is outside, and not as rounding has it
        return (distance < -1e-9).to(device, torch.uint8)
    return (FULL * (0.5 - distance).clamp(0, 1)).round().to(device, torch.int16)


def _distance(corners: int, x: Tensor, y: Tensor, radius: float) -> Tensor:
    """How far it is to a disc, or to the nearest edge's line of a regular polygon: negative inside."""
    if not corners:
        return (x**2 + y**2).sqrt() - radius
    turns = [(2 * i + 1) * pi / corners for i in range(corners)]
    return torch.stack([x * sin(turn) + y * cos(turn) for turn in turns]).amax(0) - radius * cos(pi / corners)
