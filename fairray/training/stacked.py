"""Many replicas of one network at once: replicas are a batch axis (torch.func)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap

from fairray.data import Tensors
from fairray.stages import Replica
from fairray.training.objective import objective
from fairray.training.stage import TrainStage

__all__ = ["Stacked", "can_stack"]


class Stacked:
    """Trains replicas that differ in seed, data and float hyperparameters only.

    Adam is torch's own, over each replica's view into the stacked parameters, so each replica has
    its own rates.
    """

    def __init__(self, replicas: Sequence[Replica]):
        objectives = [objective(replica) for replica in replicas]
        self.objective = objectives[0]
        stacked, _ = stack_module_state(objectives)
        self.parameters: Tensors = {name: tensor.detach() for name, tensor in stacked.items()}
        self.floats = _floats(replicas, self.objective)
        self.views = [[tensor[r] for tensor in self.parameters.values()] for r in range(len(replicas))]
        rates = [replica.setting.training for replica in replicas]
        self.optimizer = torch.optim.Adam(
            [
                {"params": view, "lr": rate.lr, "weight_decay": rate.weight_decay}
                for view, rate in zip(self.views, rates, strict=True)
            ],
            fused=True,
        )
        self._gradients = vmap(grad_and_value(self._loss), randomness="error")
        self._logits = vmap(self._predict, in_dims=(0, 0, None))

    def step(self, batch: Tensors) -> Tensor:
        """One step of Adam for every replica; the losses before it, with axis (replica,)."""
        self.objective.train()
        gradients, losses = self._gradients(self.parameters, self.floats, batch)
        for r, view in enumerate(self.views):
            for parameter, gradient in zip(view, gradients.values(), strict=True):
                parameter.grad = gradient[r]
        self.optimizer.step()
        return losses.detach()

    @torch.no_grad()
    def predict(self, batch: Tensors) -> Tensor:
        """Logits with axes (replica, example, class); the batch has no axis of replicas."""
        self.objective.eval()
        return self._logits(self.parameters, self.floats, batch)

    def state(self) -> list[Tensors]:
        """A copy of all parameters of each replica."""
        return [
            {name.removeprefix("nets."): tensor[r].to("cpu", copy=True) for name, tensor in self.parameters.items()}
            for r in range(len(self.views))
        ]

    def restore(self, states: Sequence[Tensors]) -> None:
        for r, state in enumerate(states):
            for name, tensor in self.parameters.items():
                tensor[r].copy_(state[name.removeprefix("nets.")])

    def _loss(self, parameters: Tensors, floats: Tensors, batch: Tensors) -> Tensor:
        return functional_call(self.objective, parameters, (batch, floats))

    def _predict(self, parameters: Tensors, floats: Tensors, batch: Tensors) -> Tensor:
        return functional_call(self.objective, parameters, (batch, floats, True))


def can_stack(replica: Replica) -> bool:
    """Whether the networks are pure functions of their parameters: no running statistics, no dropout."""
    nets = objective(replica).nets
    return not any(True for _ in nets.buffers()) and not any(isinstance(m, nn.Dropout) for m in nets.modules())


def _floats(replicas: Sequence[Replica], like: nn.Module) -> Tensors:
    stages = [replica.stage for replica in replicas]
    first = next(like.parameters())
    assert isinstance(stages[0], TrainStage)
    return {name: first.new_tensor([stage.hyperparameters[name] for stage in stages]) for name in stages[0].floats}
