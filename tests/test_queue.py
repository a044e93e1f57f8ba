"""What is ready runs, whatever else waits; nothing runs twice, and nothing before what it needs."""

import random
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from fairray.evaluation import metrics
from fairray.launch import queue as queues
from fairray.launch import search
from fairray.launch.failures import Failure, Repeats
from fairray.launch.queue import Queue
from fairray.launch.samplers import Score
from fairray.launch.search import OptunaSearch
from fairray.measures import find
from fairray.space import Range
from fairray.study import Search
from fairray.trial import stages


@dataclass(frozen=True)
class Stage:
    """Stands for a replica."""

    uid: str
    after: tuple["Stage", ...] = ()
    brief: bool = False

    @property
    def parents(self):
        return {str(i): before for i, before in enumerate(self.after)}

    @property
    def depth(self):
        return 1 + max((before.depth for before in self.after), default=-1)

    @property
    def stage(self):
        return SimpleNamespace(name=self.uid.rstrip("0123456789 "), brief=self.brief)


@dataclass(frozen=True)
class Trial:
    ends: list[Stage]
    arm: str = "a"
    task: str = "t"
    point: dict = field(default_factory=dict)
    until: int | None = None

    @property
    def pausing(self):
        return {} if self.until is None else {end.uid: self.until for end in self.ends}

    @property
    def uid(self):
        return " ".join(end.uid for end in self.ends)

    @property
    def due(self):
        return stages(self.ends)

    def stored(self, store):
        return all(store.has(end.uid) for end in self.ends)


class Store:
    def __init__(self, *uids):
        self.uids, self.elsewhere, self.let_go, self.paused = {*uids}, set(), set(), {}

    def has(self, uid):
        return uid in self.uids

    def claimed(self):
        return sorted(self.elsewhere)

    def paused_after(self, uid):
        return self.paused.get(uid, 0)

    def lacks_tensors(self, uid):
        return uid in self.let_go

    def remove(self, uid):
        self.uids.remove(uid)


class Told:
    """A listener that writes down."""

    def __init__(self):
        self.lines, self.stages, self.lost_stages, self.tried_again = [], 0, [], []

    def expect(self, trial, stages):
        self.stages += stages

    def stored(self, trial):
        self.lines.append(("stored", trial.uid))

    def done(self, trial):
        self.lines.append(("done", trial.uid))

    def failed(self, trial, error):
        self.lines.append(("failed", trial.uid))

    def lost(self, uid, error):
        self.lost_stages.append(uid)

    def again(self, job, error):
        self.tried_again.append((job.uids, error.kind))

    def ended(self, job, stages):
        self.stages -= stages


class Once:
    """Asks for its trials at once."""

    def __init__(self, *trials):
        self.trials = [*trials]

    def ask(self):
        asked, self.trials = self.trials, []
        return asked

    def tell(self, store):
        pass


BROKEN, INPUT = Failure("broken", "bug"), Failure("broken", "input")


def make(*trials, store=None, slots=2, pack=25, most=1000):
    return Queue([Once(*trials)], store or Store(), lambda: slots, pack, Told(), Repeats(most))


def drain(queue):
    """Takes what there is."""
    return [*iter(queue.take, None)]


def finish(queue, job, error=None):
    if error is None:
        queue.store.uids |= {*job.uids}
    queue.end(job, error)


def chain(name, length, *before):
    """Stages one after the other, of which the last is given."""
    for i in range(length):
        before = (Stage(f"{name} {i}", before),)
    return before[0]


def test_a_stage_that_many_need_goes_first_and_alone():
    shared = Stage("shared")
    trials = [Trial([chain("long", 3)]), *(Trial([Stage(f"uses {i}", (shared,))]) for i in range(5))]
    queue = make(*trials)
    first, second = drain(queue)
    assert (first.uids, second.uids) == (["shared"], ["long 0", "long 1", "long 2"])
    finish(queue, first)
    assert sorted(uid for job in drain(queue) for uid in job.uids) == [f"uses {i}" for i in range(5)]


def test_what_is_brief_is_computed_with_what_it_needs():
    model = Stage("model")
    ends = [Stage("evaluation", (model,), brief=True), Stage("student 0", (model,)), Stage("student 1", (model,))]
    queue = make(Trial(ends))
    (job,) = drain(queue)
    assert job.uids == ["model", "evaluation"]
    finish(queue, job)
    assert sorted(job.uids for job in drain(queue)) == [["student 0"], ["student 1"]]


def test_the_parts_of_a_stage_are_jobs_and_what_joins_them_goes_with_the_last():
    model = Stage("model")
    parts = [chain(f"part{i}", 2, model) for i in range(3)]
    queue = make(Trial([Stage("summary", tuple(parts), brief=True)]))
    (job,) = drain(queue)
    assert job.uids == ["model"]
    finish(queue, job)
    first, second, third = drain(queue)
    assert {*first.uids, *second.uids, *third.uids} == {f"part{i} {j}" for i in range(3) for j in range(2)}
    assert all(len(job.uids) == 2 for job in (first, second, third))
    for job in (first, second):
        finish(queue, job)
    assert queue.take() is None
    finish(queue, third)
    assert queue.take().uids == ["summary"]


def test_no_slot_waits_for_a_slow_job():
    """The chain's first stage takes for ever; everything else ends meanwhile."""
    slow = Stage("slow")
    queue = make(
        Trial([chain("after", 2, slow), Stage("other", (slow,))]), *(Trial([chain(f"m{i}", 3)]) for i in range(20))
    )
    running = queue.take()
    assert running.uids == ["slow"]
    while job := queue.take():
        finish(queue, job)
    assert len([line for line in queue.listener.lines if line[0] == "done"]) == 20
    assert not queue.over
    finish(queue, running)
    for job in drain(queue):
        finish(queue, job)
    assert queue.over


@pytest.mark.parametrize(("count", "slots", "pack", "sizes"), [
    (100, 1, 30, [30, 30, 30, 10]),
    (100, 2, 10, [10] * 7 + [8, 6, 4, 3, 3, 2, 1, 1, 1, 1]),
    (16, 2, 25, [4, 3, 3, 2, 1, 1, 1, 1]),
    (3, 5, 25, [1, 1, 1]),
])  # fmt: skip
def test_jobs_shrink_towards_the_end_so_that_slots_end_together(count, slots, pack, sizes):
    queue = make(*(Trial([Stage(f"m {i}")]) for i in range(count)), slots=slots, pack=pack)
    assert [len(job.uids) for job in drain(queue)] == sizes


def test_a_job_has_stages_of_one_method_on_one_task():
    trials = [Trial([Stage(f"m {arm}{i}")], arm=arm) for i in range(4) for arm in "ab"]
    assert {job.trials[0].arm for job in drain(make(*trials, slots=1))} == {"a", "b"}
    for job in drain(make(*trials, slots=1)):
        assert len({trial.arm for trial in job.trials}) == 1


def test_a_failure_costs_what_needs_it_and_nothing_else():
    shared, own = Stage("shared"), Stage("own")
    trials = [Trial([Stage("a", (shared,)), Stage("b", (shared, own))]), Trial([Stage("c", (own,))])]
    queue = make(*trials)
    first, second = drain(queue)
    assert {first.uids[0], second.uids[0]} == {"shared", "own"}
    lost, kept = (first, second) if first.uids[0] == "shared" else (second, first)
    finish(queue, lost, INPUT)
    finish(queue, kept)
    for job in drain(queue):
        finish(queue, job)
    assert queue.listener.lines == [("failed", "a b"), ("done", "c")]
    assert queue.listener.lost_stages == ["shared"]
    assert queue.over


def test_what_a_failed_job_stored_counts():
    queue = make(Trial([chain("m", 2)]), Trial([Stage("other", (Stage("m 0"),), brief=True)]))
    (job,) = drain(queue)
    assert set(job.uids) == {"m 0", "other", "m 1"}
    queue.store.uids |= {"m 0", "other"}
    queue.end(job, BROKEN)
    queue.end(queue.take(), BROKEN)
    assert sorted(queue.listener.lines) == [("done", "other"), ("failed", "m 1")]
    assert queue.over


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_trial_of_which_one_end_failed_is_not_done_whatever_its_others_do(order):
    queue = make(Trial([Stage("a"), Stage("b")]))
    jobs = drain(queue)
    for i in order:
        finish(queue, jobs[i], INPUT if jobs[i].uids == ["a"] else None)
    assert queue.listener.lines == [("failed", "a b")]
    assert queue.over


def test_what_was_let_go_is_computed_again_where_it_is_needed():
    """As far back as it is needed, and no further."""
    first = chain("a", 3)
    queue_store = Store("a 0", "a 1", "a 2", "b 0")
    queue_store.let_go |= {"a 1", "a 2", "b 0"}
    queue = make(Trial([Stage("c", (first,))]), Trial([chain("b", 1)]), store=queue_store)
    assert queue.missing == {"a 1", "a 2", "c"}
    assert queue_store.uids == {"a 0", "b 0"}


def test_what_failed_in_company_is_tried_by_itself():
    queue, taken = make(*(Trial([Stage(f"m {i}")]) for i in range(4)), slots=1), []
    while job := queue.take():
        taken.append(len(job.uids))
        finish(queue, job, BROKEN if "m 2" in job.uids else None)
    assert taken == [4, 1, 1, 1, 1]
    assert sorted(queue.listener.lines) == [("done", "m 0"), ("done", "m 1"), ("done", "m 3"), ("failed", "m 2")]


@pytest.mark.parametrize(
    ("kind", "tries"), [("bug", 2), ("memory", 2), ("died", 2), ("hung", 2), ("input", 1), ("node", None)]
)
def test_what_fails_is_tried_once_more_where_that_can_help(kind, tries):
    """What is lost with its node is tried until it is there; what is refused would be refused again."""
    queue, taken = make(Trial([Stage("m")])), []
    while len(taken) < 5 and (job := queue.take()):
        taken.append(job.again)
        finish(queue, job, Failure("broken", kind))
    assert taken == ([False, True][:tries] if tries else [False] * 5)
    assert queue.over == (tries is not None)
    assert queue.listener.lost_stages == (["m"] if tries else [])
    assert queue.listener.tried_again == [(["m"], kind)] * (len(taken) - (tries is not None))


def test_a_second_try_that_succeeds_costs_nothing():
    queue = make(Trial([Stage("m")]))
    finish(queue, queue.take(), BROKEN)
    finish(queue, queue.take())
    assert queue.listener.lines == [("done", "m")]
    assert queue.over


def raised(line, message):
    return Failure(f'Traceback\n  File "mine.py", line {line}, in loss\nValueError: {message}', "bug")


def test_a_study_ends_when_so_many_trials_end_in_one_traceback():
    """Whatever their messages are; those of another traceback, or of the seeds of one trial, do not count."""
    trials = [Trial([Stage(f"m {i} {seed}") for seed in range(2)]) for i in range(9)]
    queue, failed = make(*trials, slots=1, pack=1, most=3), []
    while job := queue.take():
        failed += job.uids if job.again else []
        line = 7 + int(job.uids[0].split()[1]) % 2
        finish(queue, job, raised(line, f"{len(failed)} of {job.uids}"))
    assert queue.over
    assert [uid.split()[1] for uid in failed] == [*"001122334"]  # the third of line 7
    assert queue.fatal.where == 'File "mine.py", line 7, in loss'
    assert "3 trials ended in the same traceback: ValueError: " in queue.fatal.problem
    assert "launch.repeats=30" in queue.fatal.cure
    assert queue.take() is None


def test_a_job_that_ends_well_without_its_stages_is_a_bug():
    """Else it would be asked for again without end."""
    queue = make(Trial([Stage("m")]))
    for _ in range(2):
        queue.end(queue.take())
    assert queue.over
    assert queue.listener.tried_again == [(["m"], "bug")]
    assert queue.errors["m"].headline == "it ended without an error, and its stages are not stored"


def test_what_another_driver_computes_is_waited_for_without_a_slot(monkeypatch):
    monkeypatch.setattr(queues, "LOOK_S", 0.0)
    queue = make(Trial([chain("m", 2)]))
    job = queue.take()
    queue.store.elsewhere = {"m 0"}
    queue.end(job)  # the worker could not claim it
    assert queue.take() is None
    assert not queue.over
    queue.store.elsewhere = set()  # that driver has died
    again = queue.take()
    assert again.uids == job.uids
    queue.store.elsewhere = {"m 0"}
    queue.end(again)
    assert queue.listener.tried_again == []
    queue.store.elsewhere = set()
    queue.store.uids |= {"m 0"}  # a third one has stored it
    assert queue.take().uids == ["m 1"]


def test_what_is_stored_is_shown_and_not_computed():
    queue = make(Trial([chain("m", 3)]), Trial([Stage("other")]), store=Store("m 0", "m 1", "m 2"))
    assert [job.uids for job in drain(queue)] == [["other"]]
    assert queue.listener.lines == [("stored", "m 2")]


def test_what_was_lost_in_the_middle_is_computed_again_and_nothing_after_it():
    queue = make(Trial([chain("m", 3)]), store=Store("m 0", "m 2"))
    (job,) = drain(queue)
    assert job.uids == ["m 1"]
    assert not queue.listener.lines
    finish(queue, job)
    assert queue.over
    assert queue.listener.lines == [("done", "m 2")]


@pytest.mark.parametrize("seed", range(30))
def test_any_graph_is_computed_once_in_order_and_whole(seed):
    """Random graphs, slots and moments of ending: each stage is handed out once, after all that it needs; no slot is
    left without a job while a stage is ready."""
    draw = random.Random(seed)
    made: list[Stage] = []
    for i in range(draw.randint(1, 40)):
        before = draw.sample(made, min(len(made), draw.choice([0, 1, 1, 2, 3])))
        made.append(Stage(f"{draw.choice('pqr')} {i}", tuple(before), draw.random() < 0.3))
    trials = [Trial(draw.sample(made, draw.randint(1, min(4, len(made)))), arm=draw.choice("ab")) for _ in range(8)]
    trials = [*{trial.uid: trial for trial in trials}.values()]
    slots = draw.randint(1, 4)
    queue = make(*trials, store=Store(), slots=slots, pack=draw.randint(1, 5))
    needed = {stage.uid: stage for trial in trials for end in trial.ends for stage in ancestors(end)}
    handed: list[str] = []
    running = []
    while not queue.over:
        while len(running) < slots and (job := queue.take()):
            for uid in job.uids:
                inside = {*job.uids[: job.uids.index(uid)]}
                assert {before.uid for before in needed[uid].after} <= queue.store.uids | inside
            handed += job.uids
            running.append(job)
        ready = {u for u, s in needed.items() if u not in handed and {b.uid for b in s.after} <= queue.store.uids}
        assert len(running) == slots or not ready
        finish(queue, running.pop(draw.randrange(len(running))))
    assert sorted(handed) == sorted(needed)
    assert sorted(queue.listener.lines) == sorted(("done", trial.uid) for trial in trials)
    assert queue.listener.stages == 0


def ancestors(stage):
    yield stage
    for before in stage.after:
        yield from ancestors(before)


@pytest.fixture
def searched(monkeypatch):
    """Runs two searches, jobs ending in an order of its own, and gives what each was asked for, in order.

    A point's score is its distance from .3.
    """

    def score(trials, objectives):
        return {trial.uid: Score({"odds": abs(trial.point["x"] - 0.3)}) for trial in trials}

    monkeypatch.setattr(search, "_score", score)
    monkeypatch.setattr(search, "results", lambda trial, store: trial)
    metrics()  # declares odds

    def run(slots, seed, points=20, store=None):
        arms = [
            SimpleNamespace(
                task="t",
                name=name,
                space={"x": Range(low=0.0, high=1.0)},
                at=lambda p, name=name: Trial([Stage(f"m {name} {p['x']}")], arm=name, point=p),
            )
            for name in "ab"
        ]
        asking = [OptunaSearch(arm, Search(name="tpe", points=points, batch=4), [find("odds")]) for arm in arms]
        queue, draw, running = (
            Queue(asking, store or Store(), lambda: slots, 2, Told(), Repeats(1)),
            random.Random(seed),
            [],
        )
        most = 0
        while not queue.over:
            while len(running) < slots and (job := queue.take()):
                running.append(job)
            most = max(most, len({job.trials[0].arm for job in running}))
            finish(queue, running.pop(draw.randrange(len(running))))
        return [[trial.point["x"] for trial in asked.values()] for asked in queue.asked], most

    return run


def test_what_searches_ask_for_does_not_depend_on_slots_or_on_who_ends_first(searched):
    (once, _), *others = [searched(slots, seed) for slots, seed in ((1, 0), (3, 1), (7, 2))]
    assert [len({*asked}) for asked in once] == [20, 20]
    assert all(asked == once for asked, _ in others)
    assert others[-1][1] == 2  # both went on at the same time


def test_a_search_that_grows_from_20_to_40_points_computes_20(searched):
    store = Store("of others")
    before, _ = searched(2, 0, store=store)
    assert len(store.uids) == 1 + 2 * 20
    after, _ = searched(3, 1, points=40, store=store)
    assert len(store.uids) == 1 + 2 * 40
    assert [asked[:20] for asked in after] == before


def test_a_search_whose_batch_has_not_ended_leaves_the_others_going(monkeypatch):
    class Batches:
        def __init__(self, name, count):
            self.name, self.left = name, count

        def ask(self):
            self.left -= 1
            return [Trial([Stage(f"m {self.name}{self.left}")], arm=self.name)] if self.left >= 0 else []

        def tell(self, store):
            pass

    queue = Queue([Batches("slow", 2), Batches("fast", 5)], Store(), lambda: 2, 25, Told(), Repeats(1))
    slow, fast = sorted(drain(queue), key=lambda job: job.trials[0].arm, reverse=True)
    assert slow.trials[0].arm == "slow"
    for _ in range(5):
        finish(queue, fast)
        fast = queue.take()
    assert fast is None
    assert not queue.over
    finish(queue, slow)
    assert queue.take().trials[0].arm == "slow"


class Rounds(Once):
    """Asks for one trial after the other."""

    def ask(self):
        return [self.trials.pop(0)] if self.trials else []


def test_a_stage_that_has_paused_goes_on_when_more_of_it_is_asked_for():
    model = Stage("model")
    rounds = Rounds(Trial([model], until=2), Trial([model], until=4), Trial([model]))
    queue, pauses = Queue([rounds], Store(), lambda: 1, 25, Told(), Repeats(1)), []
    while job := queue.take():
        assert job.uids == ["model"]
        pauses.append(dict(job.pauses))
        if job.pauses:
            queue.store.paused |= job.pauses
            queue.end(job)
        else:
            finish(queue, job)
    assert pauses == [{"model": 2}, {"model": 4}, {}]
    assert queue.listener.lines == [("done", "model")] * 3
    assert (queue.over, queue.trials, queue.trials_stored) == (True, [Trial([model])], set())


def test_what_had_paused_before_is_not_gone_on_with():
    store = Store()
    store.paused["model"] = 3
    queue = make(Trial([Stage("model")], until=2), store=store)
    assert (queue.take(), queue.over, queue.trials_stored) == (None, True, {"model"})


def test_what_another_trial_needs_whole_does_not_pause():
    """Whether that is asked for before it begins, or while it runs."""
    model = Stage("model")
    after = Trial([Stage("after", (model,), brief=True)])
    both = make(Trial([model], until=2), after)
    assert [(job.uids, job.pauses) for job in drain(both)] == [(["model", "after"], {})]

    late = Rounds(Trial([Stage("other")]), after)
    queue = Queue([Once(Trial([model], until=2)), late], Store(), lambda: 2, 25, Told(), Repeats(1))
    first, other = drain(queue)
    if first.uids == ["other"]:
        first, other = other, first
    finish(queue, other)
    queue.store.paused |= first.pauses
    assert first.pauses == {"model": 2}
    queue.end(first)
    (again,) = drain(queue)
    assert (again.uids, again.pauses) == (["model", "after"], {})
    finish(queue, again)
    assert sorted(queue.listener.lines) == [("done", "after"), ("done", "model"), ("done", "other")]
    assert queue.over


def test_a_stage_that_has_not_come_to_its_pause_is_lost():
    queue = make(Trial([Stage("model")], until=2))
    for epochs in (1, 1):
        queue.store.paused["model"] = epochs
        queue.end(queue.take())
    assert queue.listener.lines == [("failed", "model")]
