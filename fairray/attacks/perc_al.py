"""PerC-AL: colour differences that people do not see (Zhao, Liu & Larson, 2020, section 4.2)."""

import math
from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from fairray.attacks import Model, guarded
from fairray.attacks._colour import ciede2000, lab
from fairray.attacks._iterated import Loss, Rows, differentiate, fooling, rounded, unit

__all__ = ["PercAl"]


@dataclass(frozen=True, kw_only=True)
class PercAl:
    """Steps that fool the model alternate with steps that lessen || Delta E_00 ||_2, image by image.

    Every image takes all N steps, since it can become better to the end. Both gradients are those of the 8-bit image,
    on which it is also decided whether the model is fooled. Grey images are images with three equal channels.

    N: steps.
    alpha_l: L2 length of the first step that fools; it falls by a cosine to a hundredth.
    alpha_c: L2 length of the first step that restores colours; it falls to a tenth. The paper's value where any other
      class will do; the published code has .5.
    kappa: confidence; an image is adversarial where max_{i != y} z_i - z_y > kappa.
    loss: what is climbed; "margin" has a gradient where a model is so sure that the cross-entropy's is 0.
    """

    N: Annotated[int, Ge(1)] = 1000
    alpha_l: Annotated[float, Gt(0)] = 1.0
    alpha_c: Annotated[float, Gt(0)] = 0.1
    kappa: Annotated[float, Ge(0)] = 0.0
    loss: Loss = "cross_entropy"

    @guarded
    @torch.no_grad()
    def __call__(self, model: Model, x: Tensor, y: Tensor, seed: int = 0) -> Tensor:
        """The 8-bit adversarial image with the smallest || Delta E_00 ||_2, or x where there was none."""
        colours, current, best = lab(x), x, rounded(x, 8)
        least = x.new_full((len(x),), torch.inf)
        # what the last step leads to is only looked at
        for t in range(self.N + 1):
            seen = rounded(current, 8)
            gradient, found = fooling(model, seen, y, self.loss)
            step = _annealed(self.alpha_l, 100, t / self.N) * unit(gradient)
            adversarial = (found > self.kappa).nonzero().squeeze(1)
            gradient, visible = _colour_change(colours[adversarial], seen[adversarial])
            step[adversarial] = -_annealed(self.alpha_c, 10, t / self.N) * unit(gradient)
            better = visible < least[adversarial]
            improved = adversarial[better]
            best[improved], least[improved] = seen[improved], visible[better]
            current = (current + step).clamp(0, 1)
        return best


def _annealed(start: float, by: float, progress: float) -> float:
    """From start to start / by, along half a cosine."""
    end = start / by
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2


def _colour_change(colours: Tensor, x: Tensor) -> Rows:
    """The gradient of || Delta E_00 ||_2 between x and the original colours, and its value."""

    return differentiate(lambda x: (torch.linalg.vector_norm(ciede2000(colours, lab(x)), dim=(1, 2)),), x)
