"""How much logits change along a concept's direction, from gradients of a logit with respect to activations.

Source: Kim et al., TCAV (ICML 2018); Dreyer et al. (AAAI 2024), section 4 and A.6. Gradients have the axes
(n, m, h, w) or (n, m), and are of examples with the artefact.
"""

from typing import Literal

from torch import Tensor

from fairray.concepts.pooling import pool

__all__ = ["Per", "along", "sensitivity", "tcav"]

Per = Literal["example", "position"]


def tcav(gradients: Tensor, h: Tensor, per: Per = "example") -> Tensor:
    """The share of directional derivatives that are positive; .5 is the ideal.

    per: "example" counts examples, by their gradient's mean over positions; "position" counts positions of examples. A
    derivative of exactly zero is not positive, so of a model without any gradient it is 0.
    """
    return (_derivatives(gradients, h, per) > 0).to(gradients.dtype).mean()


def sensitivity(gradients: Tensor, h: Tensor, per: Per = "example") -> Tensor:
    """The mean of |grad . h|, over what `per` counts as in `tcav`; 0 is the ideal. In units of the logit."""
    return _derivatives(gradients, h, per).abs().mean()


def along(gradients: Tensor, h: Tensor) -> Tensor:
    """The derivative in the direction h at every position: (n, h, w), or (n,)."""
    return (gradients.movedim(1, -1) * h).sum(-1)


def _derivatives(gradients: Tensor, h: Tensor, per: Per) -> Tensor:
    return along(gradients if per == "position" else pool(gradients, "mean"), h)
