"""One replica, in plain torch."""

from collections.abc import Sequence

import torch
from torch import Tensor

from fairray.data import Tensors
from fairray.stages import Replica
from fairray.training.objective import objective

__all__ = ["Alone"]


class Alone:
    """Trains one replica; every tensor it takes or gives has an axis (replica,) of length 1 first."""

    def __init__(self, replicas: Sequence[Replica]):
        (replica,) = replicas
        training = replica.setting.training
        self.objective = objective(replica)
        self.model: torch.nn.Module = self.objective
        self.optimizer = torch.optim.Adam(
            self.objective.parameters(), lr=training.lr, weight_decay=training.weight_decay, fused=True
        )

    def step(self, batch: Tensors) -> Tensor:
        """One step of Adam; the loss before it."""
        self.model.train()
        loss = self.model({name: tensor[0] for name, tensor in batch.items()}, {})
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.detach()[None]

    @torch.no_grad()
    def predict(self, batch: Tensors) -> Tensor:
        """Logits with axes (replica, example, class); the batch has no axis of replicas."""
        self.model.eval()
        return self.objective(batch, {}, predict=True)[None]

    def state(self) -> list[Tensors]:
        """A copy of all parameters and buffers of each replica."""
        return [{name: tensor.to("cpu", copy=True) for name, tensor in self.objective.nets.state_dict().items()}]

    def restore(self, states: Sequence[Tensors]) -> None:
        (state,) = states
        self.objective.nets.load_state_dict(state)
