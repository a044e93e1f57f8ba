"""Which perceptual costs attacks know of."""

from collections.abc import Iterator
from dataclasses import dataclass

from fairray.costs import measure_of
from fairray.report._blocks import Block, Items, Strong, Text
from fairray.report._words import name_metric
from fairray.results import Results

__all__ = ["AttackCosts"]

PAPER_COST = "pieapp"  # the cost of the paper's experiments


@dataclass(frozen=True)
class AttackCosts:
    """Which perceptual cost each attack lowers or bounds, and whether the paper's is among them."""

    title: str = "Perceptual costs"

    def __call__(self, results: Results) -> Iterator[Block]:
        costs: dict[str, dict[str, None]] = {}
        for (_, arm), trial in results.chosen.items():
            if cost := getattr(getattr(trial.method, "attack", None), "cost", None):
                costs.setdefault(measure_of(cost).name, {})[arm] = None
        yield Items([(Strong(name_metric(cost)), f": {', '.join(arms)}.") for cost, arms in costs.items()])
        note = "Of the distance that it lowers itself an attack looks better than of one that it does not know."
        if costs and PAPER_COST not in costs:
            note += (
                f" The paper's cost is {name_metric(PAPER_COST)}, whose published weights are not redistributable, so "
                "that it was not used here; docs/attacks.md says how to give them."
            )
        yield Text(note)
