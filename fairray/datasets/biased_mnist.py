"""Digits with a colour that agrees with the label as often as one likes.

The construction is that of coloured MNIST sets such as Arjovsky, M., Bottou, L., Gulrajani, I. & Lopez-Paz, D. (2019),
Invariant Risk Minimization, section 5; without their label noise, and with a test set that is not biased.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Le

from fairray.data import Dataset, Tensors
from fairray.datasets._digits import Source, load_digits, paint

__all__ = ["BiasedMnist"]

POSITIVE = {
    "high": ("low", "high", (5, 6, 7, 8, 9)),
    "odd": ("even", "odd", (1, 3, 5, 7, 9)),
    "loop": ("no loop", "loop", (0, 6, 8, 9)),
    "prime": ("not prime", "prime", (2, 3, 5, 7)),
}
COLOURS = {
    "colour": {"orange": (230, 140, 40), "green": (90, 200, 100)},
    "background": {"brown": (110, 75, 30), "teal": (30, 95, 85)},
}
BLACK, WHITE = torch.zeros(3), torch.full((3,), 255.0)


@dataclass(frozen=True, kw_only=True)
class BiasedMnist:
    """A property of a digit ~ its colour.

    source: the 5,000 digits that need no download, or all of MNIST; folder: where MNIST's files lie.
    target: at least 5; odd; has a closed loop (0, 6, 8, 9); prime (2, 3, 5, 7); or which digit, the colour then
        agreeing with whether it is at least 5.
    attribute: the colour of the digit on black (orange 0, green 1) or of the ground of a white one (brown 0, teal 1).
    rho: probability that the attribute equals the label in the training and validation splits, the same for every
        digit; in the test split it is one half, so that all subgroups are measured alike.
    noise: standard deviation of each image's colour, per channel, in steps of 0 to 255.
    """

    source: Source = "digits5k"
    folder: Path | None = None
    target: Literal["high", "odd", "loop", "prime", "digit"] = "high"
    attribute: Literal["colour", "background"] = "colour"
    rho: Annotated[float, Ge(0.5), Le(1.0)] = 0.9
    noise: Annotated[float, Ge(0.0)] = 20.0
    seed: int = 0

    def load(self) -> Dataset:
        """The tensors of the three splits."""
        digits = load_digits(self.source, self.folder, self.seed)
        generator = torch.Generator().manual_seed(self.seed)
        return Dataset(
            name="biased_mnist",
            task=f"{self.target} ~ {self.attribute}",
            target=self.target,
            protected=self.attribute,
            train=self._colour(digits.train, self.rho, generator),
            val=self._colour(digits.val, self.rho, generator),
            test=self._colour(digits.test, 0.5, generator),
            classes=digits.classes if self.target == "digit" else POSITIVE[self.target][:2],
            groups=tuple(COLOURS[self.attribute]),
            kind="image",
        ).checked("data set biased_mnist (rho)")

    def _colour(self, digits: Tensors, rho: float, generator: torch.Generator) -> Tensors:
        positive = POSITIVE["high" if self.target == "digit" else self.target][2]
        label = torch.isin(digits["y"], torch.tensor(positive)).long()
        group = torch.where(_share(digits["y"], rho, generator), label, 1 - label)
        colour = torch.tensor(list(COLOURS[self.attribute].values()))[group].float()
        colour += self.noise * torch.randn(colour.shape, generator=generator)
        colour = colour.clamp(0, 255)
        ink, ground = (colour, BLACK) if self.attribute == "colour" else (WHITE, colour)
        y = digits["y"] if self.target == "digit" else label
        return {"x": paint(digits["x"], ink, ground), "y": y, "group": group, "id": digits["id"]}


def _share(digits: torch.Tensor, rho: float, generator: torch.Generator) -> torch.Tensor:
    """A random share `rho` of every digit, as booleans."""
    chosen = torch.zeros(len(digits), dtype=torch.bool)
    for digit in digits.unique():
        rows = (digits == digit).nonzero()[:, 0]
        chosen[rows[torch.randperm(len(rows), generator=generator)[: round(rho * len(rows))]]] = True
    return chosen
