"""Whether one attack moves images less than others at every distance (Imperceptible Attacks, Figure 3.3)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from fairray.report._blocks import Bad, Block, Good, Items, Line, Part, Strong, Text, join
from fairray.report._images import find_pairs, list_rivals, read_images
from fairray.report._words import name_metric, write_p, write_value
from fairray.results import Results
from fairray.statistics.comparison import holm
from fairray.statistics.dominance import Lead, lead
from fairray.statistics.power import LEVEL

__all__ = ["Dominance"]


class Pair(NamedTuple):
    """A distance of one method against another's. less: how the first leads with images that are moved less; more: how
    the second does. images: that both attacked."""

    task: str
    metric: str
    rival: str
    less: Lead
    more: Lead
    images: int


@dataclass(frozen=True)
class Dominance:
    """Whether at every distance more of one method's images are moved at most so far than of others'.

    ours: the method. rivals: whom it is compared with; without any, all others.
    """

    ours: str
    metrics: tuple[str, ...] = ("dists", "lpips")
    rivals: tuple[str, ...] = ()
    title: str = "Whether it moves images less at every distance"

    def __call__(self, results: Results) -> Iterator[Block]:
        pairs, left_out = find_pairs(results, self.ours, self._pair)
        yield from left_out
        if not pairs:
            yield Text("No two methods that are results have a distance of the same images.")
            return
        adjusted = holm([p for pair in pairs for p in (pair.less.p, pair.more.p)]).reshape(-1, 2)
        yield Items([self._describe(pair, *p) for pair, p in zip(pairs, adjusted.tolist(), strict=True)])
        yield Text(
            f"By how much the share of {self.ours}'s images that are moved at most so far is larger than the other's, "
            "at the distance where it is so most, and by how much smaller; fooled or not. p by exchanging the two "
            "images of a pair at random, adjusted for all of these (Holm)."
        )

    def _pair(self, results: Results, task: str, arms: Sequence[str]) -> Iterator[Pair]:
        for metric in self.metrics:
            ours = read_images(results, task, self.ours, metric)
            for rival in list_rivals(self.ours, self.rivals, arms):
                a, b = ours.align(read_images(results, task, rival, metric), join="inner")
                of = a.to_numpy(), b.to_numpy()
                if len(a):
                    yield Pair(task, metric, rival, lead(*of), lead(*of[::-1]), len(a))

    def _describe(self, pair: Pair, p_less: float, p_more: float) -> Line:
        said = f": {_write(pair.less, p_less)} more of {pair.images} images, {_write(pair.more, p_more)} fewer"
        place = Strong(f"{pair.task}, {name_metric(pair.metric)}"), f": {self.ours} "
        return join("", (*place, *_judge(pair, p_less <= LEVEL, p_more <= LEVEL), said))


def _judge(pair: Pair, less: bool, more: bool) -> tuple[Part, ...]:
    if less and more:
        return (f"moves some images less than {pair.rival}, and others more",)
    if not less and not more:
        return (f"is not told from {pair.rival} at any distance",)
    against = pair.more if less else pair.less
    where = "not seen at every distance" if against.most else "at every distance"
    return "moves images ", Good("less") if less else Bad("more"), f" than {pair.rival}, {where}"


def _write(found: Lead, p: float) -> str:
    return f"at most {write_value('success', found.most)} %" + (f" (adjusted p {write_p(p)})" if found.most else "")
