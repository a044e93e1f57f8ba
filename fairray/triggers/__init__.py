"""Backdoor triggers, one file each: a frozen dataclass whose ``__call__(x, which)`` gives inputs that carry them."""

from typing import Annotated, Protocol

from torch import Tensor

from fairray.members import Of

__all__ = ["Trigger", "TriggerField"]


class Trigger(Protocol):
    """A member of fairray/triggers."""

    def __call__(self, x: Tensor, which: Tensor) -> Tensor:
        """Inputs that carry trigger 0, trigger 1 or, for -1, none, as `which` says of each; axis 0 is the example."""


TriggerField = Annotated[Trigger, Of("triggers")]
