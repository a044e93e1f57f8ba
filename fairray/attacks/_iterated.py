"""What iterated attacks share: the margin, 8-bit images, a batch that shrinks, noise, a ball of perceptual distance."""

from collections.abc import Callable
from hashlib import blake2b
from typing import Annotated, Literal, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from fairray.attacks import Model
from fairray.costs import Reference
from fairray.members import Of

__all__ = [
    "Embedding",
    "EmbeddingField",
    "Loss",
    "ascend",
    "run_until_done",
    "differentiate",
    "distances",
    "fooling",
    "margin",
    "noisy",
    "norms",
    "projected",
    "rounded",
    "unit",
    "vanishes",
]

Rows = tuple[Tensor, ...]
Loss = Literal["cross_entropy", "margin"]


class Embedding(Protocol):
    """A cost that is a distance of features: the L2 distance of `embed`, whose axes are (image, feature)."""

    def embed(self, x: Tensor) -> Tensor:
        """Features of images x."""


EmbeddingField = Annotated[Embedding, Of("costs")]


def margin(z: Tensor, y: Tensor) -> Tensor:
    """max_{i != y} z_i - z_y, with axis (image): positive where logits z are those of another class than y."""
    others = z.scatter(1, y[:, None], -torch.inf)
    return others.amax(1) - z.gather(1, y[:, None]).squeeze(1)


def rounded(x: Tensor, bits: int | None) -> Tensor:
    """The nearest image that `bits` bits a channel can hold; x itself for None."""
    if bits is None:
        return x
    levels = 2**bits - 1
    return (x * levels).round() / levels


def norms(v: Tensor) -> Tensor:
    """The L2 norm of each image, with axes that broadcast against v."""
    return torch.linalg.vector_norm(v, dim=tuple(range(1, v.ndim)), keepdim=True)


def unit(v: Tensor) -> Tensor:
    """Each image over its L2 norm; an image of zeros stays."""
    # the square of a confident model's gradient is 0
    v = v / _nonzero(v.abs().amax(tuple(range(1, v.ndim)), keepdim=True))
    return v / _nonzero(norms(v))


def _nonzero(v: Tensor) -> Tensor:
    return v.where(v > 0, 1)


def differentiate(objective: Callable[[Tensor], Rows], x: Tensor) -> Rows:
    """The gradient, with respect to x alone, of the first of what `objective` gives for each image; then all of it."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        values = objective(x)
        (gradient,) = torch.autograd.grad(values[0].sum(), x)
    return gradient, *(value.detach() for value in values)


def fooling(model: Model, x: Tensor, y: Tensor, loss: Loss = "cross_entropy") -> tuple[Tensor, Tensor]:
    """The gradient of a loss at x, and the margin there.

    loss: the cross-entropy, whose gradient is 0 where a model is so sure that its softmax rounds to 1; or the margin
        over the range of the logits, of which that is not so (after the DLR loss of Croce & Hein, 2020).
    """

    def objective(x: Tensor) -> Rows:
        z = model(x)
        found = margin(z, y)
        if loss == "margin":
            return found / _nonzero(z.amax(1) - z.amin(1)).detach(), found
        return F.cross_entropy(z, y, reduction="none"), found

    gradient, _, found = differentiate(objective, x)
    return gradient, found


def vanishes(model: Model, x: Tensor, y: Tensor, loss: Loss) -> Tensor:
    """Whether the gradient of a loss is 0 in all of an image, so that it leads nowhere; axis (image)."""
    gradient, _ = fooling(model, x, y, loss)
    return ~gradient.flatten(1).any(1)


def run_until_done(
    steps: int, look: Callable[[Rows], tuple[Tensor, Rows]], move: Callable[[int, Rows, Rows], Rows], rows: Rows
) -> Tensor:
    """The images after at most `steps` steps, each out of the batch from when it is done.

    rows: the images, then whatever belongs to them; axis 0 of all is the image. look: which images are done, and
    what it saw, a tuple of such tensors. move: the rows after a step, from its number, the rows and what was seen.
    """
    result, left = rows[0].clone(), torch.arange(len(rows[0]), device=rows[0].device)
    for step in range(steps):
        done, seen = look(rows)
        if done.any():
            result[left[done]] = rows[0][done]
            left, rows, seen = left[~done], _kept(rows, ~done), _kept(seen, ~done)
        if not len(left):
            break
        rows = move(step, rows, seen)
    result[left] = rows[0]
    return result


def _kept(rows: Rows, which: Tensor) -> Rows:
    return tuple(row[which] for row in rows)


def ascend(
    model: Model,
    x: Tensor,
    y: Tensor,
    reference: Reference,
    direction: Callable[[Tensor, Tensor, Reference], Tensor],
    *,
    eps: float,
    N: int,
    a: float,
    bits: int | None,
    loss: Loss,
) -> Tensor:
    """x after at most N steps of eps times `direction`, clipped; an image stops where its margin exceeds a.

    direction: of the image that is looked at, the gradient of the loss there, and the reference. With bits,
    the image looked at is the rounded one, which is also what is returned; steps add up in the unrounded one, as
    rounding would undo those that are smaller than half a level.
    """

    def look(rows: Rows) -> tuple[Tensor, Rows]:
        gradient, found = fooling(model, rounded(rows[0], bits), rows[1], loss)
        return found > a, (gradient,)

    def move(step: int, rows: Rows, seen: Rows) -> Rows:
        x, y, *reference = rows
        delta = direction(rounded(x, bits), seen[0], tuple(reference))
        return (x + eps * delta).clamp(0, 1), y, *reference

    return rounded(run_until_done(N, look, move, (x, y, *reference)), bits)


def noisy(x: Tensor, seed: int, sigma: float = 0.01) -> Tensor:
    """x with normal noise, clipped; an image's noise depends on the seed and its own pixels only."""
    return torch.stack([image + sigma * _noise(image, seed) for image in x]).clamp(0, 1) if len(x) else x


def _noise(image: Tensor, seed: int) -> Tensor:
    pixels = (image * 255).round().to("cpu", torch.uint8)
    digest = blake2b(pixels.numpy().tobytes(), digest_size=8, salt=seed.to_bytes(16, "little", signed=True)).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest, "little"))
    return torch.randn(image.shape, generator=generator).to(image)


def distances(cost: Embedding, target: Tensor, x: Tensor) -> Tensor:
    """d = || embed(x) - target ||_2, with axis (image)."""
    return torch.linalg.vector_norm(cost.embed(x) - target, dim=1)


def projected(cost: Embedding, bound: float, x0: Tensor, target: Tensor, x: Tensor) -> Tensor:
    """x with d <= bound: at most ten Newton steps along the gradient of d, then bisection towards x0.

    target: the features of x0. Newton steps aim .1 inside the ball (a fifth of a bound below .5), and a tenth further.
    """
    x, far = x.clone(), torch.arange(len(x), device=x.device)
    for _ in range(10):
        outside, moved = _newton(cost, bound, target[far], x[far])
        far = far[outside]
        if not len(far):
            return x
        x[far] = moved[outside]
    far = far[distances(cost, target[far], x[far]) > bound]
    x[far] = _bisected(cost, bound, x0[far], target[far], x[far])
    return x


def _newton(cost: Embedding, bound: float, target: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """Which images are outside of the ball, and where a step into it leads them."""
    gradient, d = differentiate(lambda x: (distances(cost, target, x),), x)
    overshoot = min(0.1, bound / 5)
    step = (d - bound + overshoot) * (1 + overshoot)
    return d > bound, (x - step.view(-1, 1, 1, 1) * gradient / _nonzero(norms(gradient) ** 2)).clamp(0, 1)


def _bisected(cost: Embedding, bound: float, inside: Tensor, target: Tensor, outside: Tensor) -> Tensor:
    for _ in range(10):
        middle = (inside + outside) / 2
        near = (distances(cost, target, middle) <= bound).view(-1, 1, 1, 1)
        inside, outside = middle.where(near, inside), outside.where(near, middle)
    return inside
