"""Perceived colour, differentiable everywhere: sRGB to CIELAB (D65), CIEDE2000 (Sharma, Wu & Dalal, 2005)."""

import math

import torch
from torch import Tensor

__all__ = ["ciede2000", "lab"]

# ITU-R BT.709 primaries; the white point of D65 at 2 degrees
RGB_TO_XYZ = ((0.412453, 0.357580, 0.180423), (0.212671, 0.715160, 0.072169), (0.019334, 0.119193, 0.950227))
WHITE = (0.95047, 1.0, 1.08883)
DARK = (6 / 29) ** 3


def lab(x: Tensor) -> Tensor:
    """L*, a*, b* with axes (image, 3, height, width), of sRGB in [0, 1] with 3 channels, or of grey with 1."""
    linear = torch.where(x > 0.04045, ((x + 0.055) / 1.055) ** 2.4, x / 12.92).expand(-1, 3, -1, -1)
    xyz = torch.einsum("kc,ichw->ikhw", x.new_tensor(RGB_TO_XYZ), linear) / x.new_tensor(WHITE).view(3, 1, 1)
    root = torch.where(xyz > DARK, xyz.clamp(min=DARK) ** (1 / 3), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    fx, fy, fz = root.unbind(1)
    return torch.stack([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)], 1)


def ciede2000(lab1: Tensor, lab2: Tensor) -> Tensor:
    """Delta E_00 of every pixel, with axes (image, height, width); its gradient is 0 where the colours are equal."""
    (L1, a1, b1), (L2, a2, b2) = lab1.unbind(1), lab2.unbind(1)
    G = (1 - _saturation((_length(a1, b1) + _length(a2, b2)) / 2)) / 2
    a1, a2 = (1 + G) * a1, (1 + G) * a2
    C1, C2 = _length(a1, b1), _length(a2, b2)
    grey = C1 * C2 == 0
    h1, h2 = _hue(a1, b1), _hue(a2, b2)
    apart = h2 - h1
    across = apart.abs() > math.pi
    turn = torch.where(apart > 0, 2 * math.pi, -2 * math.pi).where(across, 0)
    L, C = (L1 + L2) / 2, (C1 + C2) / 2
    h = torch.where(grey, h1 + h2, (h1 + h2 - turn) / 2)
    dL, dC = L2 - L1, C2 - C1
    dH = 2 * _root(C1 * C2) * torch.sin((apart - turn) / 2)
    T = 1 - 0.17 * torch.cos(h - math.radians(30)) + 0.24 * torch.cos(2 * h)
    T = T + 0.32 * torch.cos(3 * h + math.radians(6)) - 0.20 * torch.cos(4 * h - math.radians(63))
    SL = 1 + 0.015 * (L - 50) ** 2 / (20 + (L - 50) ** 2).sqrt()
    SC, SH = 1 + 0.045 * C, 1 + 0.015 * C * T
    from_blue = (_degrees(h) - 275) / 25
    RT = -2 * _saturation(C) * torch.sin(math.radians(60) * torch.exp(-(from_blue**2)))
    return _root((dL / SL) ** 2 + (dC / SC) ** 2 + (dH / SH) ** 2 + RT * (dC / SC) * (dH / SH))


def _saturation(C: Tensor) -> Tensor:
    """sqrt(C^7 / (C^7 + 25^7)), with a gradient of 0 at 0."""
    return (C / 25) ** 3.5 / (1 + (C / 25) ** 7).sqrt()


def _root(square: Tensor) -> Tensor:
    """The square root, with a gradient of 0 where it is 0."""
    positive = square > 0
    return square.where(positive, 1).sqrt().where(positive, 0)


def _length(a: Tensor, b: Tensor) -> Tensor:
    return _root(a**2 + b**2)


def _hue(a: Tensor, b: Tensor) -> Tensor:
    """The angle in [0, 2 pi), 0 for grey."""
    grey = (a == 0) & (b == 0)
    return torch.atan2(b, a.where(~grey, 1)).where(~grey, 0) % (2 * math.pi)


def _degrees(h: Tensor) -> Tensor:
    return torch.rad2deg(h % (2 * math.pi))
