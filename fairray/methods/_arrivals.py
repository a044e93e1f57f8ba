"""Draws in proportion to when an example arrived, without a table of weights."""

import torch
from torch import Tensor


def draw(size: int, originals: int, made: int, generator: torch.Generator) -> Tensor:
    """Indices of `size` examples, drawn with replacement, on the generator's device.

    The originals, at places 0 to originals - 1, weigh 1 each; the example made as the j-th, at place
    originals + j - 1, weighs j. The cumulative weight of the first j made is the triangular number j (j + 1) / 2, whose
    inverse is a square root: the draw is exact in integers up to 3e9 made examples, and needs no memory for weights.
    `torch.multinomial` stops at 2^24 of them and is biased in float32 before that.
    """
    total = originals + made * (made + 1) // 2
    u = torch.randint(total, (size,), generator=generator, device=generator.device)
    return torch.where(u < originals, u, originals + _root(u - originals))


def weights(indices: Tensor, originals: int) -> Tensor:
    """The weights P of examples at these places: 1 of an original, of a made one the number of its arrival."""
    return (indices - originals + 1).clamp(min=1)


def mean_weight(originals: int, made: int) -> float:
    """Of all examples."""
    return (originals + made * (made + 1) / 2) / (originals + made)


def _root(v: Tensor) -> Tensor:
    """The largest j with j (j + 1) / 2 <= v, for integers v >= 0."""
    j = (((8 * v.clamp(min=0).double() + 1).sqrt() - 1) / 2).long()
    j -= (j * (j + 1) // 2 > v).long()  # above 2^53 a double is some integers off
    j += ((j + 1) * (j + 2) // 2 <= v).long()
    return j
