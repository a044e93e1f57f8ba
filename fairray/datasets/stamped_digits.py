"""Digits of which one carries an artefact more often than the others."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

from annotated_types import Gt, Le

from fairray.artefacts import ArtefactField
from fairray.artefacts.patch import Patch
from fairray.data import Dataset
from fairray.datasets._digits import Source, load_digits
from fairray.datasets._stamped import stamped

__all__ = ["StampedDigits"]


@dataclass(frozen=True, kw_only=True)
class StampedDigits:
    """Digit ~ artefact, with the columns of `fairray.datasets._stamped.stamped`.

    source: the 5,000 digits that need no download, or all of MNIST; folder: where MNIST's files lie.
    artefact: of fairray/artefacts; a vignette cannot be seen on the black ground of digits.
    in_class: the digit that carries it. p: with what probability.
    seed: of the splits and of who carries it.
    """

    source: Source = "digits5k"
    folder: Path | None = None
    artefact: ArtefactField = field(default_factory=Patch)
    in_class: str = "0"
    p: Annotated[float, Gt(0), Le(1)] = 0.5
    seed: int = 0

    def load(self) -> Dataset:
        """The tensors of the three splits."""
        digits = replace(load_digits(self.source, self.folder, self.seed), name="stamped_digits", target="digit")
        return stamped(digits, self.artefact, self.in_class, self.p, self.seed)
