"""Chi-square DRO: minimise the worst mean loss over a ball of reweighings (Levy et al., 2020)."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Gt

from fairray.methods._uncertain import Worst, chi_square_ball

__all__ = ["ChiSquareDro"]


@dataclass(frozen=True, kw_only=True)
class ChiSquareDro(Worst):
    """The worst mean over q with a chi-square divergence of at most rho from uniform. rho: the ball's size."""

    rho: Annotated[float, Gt(0)] = 1.0

    def worst(self, losses):
        return chi_square_ball(losses, self.rho)
