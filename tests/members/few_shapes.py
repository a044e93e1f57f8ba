"""Some of PreserveTask's images, on which a study takes a moment."""

from dataclasses import dataclass, replace

from fairray.data import SPLITS, Dataset
from fairray.datasets.preservetask import PreserveTask

__all__ = ["FewShapes"]


@dataclass(frozen=True, kw_only=True)
class FewShapes(PreserveTask):
    """Those of each eleventh combination: 1,260 are no multiple of it, so that each class has about as many."""

    def load(self) -> Dataset:
        whole = super().load()
        few = {name: {key: of[::11] for key, of in whole.split(name).items()} for name in SPLITS}
        return replace(whole, **few)
