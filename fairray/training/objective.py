"""A training stage bound to its networks: one forward pass is one loss."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Self

import torch
from torch import Tensor, nn

from fairray.data import Tensors
from fairray.networks import Network
from fairray.stages import Artifact, Numerics, Replica, Setting, Training
from fairray.training.hooks import Hooks
from fairray.training.streams import cast, chunks

__all__ = [
    "Objective",
    "parameter_groups",
    "autocast",
    "build_optimizer",
    "encode",
    "encoded",
    "float_fields",
    "generator",
    "in_parts",
    "initial_state",
    "kept",
    "laid_out",
    "objective",
    "parameters",
    "remembered",
    "remind",
    "trained",
    "under",
]


class Objective(nn.Module):
    """What vmap, autograd and DistributedDataParallel wrap.

    gather: joins tensors by example across devices, so that the loss sees the whole batch: a group
        statistic computed by each device on its own would be another objective.
    """

    def __init__(self, stage: Hooks, nets: nn.ModuleDict, numerics: Numerics):
        super().__init__()
        self.stage, self.nets, self.numerics = stage, nets, numerics
        self.gather: Callable[[Tensors], Tensors] = lambda tensors: tensors
        self.mode: bool | None = None
        fixed = stage.fixed(nets)
        for name, parameter in nets.named_parameters():
            parameter.requires_grad_(name not in fixed)

    def forward(
        self, batch: Tensors, floats: dict[str, Any], state: Tensors, predict: bool = False
    ) -> tuple[Tensor, Tensors]:
        """The loss of a batch, or its logits, and the stage's state after it.

        floats: values for the stage's float fields. state: that before the batch, the same on every device.
        """
        stage = self.stage.with_floats(floats)
        with autocast(self.numerics):
            outputs = stage.outputs(self.nets, batch)
        outputs = cast(outputs, self.numerics)
        if predict:
            return outputs["logits"], state
        outputs, batch = self.gather(outputs), self.gather(batch)
        state = stage.update_state(state, {name: tensor.detach() for name, tensor in outputs.items()}, batch)
        return stage.loss(self.nets, outputs, batch | state), state

    @property
    def main(self) -> Network:
        """The network that predicts."""
        main = self.nets["main"]
        assert isinstance(main, Network)
        return main

    def train(self, mode: bool = True) -> Self:
        """What is not trained keeps its running statistics too."""
        if mode == self.mode:  # for every step this would take as long as a small network does
            return self
        self.mode = mode
        super().train(mode)
        for module in self.nets.modules():
            parameters = list(module.parameters())
            if parameters and not any(parameter.requires_grad for parameter in parameters):
                module.eval()
        return self


def objective(replica: Replica, start: Tensors | None = None) -> Objective:
    """The replica's objective, initialised by its seed and placed on its device; `start` replaces parameters."""
    stage, setting = replica.stage, replica.setting
    assert isinstance(stage, Hooks)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(_derived(replica, "initial weights"))  # networks are made on the host
        nets = stage.build(setting)
    nets.to(setting.numerics.device, setting.numerics.precision)
    if start:
        nets.load_state_dict({**nets.state_dict(), **start})
    return Objective(stage, nets, setting.numerics)


def trained(stage: Hooks, setting: Setting, artifact: Artifact) -> Objective:
    """The objective of a stage that was trained, for predicting."""
    return objective(Replica(stage, setting, 0), parameters(artifact)).eval()


def encoded(stage: Hooks, setting: Setting, artifact: Artifact, split: str) -> Tensor:
    """The feature layer of a trained stage on a split, with axes (example, feature)."""
    return encode(stage, setting, artifact, setting.dataset.split(split)["x"])


@torch.no_grad()
def encode(stage: Hooks, setting: Setting, artifact: Artifact, x: Tensor) -> Tensor:
    """The feature layer of a trained stage on inputs as the data set has them, with axes (example, feature)."""
    numerics = setting.numerics
    model = trained(stage, setting, artifact).main.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    with autocast(numerics):
        features = in_parts(lambda part: model.encode(laid_out(part)), setting, x)
    return cast({"features": features}, numerics)["features"].cpu()


def in_parts(function: Callable[[Tensor], Tensor], setting: Setting, x: Tensor) -> Tensor:
    """What a function gives for inputs as the data set has them, part by part on the device, together on the host."""
    parts = chunks(setting.dataset, {"x": x}, setting.numerics)
    return torch.cat([function(part["x"]).detach().cpu() for part in parts])


def initial_state(replica: Replica) -> Tensors:
    """The stage's state before the first batch, on the device."""
    assert isinstance(replica.stage, Hooks)
    return cast(replica.stage.state(replica.setting), replica.setting.numerics)


def float_fields(replica: Replica, like: nn.Module) -> Tensors:
    """The stage's float fields by name, as numbers of the networks' precision: all engines round them so."""
    assert isinstance(replica.stage, Hooks)
    first = next(like.parameters())
    return {name: first.new_tensor(value) for name, value in replica.stage.floats.items()}


def kept(parameters: Tensors, state: Tensors) -> Tensors:
    """What an engine keeps of a replica, by the names of an artifact: a copy, on the host."""
    every = {f"model/{name}": t for name, t in parameters.items()} | {f"state/{name}": t for name, t in state.items()}
    return {name: tensor.to("cpu", copy=True) for name, tensor in every.items()}


def parameters(artifact: Artifact) -> Tensors:
    """The kept parameters and buffers of a stage that was trained, by name such as main.head.weight."""
    return under("model/", artifact.tensors)


def under(prefix: str, tensors: Tensors) -> Tensors:
    """The tensors whose names begin so, without the beginning."""
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


def parameter_groups(replica: Replica, parameters: Mapping[str, Tensor]) -> list[dict[str, Any]]:
    """The optimizer's parameter groups of one replica: its decay, and its learning rate times each parameter's own."""
    stage, training = replica.stage, replica.training
    assert isinstance(stage, Hooks)
    groups: dict[float, list[Tensor]] = {}
    for name, parameter in parameters.items():
        groups.setdefault(training.lr * stage.rate(name), []).append(parameter)
    return [{"params": own, "lr": lr, "weight_decay": training.weight_decay} for lr, own in groups.items()]


def build_optimizer(groups: list[dict[str, Any]], training: Training) -> torch.optim.Optimizer:
    """Torch's own, over parameter groups that have their rates and decay."""
    if training.optimizer == "sgd":
        return torch.optim.SGD(groups, momentum=training.momentum, fused=True)
    return torch.optim.Adam(groups, fused=True)


def remembered(optimizer: torch.optim.Optimizer, parameters: Tensors) -> Tensors:
    """What an optimizer has of parameters, by their names, such as exp_avg/main.head.weight."""
    return {
        f"{key}/{name}": value
        for name, parameter in parameters.items()
        for key, value in optimizer.state.get(parameter, {}).items()
        if isinstance(value, Tensor)
    }


def remind(optimizer: torch.optim.Optimizer, parameters: Tensors, state: Tensors) -> None:
    """Give an optimizer what one had `remembered` of its parameters, and of others."""
    for place, value in state.items():
        key, _, name = place.partition("/")
        if name in parameters:
            like = parameters[name] if value.ndim else value.to(parameters[name].device)
            optimizer.state[parameters[name]][key] = torch.empty_like(like).copy_(value)  # fused: as memory lies


def generator(replica: Replica, purpose: str) -> torch.Generator:
    """The replica's own stream of random numbers, which no other purpose shares, and no stage with another `stream`."""
    return torch.Generator().manual_seed(_derived(replica, purpose))


def autocast(numerics: Numerics) -> torch.autocast:
    """Where products run in bfloat16, if the numeric mode says so."""
    return torch.autocast(numerics.device, torch.bfloat16, enabled=numerics.dtype == "bfloat16")


def laid_out(tensor: Tensor) -> Tensor:
    """Images with channels last in memory: on a CPU a small convolutional network is 1.6 times as fast with them."""
    return tensor.contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor


def _derived(replica: Replica, purpose: str) -> int:
    text = f"{replica.seed} {replica.stage.stream} {purpose}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7])
