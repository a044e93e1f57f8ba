"""Attacks side by side: what they do to images (Imperceptible Attacks, Tables 3.1 and 3.2)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fairray.report._blocks import Bad, Block, Items, Line, Strong, Text
from fairray.report._images import average_images, count_stuck, find_attacked, find_read, read_images, time_attack
from fairray.report._tables import Entry, explain_directions, explain_printed, lay_out, tabulate
from fairray.report._words import name_metric
from fairray.results import Results

__all__ = ["AttackTable"]

CAPTION = (
    "Of the test images that the model classifies correctly, fooled or not: mean over images [95 % interval over "
    "images, Wilson's of shares and t of others]; accuracy is that of all test images before the attack."
)
TIMED = (
    " Seconds are what the stages that attack took, over the images attacked, of validation too; reading those that "
    "are misread is in it. They compare methods where nothing else ran beside them."
)


@dataclass(frozen=True)
class AttackTable:
    """What each attack does to the images that the model reads right: means over images, beside the printed ones.

    How many these are of all, how long one took, and the model's accuracy before the attack, stand beside them. Where
    the gradient of an attack's loss is 0, its success says nothing of the model, and that is said with it.
    Its files have the title's name. metrics: those that were measured have a column.
    """

    metrics: tuple[str, ...] = ("success", "l1", "l2", "linf", "lpips", "dists")
    title: str = "Attacks"

    def __call__(self, results: Results) -> Iterator[Block]:
        if not find_attacked(results):
            why = "The model reads none of the test images right, so that none was attacked: are the labels its own?"
            yield Text(Bad(why))
        entries = list(self._measure(results))
        cells = lay_out(entries, rows=("task", "method"), across="metric")
        pairs = [*zip(cells["task"], cells["method"], strict=True)]
        cells.insert(2, "images", [_count_attacked(results, *pair) for pair in pairs])
        caption = CAPTION
        if any(times := [time_attack(results, *pair) for pair in pairs]):
            caption += TIMED
            cells.insert(3, "s an image", ["" if seconds is None else f"{seconds:.3g}" for seconds in times])
        stuck = {pair: said for pair in pairs if (said := count_stuck(results, *pair))}
        if (success := name_metric("success")) in cells:
            marked = [f"{cell}, {stuck[pair]}" if pair in stuck else cell for cell, pair in zip(cells[success], pairs)]
            cells[success] = marked
        yield tabulate(re.sub(r"\W+", "_", self.title.lower()), cells, entries, caption)
        yield Items([_explain_stuck(results, *pair, said) for pair, said in stuck.items()])
        yield from explain_directions(entries)
        yield from explain_printed(results)

    def _measure(self, results: Results) -> Iterator[Entry]:
        for task, arms in find_read(results).items():
            for arm in arms:
                for metric in ("accuracy", *self.metrics):
                    if len(values := read_images(results, task, arm, metric)):
                        yield Entry(
                            key={"task": task, "method": arm},
                            metric=metric,
                            interval=average_images(metric, values),
                            printed=results.find_printed(task, arm, metric),
                            uid=results.chosen[task, arm].uid,
                        )


def _count_attacked(results: Results, task: str, arm: str) -> str:
    attacked, every = (len(read_images(results, task, arm, metric)) for metric in ("success", "accuracy"))
    return f"{attacked} of {every}"


def _explain_stuck(results: Results, task: str, arm: str, said: str) -> Line:
    why = "where it does not fool the model, this says nothing of how robust that is"
    attack = getattr(results.chosen[task, arm].method, "attack", None)
    if getattr(attack, "loss", "") == "cross_entropy":
        why += f"; the margin has a gradient there (methods.{arm}.attack.loss=margin)"
    return Strong(f"{task}, {arm}"), f": the {said}; {why}."
