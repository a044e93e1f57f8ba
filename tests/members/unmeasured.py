"""RR-ClArC without what is measured of it, which takes longer."""

from dataclasses import dataclass

from fairray.methods.rr_clarc import RrClarc

__all__ = ["Unmeasured"]


@dataclass(frozen=True, kw_only=True)
class Unmeasured(RrClarc):
    """RR-ClArC."""

    def chain(self, dataset):
        return super().chain(dataset).model
