"""CVaR DRO: minimise the mean of the highest losses (Levy et al., 2020)."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Gt, Le

from fairray.methods._uncertain import Worst, highest_share

__all__ = ["CvarDro"]


@dataclass(frozen=True, kw_only=True)
class CvarDro(Worst):
    """The conditional value at risk of a batch's losses. share: of the examples that count, the paper's alpha."""

    share: Annotated[float, Gt(0), Le(1)] = 0.1

    def worst(self, losses):
        return highest_share(losses, self.share)
