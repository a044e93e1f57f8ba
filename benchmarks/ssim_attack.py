"""What does an attack under SSIM cost? Seconds an image, on one thread, in float32.

The one-step attack (H^-1 g, the Hessian and everything it needs included) on images of one channel, half of them noise,
half strokes on black, for random gradients g, so that no network's time is in it. The dense way is the paper's: the
Hessian of 1 - SSIM by torch.autograd.functional.hessian, image by image, and a solver for dense systems; ratios are to
this one. Beside it the same with vectorize=True, and the dense Hessian in closed form with Cholesky's decomposition.
Ways are taken by turns, the best of several rounds of each.

The perceptual attack (Algorithm 3.1) on real digits, a network's time included, against the algorithm as it is printed:
image by image, the gradient of our SSIM by automatic differentiation (by two-dimensional convolutions it takes
more than three times as long). Both give the same images.

    python benchmarks/ssim_attack.py [--rounds 3]
"""

import argparse
import time
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fairray.attacks.perceptual import Perceptual
from fairray.attacks.ssim_one_step import SsimOneStep
from fairray.costs.ssim import Ssim
from fairray.datasets.digits5k import Digits5k

SIDES = {28: 256, 64: 64, 224: 8, 299: 8}  # and images in a batch
DENSE = 2  # images
EPS = 10.0
ATTACKED = 128  # digits

Way = Callable[[Tensor, Tensor], Tensor]


def images(side: int, count: int) -> Tensor:
    """With axes (image, 1, side, side)."""
    generator = torch.Generator().manual_seed(0)
    along = torch.arange(side)
    slopes = torch.rand(count // 2, 1, 1, generator=generator) * 2 - 1
    away = (along - side / 2 - slopes * (along[:, None] - side / 2)).abs() * 28 / side
    strokes = (2 - away).clamp(0, 1)
    return torch.stack((strokes, torch.rand(strokes.shape, generator=generator)), 1).flatten(0, 1)[:, None]


def gradients(x: Tensor) -> Tensor:
    return torch.randn(x.shape, generator=torch.Generator().manual_seed(1))


def dense(x: Tensor, g: Tensor, vectorize: bool = False) -> Tensor:
    """The step as the paper would take it."""
    return torch.cat([_dense(image, each, vectorize) for image, each in zip(x.split(1), g.split(1), strict=True)])


def _dense(x: Tensor, g: Tensor, vectorize: bool) -> Tensor:
    cost = Ssim()
    reference, pixels = cost.prepare(x), x.numel()
    hessian = torch.autograd.functional.hessian(lambda moved: cost(reference, moved).sum(), x, vectorize=vectorize)
    ascent = torch.linalg.solve(hessian.view(pixels, pixels), g.flatten()).view_as(x)
    return EPS * ascent / ascent.norm()


def seconds(ways: list[tuple[Way, Tensor]], rounds: int) -> list[float]:
    """An image, for each way and the images that it is given."""
    given = [(way, x, gradients(x)) for way, x in ways]
    return [min(times) for times in zip(*([_once(*each) for each in given] for _ in range(rounds)), strict=True)]


def _once(way: Way, x: Tensor, g: Tensor) -> float:
    start = time.perf_counter()
    way(x, g)
    return (time.perf_counter() - start) / len(x)


def one_step(rounds: int) -> None:
    """Print the table and `ratio ssim_28_vs_dense`."""
    ours, closed = SsimOneStep(eps=EPS).step, SsimOneStep(eps=EPS, solver="dense").step
    few = images(28, DENSE)
    apart = (ours(few, gradients(few)) - dense(few, gradients(few))).norm() / (EPS * DENSE**0.5)
    assert apart < 1e-2, f"ours and the dense way's steps differ by {apart}"
    ways: dict[str, tuple[Way, Tensor]] = {
        "dense, autograd, 28 px": (dense, few),
        "dense, vectorized, 28 px": (partial(dense, vectorize=True), few),
        "dense, closed form, 28 px": (closed, few),
        **{f"ours, {side} px": (ours, images(side, count)) for side, count in SIDES.items()},
    }
    each = dict(zip(ways, seconds(list(ways.values()), rounds), strict=True))
    paper = each["dense, autograd, 28 px"]
    print(f"{'one step under SSIM':<28}{'ms an image':>12}{'dense at 28 = 1':>18}")
    for name, taken in each.items():
        print(f"{name:<28}{taken * 1e3:>12.3f}{taken / paper:>18.5f}")
    print(f"ratio ssim_28_vs_dense {paper / each['ours, 28 px']:.0f}")
    print(f"ratio ssim_299_vs_dense_28 {paper / each['ours, 299 px']:.1f}")


def attack_loop(rounds: int) -> None:
    """Print `ratio attack_loop_vs_per_image`."""
    digits = Digits5k().load()
    model = trained(digits.train["x"][:, :1] / 255, digits.train["y"])
    x, y = digits.test["x"][:ATTACKED, :1] / 255, digits.test["y"][:ATTACKED]
    attack = Perceptual(cost=Ssim(), bits=None)
    steps = []

    def printed(x: Tensor, y: Tensor) -> Tensor:
        images, steps[:] = zip(*(_printed(attack, model, *each) for each in zip(x.split(1), y.split(1))))
        return torch.cat(images)

    def ours(x: Tensor, y: Tensor) -> Tensor:
        return attack(model, x, y)

    apart = (ours(x, y) - printed(x, y)).abs().amax((1, 2, 3))
    assert (apart < 1e-3).float().mean() > 0.98, "the images are not those of the algorithm as printed"
    alone, batch = (min(times) for times in zip(*((_once(printed, x, y), _once(ours, x, y)) for _ in range(rounds))))
    quarters = torch.tensor(steps, dtype=torch.float).quantile(torch.tensor([0, 0.25, 0.5, 0.75, 1]))
    print(f"perceptual attack on {ATTACKED} digits, steps by quartiles {[round(each) for each in quarters.tolist()]}")
    print(f"ms an image: as printed {alone * 1e3:.2f}, ours {batch * 1e3:.2f}")
    print(f"ratio attack_loop_vs_per_image {alone / batch:.1f}")


def _printed(attack: Perceptual, model: nn.Module, x0: Tensor, y: Tensor) -> tuple[Tensor, int]:
    """Algorithm 3.1 line by line for one image: the result, and how many steps it took."""
    x, reference = x0, attack.cost.prepare(x0)
    for step in range(attack.N):
        x = x.detach().requires_grad_()
        z = model(x)
        others = z[0].clone()
        others[y] = -torch.inf
        if others.max() - z[0, y] > attack.a:
            return x.detach(), step
        objective = F.cross_entropy(z, y) - attack.lam * attack.cost(reference, x).sum()
        (delta,) = torch.autograd.grad(objective, x)
        x = (x + attack.eps * delta).clamp(0, 1)
    return x.detach(), attack.N


def trained(x: Tensor, y: Tensor) -> nn.Module:
    """A small convolutional network of these digits, the attacked model."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(), nn.Flatten()]
    model = nn.Sequential(*layers, nn.Linear(32 * 7 * 7, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(5):
        for rows in torch.randperm(len(x)).split(100):
            optimizer.zero_grad()
            F.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
    return model.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    one_step(given.rounds)
    attack_loop(given.rounds)


if __name__ == "__main__":
    main()
