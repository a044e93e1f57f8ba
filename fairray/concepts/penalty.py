"""The loss of RR-ClArC: how much the logits change along a concept's direction, to be trained away.

Source: Dreyer et al. (AAAI 2024), section 3; selectors and aggregations are those of its code. All of it can be
differentiated with respect to the parameters that `back` holds, by autograd and by torch.func, and mapped by vmap.
"""

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from fairray.concepts.pooling import pool
from fairray.concepts.sensitivity import along

__all__ = ["Aggregate", "Criterion", "gradient", "log_probabilities", "penalise", "select"]

Aggregate = Literal["l2", "l1", "cosine", "l2_mean", "l1_mean", "cosine_mean"]
Criterion = Literal["all", "random_signs", "target", "max", "logprobs"]

SHORTEST = 1e-12  # a gradient shorter than this has no direction


def penalise(
    back: Callable[[Tensor], Tensor], a: Tensor, h: Tensor, m: Tensor | None, aggregate: Aggregate = "l2_mean"
) -> Tensor:
    """The penalty of each example, (n,), for the gradient G of the selected logits; L_RR is its mean over examples.

    back, a, m: as in `gradient`. h: (m,), the CAV. aggregate: "l2" is the mean over positions of (G . h)^2, "l1" that
    of |G . h|, "cosine" that of |cos(G, h)|; with "_mean", G is first its mean over positions. A gradient of zero has
    the cosine 0.
    """
    G = gradient(back, a, m)
    measure = MEASURES[aggregate.removesuffix("_mean")]
    each = measure(pool(G, "mean") if aggregate.endswith("_mean") else G, h)
    return each.reshape(len(each), -1).mean(1)


def gradient(back: Callable[[Tensor], Tensor], a: Tensor, m: Tensor | None) -> Tensor:
    """G = d (sum_k m_k y_k) / da of every example, with the axes of a.

    back: the logits (n, K) of activations a, (n, m, h, w) or (n, m), each example's for itself: normalisation layers
    are in evaluation mode. m: the selector (n, K), or None for the mean of the logarithms of probabilities.
    """

    def answer(a: Tensor) -> Tensor:
        logits = back(a.clone())  # the first layer may be an activation in place
        return log_probabilities(logits) if m is None else (m * logits).sum(1)

    selected, pull = torch.func.vjp(answer, a)  # type: ignore[misc]  # there are three with has_aux
    return pull(torch.ones_like(selected))[0]


def select(
    criterion: Criterion,
    logits: Tensor,
    y: Tensor | None = None,
    target: int | None = None,
    signs: Tensor | None = None,
) -> Tensor | None:
    """The selector m, (n, K), of logits with these axes; None for "logprobs".

    "all": ones. "random_signs": `signs`, (n, K) of -1 and 1, new for each step. "target": one at the class `target`, or
    without one at the label y, (n,). "max": one at the largest logit.
    """
    if criterion == "logprobs":
        return None
    if criterion == "all":
        return torch.ones_like(logits)
    if criterion == "random_signs":
        assert signs is not None
        return signs.to(logits.dtype)
    if criterion == "max":
        return _one_hot(logits.argmax(1), logits)
    k = y if target is None else torch.tensor([target], device=logits.device)
    assert k is not None
    return _one_hot(k, logits)


def log_probabilities(logits: Tensor) -> Tensor:
    """g = mean_k log(softmax_k + 1e-5), (n,)."""
    return (logits.softmax(1) + 1e-5).log().mean(1)


def _one_hot(k: Tensor, logits: Tensor) -> Tensor:
    """k: the class of each example, or of all, (1,)."""
    return (k[:, None] == torch.arange(logits.shape[1], device=logits.device)).to(logits.dtype).expand_as(logits)


def _squared(G: Tensor, h: Tensor) -> Tensor:
    return along(G, h).square()


def _absolute(G: Tensor, h: Tensor) -> Tensor:
    return along(G, h).abs()


def _cosine(G: Tensor, h: Tensor) -> Tensor:
    """|cos(G, h)| at every position."""
    return F.cosine_similarity(G.movedim(1, -1), h, dim=-1, eps=SHORTEST).abs()


MEASURES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"l2": _squared, "l1": _absolute, "cosine": _cosine}
