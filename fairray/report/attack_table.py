"""Attacks side by side: what they do to images (Imperceptible Attacks, Tables 3.1 and 3.2)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fairray.report._blocks import Block, Text
from fairray.report._images import average_images, find_attacked, read_images
from fairray.report._tables import Entry, explain_directions, explain_printed, lay_out, tabulate
from fairray.results import Results

__all__ = ["AttackTable"]


@dataclass(frozen=True)
class AttackTable:
    """What each attack does to the images that the model reads right: means over images, beside the printed ones.

    Its files have the title's name. metrics: those that were measured have a column.
    """

    metrics: tuple[str, ...] = ("success", "l1", "l2", "linf", "lpips", "dists")
    title: str = "Attacks"

    def __call__(self, results: Results) -> Iterator[Block]:
        if not find_attacked(results):
            why = "The model reads none of the test images right, so that none was attacked: are the labels its own?"
            yield Text(why)
            return
        entries = list(self._measure(results))
        cells = lay_out(entries, rows=("task", "method"), across="metric")
        images = {(entry.key["task"], entry.key["method"]): entry.interval.n for entry in entries}
        cells.insert(2, "images", [str(images[row]) for row in zip(cells["task"], cells["method"], strict=True)])
        caption = (
            "Of the test images that the model classifies correctly, fooled or not: mean over images [95 % interval "
            "over images, Wilson's of shares and t of others]."
        )
        yield tabulate(re.sub(r"\W+", "_", self.title.lower()), cells, entries, caption)
        yield from explain_directions(entries)
        yield from explain_printed(results)

    def _measure(self, results: Results) -> Iterator[Entry]:
        for task, arms in find_attacked(results).items():
            for arm in arms:
                for metric in self.metrics:
                    if len(values := read_images(results, task, arm, metric)):
                        yield Entry(
                            key={"task": task, "method": arm},
                            metric=metric,
                            interval=average_images(metric, values),
                            printed=results.find_printed(task, arm, metric),
                        )
