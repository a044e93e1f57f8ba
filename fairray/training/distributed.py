"""One replica over the processes of a torch.distributed group, launched by Ray Train or torchrun."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from fairray.data import Tensors
from fairray.stages import Replica
from fairray.training.alone import Alone

__all__ = ["Distributed", "active"]


def active() -> bool:
    """Whether this process is one of several that train together."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


class Distributed(Alone):
    """`Alone`, each process taking its part of every batch; losses and gradients are those of the whole."""

    name: ClassVar = "distributed"

    def __init__(self, replicas: Sequence[Replica], starts: Sequence[Tensors]):
        super().__init__(replicas, starts)
        self.objective.gather = self._gather
        # batch statistics are the whole batch's too; torch has this on GPUs only, and Study.check says so
        self.objective = nn.SyncBatchNorm.convert_sync_batchnorm(self.objective)
        if self.objective.stage.losses == 1:  # several are differentiated one by one, where DDP would not notice
            self.model = DistributedDataParallel(self.objective)
        else:
            self.model = self.objective
        self.lengths: list[int] = []

    def step(self, batch: Tensors) -> Tensor:
        """One step of the optimizer; every process is given the same whole batch and takes every n-th example."""
        rank, size, whole = dist.get_rank(), dist.get_world_size(), batch["y"].shape[1]
        self.lengths = [len(range(r, whole, size)) for r in range(size)]
        return super().step({name: tensor[:, rank::size] for name, tensor in batch.items()})

    def resume(self, states: Sequence[Tensors]) -> None:
        """Each process draws noise of its own: what was kept is the first one's."""
        own = self._noise.get_rng_state()
        super().resume(states)
        if dist.get_rank():
            self._noise.set_rng_state(own)

    def _whole(self, gradients: Tensor) -> Tensor:
        dist.all_reduce(gradients)
        return gradients / dist.get_world_size()

    def _gather(self, tensors: Tensors) -> Tensors:
        """Every process's examples. Gradients arrive from each process's copy of the loss; DDP takes their mean."""
        return {name: _Joined.apply(tensor, self.lengths) for name, tensor in tensors.items()}


class _Joined(torch.autograd.Function):
    """All processes' tensors, one after the other; `lengths` says how many examples each has."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, lengths: list[int]) -> Tensor:
        ctx.start, ctx.length = sum(lengths[: dist.get_rank()]), len(tensor)
        # all_gather wants equal shapes, and the last batch of an epoch rarely divides evenly
        missing = max(lengths) - len(tensor)
        padded = torch.cat([tensor, tensor.new_zeros(missing, *tensor.shape[1:])])
        parts = [torch.empty_like(padded) for _ in lengths]
        dist.all_gather(parts, padded)
        return torch.cat([part[:length] for part, length in zip(parts, lengths, strict=True)])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        total = gradient.clone()
        dist.all_reduce(total)
        return total[ctx.start : ctx.start + ctx.length], None
