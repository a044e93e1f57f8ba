"""Two Gaussian classes and an attribute that agrees with the label as often as one likes."""

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge, Le

from fairray.data import Dataset, Tensors

__all__ = ["Toy"]


@dataclass(frozen=True, kw_only=True)
class Toy:
    """Generated data for tests and examples.

    bias: probability that the protected attribute equals the label in the training and validation
        splits; in the test split it is one half. .5 is no bias, 1 is all.
    size: training examples; validation and test have half as many each.
    dim: inputs; the first carries the label, the second, more strongly, the attribute, the rest noise.
    side: pixels of a side, for images instead of a table: red carries the label, green the attribute.
    """

    bias: Annotated[float, Ge(0.0), Le(1.0)] = 0.9
    size: Annotated[int, Ge(64)] = 1024
    dim: Annotated[int, Ge(2)] = 8
    side: Annotated[int, Ge(0)] = 0
    seed: int = 0

    def load(self) -> Dataset:
        """The tensors of the three splits."""
        generator = torch.Generator().manual_seed(self.seed)
        return Dataset(
            name="toy",
            task="label ~ attribute",
            train=self._draw(generator, self.size, self.bias),
            val=self._draw(generator, self.size // 2, self.bias),
            test=self._draw(generator, self.size // 2, 0.5),
            classes=("0", "1"),
            groups=("0", "1"),
            kind="image" if self.side else "table",
        ).checked("data set toy")

    def _draw(self, generator: torch.Generator, n: int, bias: float) -> Tensors:
        y = torch.randint(2, (n,), generator=generator)
        agrees = torch.rand(n, generator=generator) < bias
        group = torch.where(agrees, y, 1 - y)
        shape = (3, self.side, self.side) if self.side else (self.dim,)
        x = torch.randn(n, *shape, generator=generator)
        x[:, 0] += (2.0 * y - 1).view(n, *[1] * (len(shape) - 1))
        x[:, 1] += (4.0 * group - 2).view(n, *[1] * (len(shape) - 1))
        if self.side:
            x = (128 + 20 * x).clamp(0, 255).to(torch.uint8)
        return {"x": x, "y": y, "group": group, "id": torch.arange(n)}
