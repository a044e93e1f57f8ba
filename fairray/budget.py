"""How much a run may take before it starts nothing more."""

import re
from dataclasses import dataclass
from typing import Literal

from fairray.errors import BadInput
from fairray.words import write_count

__all__ = ["Budget"]


@dataclass(frozen=True)
class Budget:
    """So many trials, hours, or hours of a GPU: 20trials, 1.5h, 4gpu-h."""

    amount: float
    unit: Literal["trials", "h", "gpu-h"]

    @classmethod
    def read(cls, text: str) -> "Budget":
        """Raises BadInput where a text is no budget."""
        found = re.fullmatch(r"(\d+(?:\.\d+)?) ?(trials?|h|gpu-h)", text)
        if found is None:
            problem = f"got {text!r}, expected a number of trials, of hours or of hours of a GPU"
            raise BadInput("budget", problem, "give it as 20trials, 1.5h or 4gpu-h")
        amount, unit = found.groups()
        return cls(float(amount), "trials" if unit == "trial" else unit)  # type: ignore[arg-type]

    def __str__(self) -> str:
        return write_count(int(self.amount), "trial") if self.unit == "trials" else f"{self.amount:g} {self.unit}"
