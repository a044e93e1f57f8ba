"""Many replicas of one network at once: replicas are a batch axis (torch.func)."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, jacrev, stack_module_state, vmap

from fairray.data import Tensors
from fairray.networks import Network
from fairray.stages import Numerics, Replica
from fairray.training.hooks import Hooks
from fairray.training.objective import (
    build_optimizer,
    float_fields,
    initial_state,
    kept,
    objective,
    parameter_groups,
    remembered,
    remind,
    under,
)

__all__ = ["Stacked", "can_stack", "stacks_well"]

VECTOR = 16  # numbers that a processor works on at once, or a multiple of that
STEADY = (nn.Linear, nn.ReLU, nn.Flatten, nn.Sequential, nn.ModuleDict, Network)  # round alike in stacks of any size
WIDEST = 192  # inputs or outputs of a linear layer; wider ones are multiplied in another order
FEWEST = 4  # replicas of which a stack is faster on a CPU
LONGEST = 2**23  # parameters times examples of a step; a longer one takes as long in a stack as alone
LARGEST = 2**20  # parameters of a replica whose steps leave a GPU idle


class Stacked:
    """Trains replicas that differ in seed, data and float hyperparameters only.

    The optimizer is torch's own: over the stacked parameters where all replicas have the same rates, otherwise, and
    where gradients are clipped, over each replica's view into them. So it is over parameters that are no whole number
    of a processor's vectors: what is left over is rounded otherwise, and would depend on who is in the stack.
    """

    name: ClassVar = "stacked"

    def __init__(self, replicas: Sequence[Replica], starts: Sequence[Tensors]):
        objectives = [objective(replica, start) for replica, start in zip(replicas, starts, strict=True)]
        self.objective = objectives[0]
        stacked, _ = stack_module_state(objectives)
        self.parameters: Tensors = {name: tensor.detach() for name, tensor in stacked.items()}
        self.trained = {name: self.parameters[name] for name, p in self.objective.named_parameters() if p.requires_grad}
        names = [name.removeprefix("nets.") for name in self.trained]
        self.floats = _stacked([float_fields(replica, self.objective) for replica in replicas])
        self.size = len(replicas)
        self.carried = _stacked([initial_state(replica) for replica in replicas])
        training = replicas[0].training
        self.clip = training.clip  # of each replica, which has to have its own norm then
        alike = self.clip is None and all(_rates(r, names) == _rates(replicas[0], names) for r in replicas)
        whole = {name: p for name, p in self.trained.items() if alike and p[0].numel() % VECTOR == 0}
        parts = {name: p for name, p in self.trained.items() if name not in whole}
        self.moved: list[tuple[Any, Tensors]] = [(r, _view(parts, r)) for r in range(self.size)] + [(..., whole)]
        own = [parameter_groups(r, _bare(m)) for r, (_, m) in zip([*replicas, replicas[0]], self.moved, strict=True)]
        self.optimizer = build_optimizer(_merged([group for groups in own for group in groups]), training)
        gradients = self._gradient if self.objective.stage.losses == 1 else self._combined
        self._gradients = vmap(gradients, randomness="error")
        self._logits = vmap(self._predict, in_dims=(0, 0, None))

    def step(self, batch: Tensors) -> Tensor:
        """One step of the optimizer for every replica; the first losses before it, with axis (replica,)."""
        self.objective.train()
        moving = self.trained, self.parameters, self.floats, self.carried
        gradients, losses, self.carried = self._gradients(*moving, batch)
        for r, moved in self.moved:
            for name, parameter in moved.items():
                parameter.grad = gradients[name][r].contiguous()  # fused optimizers take memory as it lies
            if self.clip is not None:
                torch.nn.utils.clip_grad_norm_(moved.values(), self.clip)
        self.optimizer.step()
        return losses.detach()

    @torch.no_grad()
    def predict(self, batch: Tensors) -> Tensor:
        """Logits with axes (replica, example, class); the batch has no axis of replicas."""
        self.objective.eval()
        return self._logits(self.parameters, self.floats, batch)

    def state(self) -> list[Tensors]:
        """A copy of all parameters of each replica, and of its stage's state."""
        parameters = _bare(self.parameters)
        return [kept(_view(parameters, r), _view(self.carried, r)) for r in range(self.size)]

    def restore(self, states: Sequence[Tensors]) -> None:
        for r, state in enumerate(states):
            for name, tensor in self.parameters.items():
                tensor[r].copy_(state[f"model/{name.removeprefix('nets.')}"])
        carried = _stacked([under("state/", state) for state in states])
        self.carried = {name: tensor.to(self.carried[name]) for name, tensor in carried.items()}

    def reached(self) -> list[Tensors]:
        """`state`, and what the optimizer has of each replica, as if it were alone."""
        found = self.state()
        for r, moved in self.moved:
            for name, tensor in remembered(self.optimizer, _bare(moved)).items():
                for i in range(self.size) if r is ... else [r]:
                    found[i][f"optimizer/{name}"] = tensor[i] if r is ... and tensor.ndim else tensor
        return found

    def resume(self, states: Sequence[Tensors]) -> None:
        """Go on from what `reached` gave; of replicas of another stack too, if all have taken as many steps."""
        self.restore(states)
        each = [under("optimizer/", state) for state in states]
        whole = {name: tensor if each[0][name].ndim else each[0][name] for name, tensor in _stacked(each).items()}
        for r, moved in self.moved:
            remind(self.optimizer, _bare(moved), whole if r is ... else each[r])

    def _gradient(self, trained: Tensors, parameters: Tensors, floats: Tensors, state: Tensors, batch: Tensors):
        loss = grad_and_value(self._loss, has_aux=True)
        gradients, (value, state) = loss(trained, parameters, floats, state, batch)
        return gradients, value, state

    def _combined(self, trained: Tensors, parameters: Tensors, floats: Tensors, state: Tensors, batch: Tensors):
        def twice(trained: Tensors) -> tuple[Tensor, tuple[Tensor, Tensors]]:
            losses, after = self._loss(trained, parameters, floats, state, batch)
            return losses, (losses, after)

        each, (losses, after) = jacrev(twice, has_aux=True)(trained)
        stage = self.objective.stage.with_floats(floats)
        return {name: stage.combine(name.removeprefix("nets."), g) for name, g in each.items()}, losses[0], after

    def _loss(
        self, trained: Tensors, parameters: Tensors, floats: Tensors, state: Tensors, batch: Tensors
    ) -> tuple[Tensor, Tensors]:
        return functional_call(self.objective, {**parameters, **trained}, (batch, floats, state))

    def _predict(self, parameters: Tensors, floats: Tensors, batch: Tensors) -> Tensor:
        return functional_call(self.objective, parameters, (batch, floats, {}, True))[0]


def _rates(replica: Replica, names: list[str]) -> tuple[Any, ...]:
    assert isinstance(replica.stage, Hooks)
    return replica.training, *map(replica.stage.rate, names)


def _stacked(each: Sequence[Tensors]) -> Tensors:
    return {name: torch.stack([tensors[name] for tensors in each]) for name in each[0]}


def _merged(groups: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those with the same rates as one, since each takes its time in every step."""
    found: dict[tuple[float, float], list[Tensor]] = {}
    for group in groups:
        found.setdefault((group["lr"], group["weight_decay"]), []).extend(group["params"])
    return [{"params": own, "lr": lr, "weight_decay": decay} for (lr, decay), own in found.items()]


def _bare(tensors: Tensors) -> Tensors:
    """By the names that stages have for them."""
    return {name.removeprefix("nets."): tensor for name, tensor in tensors.items()}


def _view(stacked: Tensors, r: int) -> Tensors:
    return {name: tensor[r] for name, tensor in stacked.items()}


def can_stack(nets: nn.Module) -> bool:
    """Whether networks are pure functions of their parameters: no running statistics, no dropout."""
    return not any(True for _ in nets.buffers()) and not any(isinstance(m, nn.Dropout) for m in nets.modules())


def stacks_well(nets: nn.Module, replicas: int, batch: int, numerics: Numerics) -> bool:
    """Whether so many replicas of these networks are faster in a stack than one by one.

    By rule and not by a stopwatch, so that the same command gives the same digits. On a CPU the rule is narrower: there
    a stack is taken only where each replica has the digits that it has alone, whoever else is in the stack
    (docs/decisions.md has what was measured).
    """
    size = sum(p.numel() for p in nets.parameters())
    if numerics.device == "cuda":
        return replicas > 1 and size <= LARGEST
    steady = numerics.dtype == "float32" and all(type(module) in STEADY for module in nets.modules())
    sides = [side for m in nets.modules() if isinstance(m, nn.Linear) for side in (m.in_features, m.out_features)]
    return steady and max(sides) <= WIDEST and replicas >= FEWEST and size * batch <= LONGEST
