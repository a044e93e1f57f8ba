"""DFR: train the last layer anew on examples of all subgroups alike (Kirichenko et al., 2023, "Last Layer Re-Training
Is Sufficient for Robustness to Spurious Correlations")."""

from dataclasses import dataclass, replace

import torch

from fairray.data import cell_counts
from fairray.methods._clarc import Continued
from fairray.methods._concept_settings import ConceptSettings

__all__ = ["Dfr"]


@dataclass(frozen=True, kw_only=True)
class Dfr(ConceptSettings):
    """The last layer starts anew; of each (label, group) subgroup that there is, as many training examples are drawn
    as the smallest has (the paper's DFR-Tr; a split of its own, DFR-Val, is better where there is one to spare)."""

    def chain(self, dataset):
        return self.measured(Retrained(**self.places("head")))


@dataclass(frozen=True, kw_only=True)
class Retrained(Continued):
    """Minimise the mean cross-entropy of balanced examples, from a new head."""

    def view(self, setting, generator, before):
        view, train = super().view(setting, generator, before), setting.dataset.train
        start = {name: tensor for name, tensor in view.start.items() if not name.startswith("main.head.")}
        counts = cell_counts(train, len(setting.dataset.classes), len(setting.dataset.groups)).flatten()
        cell = train["y"] * len(setting.dataset.groups) + train["group"]
        order = torch.randperm(len(cell), generator=generator)
        fewest = int(counts[counts > 0].min())
        rows = torch.cat([order[cell[order] == i][:fewest] for i in range(len(counts))])
        return replace(view, rows=rows, start=start)
