"""What a run is estimated to take, and what it took."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from typing import NamedTuple

from fairray.store import Store
from fairray.trial import Trial
from fairray.words import write_count, write_work

__all__ = ["Estimate", "estimate", "sum_seconds"]

MOST = 200  # stored stages of a kind that are asked what they took


class Estimate(NamedTuple):
    """seconds: that stages take on one core or GPU, of those whose kind is stored. known, unknown: how many of whose
    kind something is stored, and nothing."""

    seconds: float
    known: int
    unknown: int

    def __str__(self) -> str:
        if not self.known:
            cure = "a run with seeds=1 tells, and is a part of this one"
            return f"what {write_count(self.unknown, 'stage')} will take is not known: {cure}"
        besides = f"; of {write_count(self.unknown, 'other stage')} nothing is known" if self.unknown else ""
        return f"{write_count(self.known, 'stage')} will take about {write_work(self.seconds)}{besides}"


def estimate(
    trials: Iterable[Trial], missing: Collection[str], have: Collection[str], store: Store, threads: int
) -> Estimate:
    """What the missing stages of trials will take, by the mean of those that are stored of the same task, method and
    name. missing, have: by uid."""
    kinds: dict[str, tuple[str, str, str]] = {}
    if not missing:
        return Estimate(0.0, 0, 0)
    for trial in trials:
        for uid, replica in trial.needed.items():
            kinds.setdefault(uid, (trial.task, trial.arm, replica.stage.name))
    wanted, stored = Counter(kinds[uid] for uid in missing), defaultdict(list)
    for uid, kind in kinds.items():
        if kind in wanted and uid in have:
            stored[kind].append(uid)
    means = {kind: sum_seconds(some, store) / len(some) for kind, uids in stored.items() if (some := _pick(uids))}
    known = sum(wanted[kind] for kind in means)
    seconds = sum(wanted[kind] * mean for kind, mean in means.items())
    return Estimate(threads * seconds, known, wanted.total() - known)


def sum_seconds(uids: Iterable[str], store: Store) -> float:
    """What stages took that are stored or have paused."""
    return sum(float(store.made(uid)["seconds"]) for uid in uids)


def _pick(uids: list[str]) -> list[str]:
    """All, or so many from everywhere among them."""
    return uids[:: 1 + len(uids) // MOST]
