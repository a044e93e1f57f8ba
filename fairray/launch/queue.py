"""What of a study is ready to run: a queue of stages whose earlier ones are stored, from which jobs are cut.

No slot waits for a slow trial, for another's stage or for a round: a stage is ready when what comes before it is
stored, whoever computed that, and one that many need goes first. Each search is asked for its next batch when its last
one has ended, whatever the others do; so what is asked depends on the scores before it, and never on the slots.
"""

import time
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import ceil
from typing import Protocol

from fairray.errors import Fatal
from fairray.launch.failures import COUNTED, Failure, Repeats
from fairray.launch.purse import Purse
from fairray.launch.search import Asker
from fairray.stages import Replica
from fairray.store import Store
from fairray.trial import Trial, is_there

__all__ = ["Job", "Listener", "Queue"]

SHARES = 2  # a slot is given this part of its share of what is ready, so that the ends are even
LOOK_S = 1.0  # between two looks at what others compute
LOST = Failure("it ended without an error, and its stages are not stored", "bug")


@dataclass(frozen=True)
class Job:
    """Stages that one slot computes, earliest first, by uid and by name, and trials to which they belong.

    again: it is tried once more, after a failure. pauses: by uid, after how many epochs which of them pause.
    """

    trials: list[Trial]
    uids: list[str]
    stages: list[str]
    again: bool = False
    pauses: Mapping[str, int] = field(default_factory=dict)

    @property
    def points(self) -> dict[str, list[object]]:
        """The searched values of its first trial's method, by name."""
        first = self.trials[0]
        alike = [trial for trial in self.trials if (trial.task, trial.arm) == (first.task, first.arm)]
        return {name: [trial.point[name] for trial in alike] for name in first.point}


class Listener(Protocol):
    """Is told what happens to trials, which stages failed by themselves, and which jobs are to be tried again."""

    def expect(self, trial: Trial, stages: int) -> None: ...
    def stored(self, trial: Trial) -> None: ...
    def done(self, trial: Trial) -> None: ...
    def failed(self, trial: Trial, error: Failure) -> None: ...
    def lost(self, uid: str, error: Failure) -> None: ...
    def again(self, job: Job, error: Failure) -> None: ...
    def ended(self, job: Job, stages: int) -> None: ...


@dataclass
class _Node:
    """A stage to be computed: the trial that needs most of it, what it waits for, and what waits for it.

    again: a job that began with it has failed, so that it is tried by itself.
    """

    replica: Replica
    trial: Trial
    before: set[str]
    after: list[str] = field(default_factory=list)
    again: bool = False

    @property
    def until(self) -> int | None:
        """After how many epochs it pauses, if it does."""
        return self.trial.pausing.get(self.replica.uid)

    def ask_further(self, trial: Trial) -> None:
        """Another trial needs it, and perhaps more of it."""
        until = trial.pausing.get(self.replica.uid)
        if self.until is not None and (until is None or until > self.until):
            self.trial = trial

    def is_there(self, store: Store) -> bool:
        return is_there(self.replica.uid, store, self.trial.pausing)

    @property
    def group(self) -> tuple[str, ...]:
        """What can be computed in one job: a stage of one method on one task."""
        name = self.replica.uid if self.again else self.replica.stage.name
        return self.trial.task, self.trial.arm, name


@dataclass
class _Open:
    """A trial that has not ended: who asked for it, and which of its stages are missing."""

    trial: Trial
    asker: int
    missing: set[str]


class Queue:
    """Hands out jobs and is told how they ended.

    asking: one for each arm. slots: how many jobs can run at once; asked when the first is taken. pack: most stages
    that a job begins with. listener: is told of trials. repeats: counts the failures that are alike. purse: says
    whether more may begin.

    What fails is tried once more, by itself; what a job lost with its node is tried again without being counted.
    """

    def __init__(
        self,
        asking: Sequence[Asker],
        store: Store,
        slots: Callable[[], int],
        pack: int,
        listener: Listener,
        repeats: Repeats,
        purse: Purse | None = None,
    ):
        self.asking, self.store, self._count_slots, self.pack, self.listener = asking, store, slots, pack, listener
        self.repeats, self.purse = repeats, purse or Purse()
        self.fatal: Fatal | None = None  # what ends the study
        self.computed: set[str] = set()  # the stages that its jobs have stored, or have taken to where they pause
        self.asked: list[dict[str, Trial]] = [{} for _ in asking]
        self.trials_stored: set[str] = set()  # before anything was computed
        self.running = 0
        self.errors: dict[str, Failure] = {}
        self.held: list[str] = []  # others are computing them
        self._nodes: dict[str, _Node] = {}
        self._ready: dict[tuple[str, ...], deque[str]] = defaultdict(deque)
        self._stored: set[str] = set()
        self._open: dict[str, list[_Open]] = defaultdict(list)  # by the stages that they miss
        self._left = [0] * len(asking)  # trials of the last batch that have not ended
        self._searching = dict.fromkeys(range(len(asking)))
        self._needs: dict[str, int] = {}
        self._looked = time.monotonic()
        self._ask()

    @property
    def trials(self) -> list[Trial]:
        """All that were asked for, by arm and in the order in which each search asked."""
        return [trial for asked in self.asked for trial in asked.values()]

    @property
    def over(self) -> bool:
        """Whether all that was asked for, or what its budget allows of it, has ended, or the study has."""
        if self.fatal is not None:
            return True
        return not self.running and (self.purse.spent or not (self.held or any(self._ready.values())))

    @property
    def missing(self) -> set[str]:
        """The stages that are to be computed."""
        return {*self._nodes}

    @property
    def stored(self) -> set[str]:
        """The stages that are known to be stored."""
        return self._stored

    @cached_property
    def slots(self) -> int:
        return self._count_slots()

    def take(self) -> Job | None:
        """The next job; None where nothing is ready until another job ends, here or elsewhere, or nothing may begin."""
        if self.fatal is not None or self.purse.spent:
            return None
        if self.held and time.monotonic() - self._looked > LOOK_S:
            self._look()
        group = max(filter(None, self._ready.values()), key=lambda waiting: self._need(waiting[0]), default=None)
        if group is None:
            return None
        heads = [group.popleft() for _ in range(min(self._share(), self.pack, len(group)))]
        self.running += 1
        job = _job([self._nodes[uid] for uid in self._grow(heads)])
        self.purse.begin(job.uids[0], job.trials[0])
        return job

    def end(self, job: Job, error: Failure | None = None) -> None:
        """A job has ended. What it did not store has failed, or is tried again, each by itself."""
        self.running -= 1
        self.purse.end(job.uids[0])
        found = {uid for uid in job.uids if self._nodes[uid].is_there(self.store)}
        begun = [uid for uid in job.uids if uid not in found and self._nodes[uid].before <= found]
        self.computed |= found
        self.listener.ended(job, len(found))
        if error is None and begun:
            claimed = {*self.store.claimed()}  # by another driver's worker, which may have stored it by now
            others = [uid for uid in begun if uid in claimed or self._nodes[uid].is_there(self.store)]
            self.held += [uid for uid in others if not self._nodes[uid].before]
            begun, error = self._put_back(job, [uid for uid in begun if uid not in others]), LOST
        if begun and error is not None:
            self._settle(job, begun, error)
        self._release(found)
        self._ask()

    def _put_back(self, job: Job, begun: Sequence[str]) -> list[str]:
        """Stages that have paused where they were to, and are to go on by now, are ready again; gives the others."""
        paused = [uid for uid in begun if uid in job.pauses and is_there(uid, self.store, job.pauses)]
        for uid in paused:
            self._ready[self._nodes[uid].group].append(uid)
        return [uid for uid in begun if uid not in paused]

    def _settle(self, job: Job, begun: Sequence[str], error: Failure) -> None:
        """What a failed job had begun is tried again by itself, or has failed, and with it all that needs it."""
        final = len(begun) == 1 and error.kind == "input"  # which would say the same again
        nodes = [self._nodes[uid] for uid in begun]
        failed = [node for node in nodes if error.kind in COUNTED and (final or node.again)]
        for node in failed:
            self.listener.lost(node.replica.uid, error)
            self._fail(node.replica.uid, error)
            self.fatal = self.fatal or self.repeats.add(node.trial.uid, error)
        waiting = [node for node in nodes if node not in failed]
        for node in waiting:
            node.again |= error.kind in COUNTED
            if not node.before:
                self._ready[node.group].append(node.replica.uid)
        if waiting and self.fatal is None:
            self.listener.again(job, error)

    def _share(self) -> int:
        """How much of what is ready a slot takes at most, so that all slots end together."""
        ready = sum(map(len, self._ready.values()))
        return ready if self.slots == 1 else ceil(ready / (SHARES * self.slots))

    def _grow(self, heads: Iterable[str]) -> list[str]:
        """These stages, and those after them that wait for nothing else and that others cannot begin meanwhile:
        what alone comes after a stage, and what takes a moment."""
        inside, ahead = dict.fromkeys(heads), deque(heads)
        while ahead:
            after = [self._nodes[uid] for uid in self._nodes[ahead.popleft()].after if uid in self._nodes]
            long = [node for node in after if not node.replica.stage.brief]
            for node in after:
                alone = node.replica.stage.brief or len(long) == 1
                if alone and node.replica.uid not in inside and node.before <= inside.keys():
                    inside[node.replica.uid] = None
                    ahead.append(node.replica.uid)
        return [*inside]

    def _need(self, uid: str) -> int:
        """How many stages need it, those that several ways lead to once for each."""
        if uid not in self._needs:
            self._needs[uid] = 1 + sum(self._need(after) for after in self._nodes[uid].after if after in self._nodes)
        return self._needs[uid]

    def _ask(self) -> None:
        """Tell the searches whose last batch has ended, and ask them for the next, until all have something to run."""
        while ended := [number for number in self._searching if not self._left[number]]:
            for number in ended:
                self.asking[number].tell(self.store)
                asked = self.asking[number].ask()
                if not asked:
                    del self._searching[number]
                known = self.asked[number]  # a search can ask for a point again
                new = {one.uid: one for one in asked if one.uid not in known or known[one.uid].until != one.until}
                self.asked[number] |= new
                for trial in new.values():
                    self._add(number, trial)

    def _add(self, number: int, trial: Trial) -> None:
        missing = self._find_missing(trial)
        if not missing:
            if trial.uid not in self.purse.begun:
                self.trials_stored.add(trial.uid)
            self.listener.stored(trial)
            return
        self.trials_stored.discard(trial.uid)
        if not self.purse.admit(trial):
            self._left[number] += 1  # for ever: its search learns nothing more
            return
        new = [replica for uid, replica in missing.items() if uid not in self._nodes and uid not in self.errors]
        self.listener.expect(trial, len(new))
        self._needs.clear()
        for uid in missing.keys() & self._nodes.keys():
            self._nodes[uid].ask_further(trial)
        for replica in new:
            self._insert(replica, trial, missing)
        self._left[number] += 1
        opened = _Open(trial, number, {*missing})
        for uid in missing:
            self._open[uid].append(opened)
        for uid in missing.keys() & self.errors.keys():
            self._close_failed(uid)

    def _find_missing(self, trial: Trial) -> dict[str, Replica]:
        """What is not stored of what is due of a trial, earliest first; and what is, but whose tensors were let go and
        are needed for it: that is forgotten, and computed again."""
        chain = trial.due
        missing = {uid for uid in chain if not self._has(uid)}
        missing -= {uid for uid in missing & trial.pausing.keys() if is_there(uid, self.store, trial.pausing)}
        ahead = [*missing]
        while ahead:
            for parent in chain[ahead.pop()].parents.values():
                if parent.uid not in missing and self.store.lacks_tensors(parent.uid):
                    self.store.remove(parent.uid)
                    self._stored.discard(parent.uid)
                    missing.add(parent.uid)
                    ahead.append(parent.uid)
        return {uid: replica for uid, replica in chain.items() if uid in missing}

    def _insert(self, replica: Replica, trial: Trial, missing: dict[str, Replica]) -> None:
        before = {parent.uid for parent in replica.parents.values()} & missing.keys()
        self._nodes[replica.uid] = node = _Node(replica, trial, before)
        for uid in before & self._nodes.keys():
            self._nodes[uid].after.append(replica.uid)
        if failed := before & self.errors.keys():
            self._fail(replica.uid, self.errors[min(failed)])
        elif not before:
            self._ready[node.group].append(replica.uid)

    def _has(self, uid: str) -> bool:
        if uid not in self._stored and uid not in self._nodes and uid not in self.errors and self.store.has(uid):
            self._stored.add(uid)
        return uid in self._stored

    def _look(self) -> None:
        """See what became of the stages that others were computing."""
        self._looked, claimed = time.monotonic(), set(self.store.claimed())
        found = [uid for uid in self.held if self._nodes[uid].is_there(self.store)]
        free = [uid for uid in self.held if uid not in claimed and uid not in found]
        self.held = [uid for uid in self.held if uid in claimed and uid not in found]
        for uid in free:
            self._ready[self._nodes[uid].group].append(uid)
        self._release(found)
        self._ask()

    def _release(self, uids: Collection[str]) -> None:
        """These are stored, or have paused: what waited for nothing else is ready, and trials may be whole."""
        nodes = [self._nodes.pop(uid) for uid in uids]
        self._stored.update(node.replica.uid for node in nodes if node.until is None)
        for node in nodes:
            for after in node.after:
                waiting = self._nodes.get(after)
                if waiting is not None:
                    waiting.before.discard(node.replica.uid)
                    if not waiting.before:
                        self._ready[waiting.group].append(after)
            for opened in self._open.pop(node.replica.uid, []):
                failed = not opened.missing  # by another of its stages
                opened.missing.discard(node.replica.uid)
                if not failed and not opened.missing:
                    self._left[opened.asker] -= 1
                    self.listener.done(opened.trial)

    def _fail(self, uid: str, error: Failure) -> None:
        """A stage has failed, and all that need it."""
        node = self._nodes.pop(uid, None)
        if node is None:
            return
        self.errors[uid] = error
        self._close_failed(uid)
        for after in node.after:
            self._fail(after, error)

    def _close_failed(self, uid: str) -> None:
        for opened in self._open.pop(uid, []):
            if opened.missing:  # else another of its stages has failed
                opened.missing.clear()
                self._left[opened.asker] -= 1
                self.listener.failed(opened.trial, self.errors[uid])


def _job(nodes: Sequence[_Node]) -> Job:
    trials = {node.trial.uid: node.trial for node in nodes}
    names = dict.fromkeys(node.replica.stage.name for node in nodes)
    pauses = {node.replica.uid: node.until for node in nodes if node.until is not None}
    return Job([*trials.values()], [node.replica.uid for node in nodes], [*names], nodes[0].again, pauses)
