"""Timestamp: a date and a time in a corner, as cameras print them (RR-ClArC's ImageNet)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from fairray.artefacts._pixels import blend
from fairray.errors import BadInput

__all__ = ["Timestamp"]

FIRST = datetime(2020, 1, 1)
SECONDS = int((datetime(2022, 12, 31) - FIRST).total_seconds())
SIDE = 224  # of the published image
CANVASES = (199, 249)  # sides of what its text is written on and scaled from: the first, and after the last
FONT, PADDING, SHIFT = 10, 20, 2  # in pixels of the published image; the last is a standard deviation
FINE = 8  # times as large are letters drawn
TILT = 30  # the largest, in tenths of a degree
LEVELS, NOISE = (10, 245), 5
LEGIBLE = 96  # pixels of side, below which strokes of the published size would be thinner than half a pixel

# rows of 3 pixels, top first, each as a number of three bits
GLYPHS = {
    "0": (7, 5, 5, 5, 7), "1": (2, 6, 2, 2, 7), "2": (7, 1, 7, 4, 7), "3": (7, 1, 7, 1, 7), "4": (5, 5, 7, 1, 1),
    "5": (7, 4, 7, 1, 7), "6": (7, 4, 7, 5, 7), "7": (7, 1, 1, 1, 1), "8": (7, 5, 7, 5, 7), "9": (7, 5, 7, 1, 7),
    "-": (0, 0, 7, 0, 0), ":": (0, 2, 0, 2, 0), " ": (0, 0, 0, 0, 0),
}  # fmt: skip
FORMS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d", "%H:%M")


@dataclass(frozen=True, kw_only=True)
class Timestamp:
    """YYYY-MM-DD HH:MM:SS, a moment of 2020 to 2022, in one of the four corners.

    Each channel of its colour is 10 or 245, with noise of 5; its size, its place and its angle (to 3 degrees) vary too;
    all lengths are those published for 224 pixels, scaled with the image's shorter side. Where that is below 96 pixels
    the digits are 3 x 5 pixels each and upright, and the text is the longest of date and time, date, and HH:MM that
    fits; an image smaller than 21 x 7 pixels is refused. The mask is the rectangle about the text.
    """

    def __call__(self, x: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Images and masks, as `fairray.artefacts.Artefact` says."""
        changed, mask = x.clone(), torch.zeros(len(x), *x.shape[2:], dtype=torch.bool)
        for i, number in enumerate(ids.tolist()):
            random = np.random.RandomState(number)  # whose stream is frozen
            ink = torch.from_numpy(_ink(random, *x.shape[2:]))
            rows, columns = _corner(random, x.shape[2:], ink.shape)
            colour = torch.from_numpy(random.choice(LEVELS, 3) + random.normal(0, NOISE, 3))[:, None, None]
            changed[i : i + 1, :, rows, columns] = blend(x[i : i + 1, :, rows, columns], colour, ink)
            mask[i, rows, columns] = True
        return changed, mask


def _ink(random: np.random.RandomState, height: int, width: int) -> np.ndarray:
    """How much of each pixel the text covers, in 0..1, with axes (row, column) of the rectangle about it."""
    moment = FIRST + timedelta(seconds=int(random.randint(SECONDS)))
    scale = min(height, width) / SIDE
    if min(height, width) < LEGIBLE:
        return _dotted(moment, height, width)
    text = _letters(moment.strftime(FORMS[0]), scale * SIDE / random.randint(*CANVASES))
    turned = text.rotate(random.randint(-TILT, TILT + 1) / 10, Image.Resampling.BICUBIC, expand=True)
    return np.asarray(turned.crop(turned.getbbox()), np.float32) / 255


def _dotted(moment: datetime, height: int, width: int) -> np.ndarray:
    """The longest of the texts that leaves a pixel free on either side, in digits of 3 x 5 pixels."""
    texts = [moment.strftime(form) for form in FORMS]
    text = next((text for text in texts if 4 * len(text) + 1 <= width), texts[-1])
    if 4 * len(text) + 1 > width or height < 7:
        problem = f"a time of 19 x 5 pixels does not fit into images of {height} x {width} pixels"
        raise BadInput("", problem, "make the images larger, or take another artefact")
    rows = np.array([GLYPHS[letter] for letter in text]).T[..., None] >> np.array([2, 1, 0, 8])  # 8: what is between
    return (rows & 1).reshape(5, -1)[:, :-1].astype(np.float32)


def _letters(text: str, scale: float) -> Image.Image:
    """White on black, in Pillow's own font, that many times as large as published."""
    font = _font()
    left, top, right, bottom = map(int, font.getbbox(text))
    image = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(image).text((-left, -top), text, fill=255, font=font)
    size = [max(1, round(length * scale / FINE)) for length in image.size]
    return image.resize((size[0], size[1]), Image.Resampling.BOX)


@cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(FINE * FONT)  # it is made smaller later: the font's own sizes go in steps


def _corner(random: np.random.RandomState, image: torch.Size, text: torch.Size) -> tuple[slice, slice]:
    """Rows and columns of a text of this size in one of the four corners of an image."""
    scale = min(image) / SIDE
    rows, columns = (
        _along(int(random.randint(2)), length - size, scale * (PADDING + SHIFT * random.normal()))
        for length, size in zip(image, text)
    )
    return slice(rows, rows + text[0]), slice(columns, columns + text[1])


def _along(end: int, free: int, padding: float) -> int:
    """Where a text begins, `padding` from the near or far end of an image that has `free` pixels beside it."""
    near = min(max(round(padding), 0), free)
    return free - near if end else near
