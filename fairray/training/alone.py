"""One replica, in plain torch."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from fairray.data import Tensors
from fairray.stages import Replica
from fairray.training.objective import (
    build_optimizer,
    float_fields,
    initial_state,
    kept,
    laid_out,
    objective,
    parameter_groups,
    remembered,
    remind,
    under,
)

__all__ = ["Alone"]


class Alone:
    """Trains one replica; every tensor it takes or gives has an axis (replica,) of length 1 first."""

    name: ClassVar = "alone"

    def __init__(self, replicas: Sequence[Replica], starts: Sequence[Tensors]):
        (replica,), (start,) = replicas, starts
        self.objective = objective(replica, start).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.model: torch.nn.Module = self.objective
        self.trained = {name: p for name, p in self.objective.nets.named_parameters() if p.requires_grad}
        self.clip = replica.training.clip
        self.optimizer = build_optimizer(parameter_groups(replica, self.trained), replica.training)
        self.carried = initial_state(replica)
        self.floats = float_fields(replica, self.objective)

    def step(self, batch: Tensors) -> Tensor:
        """One step of the optimizer; the first loss before it."""
        self.model.train()
        own = {name: laid_out(tensor[0]) for name, tensor in batch.items()}
        losses, self.carried = self.model(own, self.floats, self.carried)
        self.optimizer.zero_grad()
        if self.objective.stage.losses == 1:
            losses.backward()
        else:
            self._combine(losses)
        if self.clip is not None:
            torch.nn.utils.clip_grad_norm_(self.trained.values(), self.clip)
        self.optimizer.step()
        return losses.detach().reshape(-1)[:1]

    @torch.no_grad()
    def predict(self, batch: Tensors) -> Tensor:
        """Logits with axes (replica, example, class); the batch has no axis of replicas."""
        self.model.eval()
        batch = {name: laid_out(tensor) for name, tensor in batch.items()}
        return self.objective(batch, self.floats, {}, predict=True)[0][None]

    def state(self) -> list[Tensors]:
        """A copy of all parameters and buffers of each replica, and of its stage's state."""
        return [kept(self.objective.nets.state_dict(), self.carried)]

    def restore(self, states: Sequence[Tensors]) -> None:
        (state,) = states
        self.objective.nets.load_state_dict(under("model/", state))
        self.carried = {name: tensor.to(self.carried[name]) for name, tensor in under("state/", state).items()}

    def reached(self) -> list[Tensors]:
        """`state`, and what else the further steps depend on: the optimizer, and the noise that layers draw."""
        (state,) = self.state()
        own = {f"optimizer/{name}": tensor for name, tensor in remembered(self.optimizer, self.trained).items()}
        return [{**state, **own, "noise": self._noise.get_rng_state()}]

    def resume(self, states: Sequence[Tensors]) -> None:
        """Go on from what `reached` gave; a stack draws no noise."""
        self.restore(states)
        remind(self.optimizer, self.trained, under("optimizer/", states[0]))
        if "noise" in states[0]:
            self._noise.set_rng_state(states[0]["noise"])

    @property
    def _noise(self) -> Any:
        """What has torch's global generator on the device: a network of one's own may have dropout."""
        return torch.cuda if self.objective.numerics.device == "cuda" else torch

    def _combine(self, losses: Tensor) -> None:
        parameters = list(self.trained.values())
        each = [torch.autograd.grad(loss, parameters, retain_graph=True, materialize_grads=True) for loss in losses]
        for name, *gradients in zip(self.trained, *each, strict=True):
            whole = self._whole(torch.stack(gradients))
            like = torch.empty_like(self.trained[name])  # fused Adam takes memory as it lies
            self.trained[name].grad = like.copy_(self.objective.stage.combine(name, whole))

    def _whole(self, gradients: Tensor) -> Tensor:
        """The gradients of the whole batch."""
        return gradients
