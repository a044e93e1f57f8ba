"""What stands for the network where nothing is trained."""

from dataclasses import dataclass

from fairray.errors import BadInput

__all__ = ["Absent"]


@dataclass(frozen=True, kw_only=True)
class Absent:
    """Scores come without the network that gave them."""

    def build(self, shape, outputs):
        """There is none to build."""
        raise BadInput("network", "scores come without a network", "train one here, in a study of its own")
