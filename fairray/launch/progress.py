"""One line for each thing that happened: readable in a terminal and in a log file."""

import sys
import time
from collections.abc import Callable

from fairray.launch.rounds import Pack, work
from fairray.trial import Trial

__all__ = ["Progress", "label"]

EVERY_S = 15.0


class Progress:
    """Tells of packs as they start, move on and end; `show` says what a trial with a result has found."""

    def __init__(self, show: Callable[[Trial], str]):
        self.show = show
        self.total = self.count = 0  # packs
        self.all = self.behind = 0.0  # the work in them, by which time left is told
        self.start = self.told = time.monotonic()
        self.shares: dict[str, float] = {}
        self.failures: list[tuple[Pack, str]] = []

    def expect(self, packs: list[Pack]) -> None:
        self.total += len(packs)
        self.all += sum(map(work, packs))

    def at(self, pack: Pack, message: str, share: float) -> None:
        """Somebody is this far with a pack; said every quarter of a minute."""
        self.shares[pack[0].uid] = share * work(pack)
        if time.monotonic() - self.told > EVERY_S:
            self._say(f"{label(pack)}: {message} {share:.0%}")

    def done(self, pack: Pack) -> None:
        self._close(pack)
        for trial in pack:
            self._say(f"done {label([trial])}  {self.show(trial) if trial.shard is None else ''}".rstrip())

    def failed(self, pack: Pack, error: str) -> None:
        self._close(pack)
        self.failures.append((pack, error))
        self._say(f"FAILED {label(pack)}: {error.strip().splitlines()[-1]}")

    def _close(self, pack: Pack) -> None:
        self.count += 1
        self.behind += work(pack)
        self.shares.pop(pack[0].uid, None)

    def _say(self, text: str) -> None:
        self.told = time.monotonic()
        elapsed, share = self.told - self.start, (self.behind + sum(self.shares.values())) / max(self.all, 1)
        left = f" ~{_clock(elapsed / share - elapsed)} left" if 0.05 < share < 1 else ""
        print(f"[{self.count:>3}/{self.total}] {_clock(elapsed)}{left}  {text}", file=sys.stderr, flush=True)


def label(pack: Pack) -> str:
    """Task, method and the searched values."""
    first = pack[0]
    if len(pack) > 1:
        return f"{first.task} {first.arm} ({len(pack)} points)"
    values = [f"{key.split('.')[-1]}={_short(value)}" for key, value in first.point.items()]
    shard = [] if first.shard is None else [f"shard {first.shard + 1}"]
    return " ".join([first.task, first.arm, *values, *shard])


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
