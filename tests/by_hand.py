"""Training as one would write it without the project: plain arithmetic, one step after the other, in float64."""

from itertools import chain

import torch
import torch.nn.functional as F

from fairray.training.objective import generator, objective


def trained_by_hand(replica, loss, rows=None):
    """The parameters after the last epoch of a network that `loss(network, rows)` is minimised of, by name.

    The settings are the replica's; so are the weights at the start and the order of the rows.
    """
    training, network, order = replica.training, objective(replica).nets["main"], generator(replica, "order")
    parameters, lr, step = list(network.parameters()), training.lr, 0
    first, second = ([torch.zeros_like(p) for p in parameters] for _ in range(2))
    rows = torch.arange(len(replica.setting.dataset.train["y"])) if rows is None else rows
    for epoch in range(training.epochs):
        lr *= training.gamma if epoch in training.milestones else 1
        visits = [rows[torch.randperm(len(rows), generator=order)].split(training.batch)]
        while training.epochs * sum(map(len, visits)) < training.steps:
            visits.append(rows[torch.randperm(len(rows), generator=order)].split(training.batch))
        for part in chain(*visits):
            gradients, step = torch.autograd.grad(loss(network, part), parameters), step + 1
            norm = sum((g**2).sum() for g in gradients) ** 0.5
            short = 1 if training.clip is None else min(1, training.clip / (norm + 1e-6))
            with torch.no_grad():
                for p, g, m, v in zip(parameters, gradients, first, second):
                    g = short * g + training.weight_decay * p
                    if training.optimizer == "sgd":
                        m.mul_(training.momentum).add_(g)
                        p -= lr * m
                    else:
                        m.mul_(0.9).add_(0.1 * g)
                        v.mul_(0.999).add_(0.001 * g**2)
                        p -= lr * (m / (1 - 0.9**step)) / ((v / (1 - 0.999**step)) ** 0.5 + 1e-8)
    return {f"model/main.{name}": p.detach() for name, p in network.named_parameters()}


def cross_entropy(x, y, weight=None):
    """A loss for `trained_by_hand`: the mean over the examples, each times its weight."""

    def loss(network, rows):
        each = -F.log_softmax(network(x[rows]), -1)[torch.arange(len(rows)), y[rows]]
        return each.mean() if weight is None else (weight[rows] * each).sum() / weight[rows].sum()

    return loss


def assert_same(tensors, expected):
    """Up to the rounding of another order of sums."""
    for name, tensor in expected.items():
        torch.testing.assert_close(tensors[name], tensor, rtol=1e-9, atol=1e-10)


def differ(tensors, others):
    return any(not torch.allclose(tensors[name], other, rtol=1e-6) for name, other in others.items())
