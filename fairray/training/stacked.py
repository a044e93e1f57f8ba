"""Many replicas of one network at once: replicas are a batch axis (torch.func)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, jacrev, stack_module_state, vmap

from fairray.data import Tensors
from fairray.stages import Replica
from fairray.training.objective import adam_groups, objective
from fairray.training.stage import TrainStage

__all__ = ["Stacked", "can_stack"]


class Stacked:
    """Trains replicas that differ in seed, data and float hyperparameters only.

    Adam is torch's own, over each replica's view into the stacked parameters, so each replica has
    its own rates.
    """

    def __init__(self, replicas: Sequence[Replica], starts: Sequence[Tensors]):
        objectives = [objective(replica, start) for replica, start in zip(replicas, starts, strict=True)]
        self.objective = objectives[0]
        stacked, _ = stack_module_state(objectives)
        self.parameters: Tensors = {name: tensor.detach() for name, tensor in stacked.items()}
        self.trained = {name: self.parameters[name] for name, p in self.objective.named_parameters() if p.requires_grad}
        self.floats = _floats(replicas, self.objective)
        self.views = [[tensor[r] for tensor in self.trained.values()] for r in range(len(replicas))]
        names = [name.removeprefix("nets.") for name in self.trained]
        groups = [adam_groups(r, dict(zip(names, v, strict=True))) for r, v in zip(replicas, self.views, strict=True)]
        self.optimizer = torch.optim.Adam([group for of_one in groups for group in of_one], fused=True)
        gradients = self._gradient if self.objective.stage.losses == 1 else self._combined
        self._gradients = vmap(gradients, randomness="error")
        self._logits = vmap(self._predict, in_dims=(0, 0, None))

    def step(self, batch: Tensors) -> Tensor:
        """One step of Adam for every replica; the first losses before it, with axis (replica,)."""
        self.objective.train()
        gradients, losses = self._gradients(self.trained, self.parameters, self.floats, batch)
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

    def _gradient(self, trained: Tensors, parameters: Tensors, floats: Tensors, batch: Tensors):
        return grad_and_value(self._loss)(trained, parameters, floats, batch)

    def _combined(self, trained: Tensors, parameters: Tensors, floats: Tensors, batch: Tensors):
        def twice(trained: Tensors) -> tuple[Tensor, Tensor]:
            losses = self._loss(trained, parameters, floats, batch)
            return losses, losses

        each, losses = jacrev(twice, has_aux=True)(trained)
        stage = self.objective.stage.with_floats(floats)
        return {name: stage.combined(name.removeprefix("nets."), g) for name, g in each.items()}, losses[0]

    def _loss(self, trained: Tensors, parameters: Tensors, floats: Tensors, batch: Tensors) -> Tensor:
        return functional_call(self.objective, {**parameters, **trained}, (batch, floats))

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
