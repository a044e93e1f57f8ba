"""Searches that stop early: who goes on, and that nothing else changes."""

from collections import Counter
from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest
from mlflow import MlflowClient
from optuna.trial import TrialState
from silent import Silent
from smoke import LOCAL
from test_checkpoints import Steps, assert_alike, found

from fairray import config
from fairray.errors import BadInput
from fairray.evaluation import metrics
from fairray.launch import early, planning
from fairray.launch import study as launch_study
from fairray.launch.early import EarlyStopping
from fairray.launch.samplers import Score
from fairray.launch.search import OptunaSearch
from fairray.measures import find
from fairray.report._opening import _describe_cost
from fairray.rules import Selection
from fairray.space import Range
from fairray.store import Store
from fairray.study import Search, Stopping
from fairray.trial import execute

metrics()  # declares them
EACC, BOTH = [find("eacc")], [find("eacc"), find("odds")]


@dataclass(frozen=True)
class Run:
    """Stands for a trial of nine epochs, that scores x on its way and in the end."""

    x: tuple[float, ...]
    until: int | None = None
    epochs: int = 9

    @property
    def uid(self):
        return str((self.x, self.epochs))

    @property
    def pausing(self):
        return {} if self.until is None else {self.uid: self.until}

    def stored(self, store):
        return True

    def reached(self, store):
        return self.x[0] == self.x[0] or self.until == 1  # what is no number fails after it


class Batches:
    """Stands for a search."""

    def __init__(self, *batches):
        self.left, self.stopped, self.told = [*batches, []], {}, 0

    def ask(self):
        return self.left.pop(0)

    def tell(self, store):
        self.told += 1


@pytest.fixture
def asked(monkeypatch):
    """Asks for batches of what scores so, by a rule; gives after how many epochs who was to pause, by round, and what
    the search was told of those that were stopped."""
    monkeypatch.setattr(
        early, "score", lambda one, store, objectives: {m.name: v for m, v in zip(objectives, one.x, strict=True)}
    )

    def make(batches, objectives=EACC, margins=None, selection="sum", **stop):
        search = Batches(*batches)
        study = SimpleNamespace(selection=Selection(rule=selection), margins=margins or {})
        asker, rounds = EarlyStopping(search, Stopping(**stop), study, objectives), []
        while batch := asker.ask():
            rounds.append({one.x: one.until for one in batch})
            asker.tell(None)
        assert search.told == len(batches)
        return rounds, {score.means["eacc"]: score.stopped for score in search.stopped.values()}

    return make


def runs(*values, **more):
    return [Run((value,), **more) for value in values]


def test_the_best_third_goes_on_and_trains_as_long_as_the_others_again(asked):
    rounds, stopped = asked([runs(*range(9))], rule="halving")
    assert rounds == [
        {(float(x),): 1 for x in range(9)},
        {(6.0,): 3, (7.0,): 3, (8.0,): 3},
        {(8.0,): None},  # nine epochs are all
    ]
    assert stopped == {**dict.fromkeys(range(6), 1), 6: 3, 7: 3}


def test_a_batch_is_judged_beside_all_that_paused_there_before(asked):
    """Of the first three one goes on, of the second, that are worse, one again: two of six, the best and the fifth."""
    rounds, stopped = asked([runs(0.5, 0.6, 0.9), runs(0.1, 0.7, 0.2)], rule="halving", first=3)
    assert rounds[1::2] == [{(0.9,): None}, {(0.7,): None}]
    rounds, stopped = asked([runs(0.5, 0.8, 0.9), runs(0.1, 0.7, 0.2)], rule="halving", first=3)
    assert rounds[1:] == [{(0.9,): None}, dict.fromkeys([(0.1,), (0.7,), (0.2,)], 3)]
    assert stopped == dict.fromkeys([0.5, 0.8, 0.1, 0.7, 0.2], 3)


def test_the_first_goes_on_whatever_there_is_and_so_does_the_first_of_equals(asked):
    rounds, _ = asked([runs(0.2), [Run((0.4,)), Run((0.4,), epochs=8)]], rule="halving", first=5)
    assert rounds == [{(0.2,): 5}, {(0.2,): None}, {(0.4,): 5}, {(0.4,): None}]


@pytest.mark.parametrize(("selection", "on"), [("sum", (0.9, 0.1)), ("utopia", (0.85, 0.06))])
def test_of_several_objectives_the_study_s_rule_says_which_is_better(asked, selection, on):
    """EAcc is to be high and Odds low; the sums are .8, .79 and .2."""
    points = [Run((0.9, 0.1)), Run((0.85, 0.06)), Run((0.5, 0.3))]
    rounds, _ = asked([points], BOTH, selection=selection, rule="halving", first=3)
    assert [*rounds[1]] == [on]


def test_what_another_is_ahead_of_in_all_by_more_than_the_margins_is_stopped(asked):
    """Margins are in points: one of EAcc, two of Odds."""
    best, near, worse, fair = (0.9, 0.10), (0.892, 0.2), (0.88, 0.13), (0.5, 0.0)
    rounds, stopped = asked(
        [[*map(Run, (worse, best, near, fair))]], BOTH, {"eacc": 1.0, "odds": 2.0}, rule="dominated", first=3
    )
    assert rounds[1] == dict.fromkeys([best, near, fair])
    assert stopped == {0.88: 3}
    rounds, _ = asked([[*map(Run, (worse, best, near, fair))]], BOTH, rule="dominated", first=3)
    assert rounds[1] == dict.fromkeys([best, fair])


def test_what_failed_on_its_way_or_is_no_number_does_not_go_on(asked):
    for rule in ("halving", "dominated"):
        rounds, _ = asked([[Run((float("nan"),)), Run((0.1,))]], rule=rule, first=1, factor=2)
        assert [len(each) for each in rounds] == [2, 1, 1, 1, 1]
        assert [*rounds[1]] == [(0.1,)]
    rounds, stopped = asked([runs(float("nan"))], rule="halving", selection="constraint")
    assert ([*map(len, rounds)], len(stopped)) == ([1], 1)


def test_trials_of_few_epochs_do_not_pause_and_others_do(asked):
    rounds, stopped = asked([[*runs(0.1, epochs=3), *runs(0.2), *runs(0.3, epochs=4)]], rule="halving", first=3)
    assert rounds == [{(0.1,): None, (0.2,): 3, (0.3,): 3}, {(0.3,): None}]
    assert stopped == {0.2: 3}


def test_a_point_that_is_asked_for_again_has_ended_as_it_did(asked):
    rounds, stopped = asked([runs(0.2, 0.9, 0.1), runs(0.9, 0.1, 0.2), runs(0.3)], rule="halving", first=3)
    assert rounds[2] == {(0.9,): None, (0.1,): 3, (0.2,): 3}
    assert rounds[3:] == [{(0.3,): 3}]  # it is the second of four, as nothing counts twice
    assert {*stopped} == {0.2, 0.1, 0.3}


@pytest.mark.parametrize(("name", "objectives"), [("tpe", EACC), ("tpe", BOTH), ("nsga2", BOTH), ("gp", EACC)])
def test_optuna_is_told_which_trials_were_pruned(monkeypatch, name, objectives):
    """With the value on the way where it takes one; and it asks on."""
    monkeypatch.setattr(early, "score", lambda one, store, objectives: dict.fromkeys(("eacc", "odds"), one.x[0]))
    monkeypatch.setattr("fairray.launch.search.results", lambda one, store: one)

    def score(ended, objectives):
        return {one.uid: Score(dict.fromkeys(("eacc", "odds"), one.x[0])) for one in ended}

    monkeypatch.setattr("fairray.launch.search._score", score)
    arm = SimpleNamespace(
        task="t", name="a", space={"x": Range(low=0.0, high=1.0)}, at=lambda point: Run((point["x"],))
    )
    inner = OptunaSearch(arm, Search(name=name, points=12, batch=4), objectives)
    study = SimpleNamespace(selection=Selection(), margins={})
    asker = EarlyStopping(inner, Stopping(rule="halving"), study, objectives)
    while asker.ask():
        asker.tell(None)
    told = inner.sampling.study.trials
    states = Counter(trial.state for trial in told)
    assert len(told) == 12
    assert states[TrialState.PRUNED] + states[TrialState.COMPLETE] == 12
    assert states[TrialState.PRUNED] >= 8
    steps = {step for trial in told if trial.state == TrialState.PRUNED for step in trial.intermediate_values}
    assert steps <= {1, 3}
    assert bool(steps) == (len(objectives) == 1)


# a study: three learning rates, five epochs
SEARCHED = [
    "methods=[standard]", "training.lr={grid: [1.0e-4, 1.0e-3, 1.0e-2]}", "training.epochs=5", "launch.engine=alone",
]  # fmt: skip
STOP = "search.stop={rule: halving, first: 2, factor: 2}"


@pytest.fixture
def load(tmp_path):
    return lambda *more: config.load(LOCAL[0], "smoke", [*LOCAL[3:], *SEARCHED, f"launch.output={tmp_path}", *more])


def run(study):
    """How many steps a study takes, and its outcome."""
    steps, said = Steps(), []
    with steps.until(None):
        outcome = launch_study.run(study, Silent(), said.append)
    return steps.taken, outcome, said


def test_a_study_that_stops_early(load, tmp_path):
    """One of three learning rates is trained to its end, as it would be without stopping; run again it computes
    nothing; asked for in full, the others go on from where they were stopped."""
    stopping, whole = load(STOP), load()
    steps, outcome, said = run(stopping)
    assert (outcome.trials, outcome.computed, outcome.left) == (3, 3, 0)
    assert sum("paused" in line for line in said) == 3 + 1
    results = planning.open_results(stopping)
    (trial,), stopped = results.trials, results.stopped
    assert [one.until for one in stopped] == [2, 2]
    assert results.missing == []
    assert results.budget(trial.task, "standard") == 3
    assert (again := run(stopping))[0] == 0
    assert (again[1].computed, again[1].trials) == (0, 3)
    plan = planning.plan(stopping)
    assert (plan.trials, plan.trials_stored, plan.stopped) == (3, 3, 2)
    assert "3 stored (2 stopped early), 0 to run" in str(plan)
    assert "and 2 that were stopped early (after 2 of their epochs)" in _describe_cost(results)

    store, other = Store(stopping.launch.store_root), Store(str(tmp_path / "other"))
    counted = Steps()
    with counted.until(None):
        execute(planning.list_asked(whole, other), other, "alone")
    assert steps == counted.taken * (2 + 2 + 5) / (5 + 5 + 5)
    assert_alike(found([trial], store), found([trial], other))
    means = {one.uid: early.score(one, store, whole.objectives_of(one.task)) for one in stopped}
    assert all(early.score(one, other, whole.objectives_of(one.task)) == means[one.uid] for one in stopped)

    rest, outcome, _ = run(whole)
    assert rest == counted.taken - steps
    assert (outcome.trials, outcome.computed) == (3, 2)
    assert_alike(found(planning.list_asked(whole, store), store), found(planning.list_asked(whole, other), other))
    assert store.checkpoints() == {}
    assert [one.uid for one in planning.open_results(stopping).stopped] == [one.uid for one in stopped]


def test_what_was_stopped_is_a_killed_run_in_mlflow(load, monkeypatch):
    """Once, however often it is run, with its score on the way; what was trained to its end is a finished one."""

    monkeypatch.setattr("fairray.report.write_report", lambda results, sections: ([], []))

    def show(study):
        launch_study.run_study(study, lambda line: None)
        client = MlflowClient(study.launch.tracking_uri)
        experiment = client.get_experiment_by_name(study.name).experiment_id
        runs = client.search_runs([experiment], "tags.`fairray.trial` LIKE '%'")
        return [run for run in runs if run.data.tags["fairray.trial"].startswith(study.uid)]

    stopping = load(STOP)
    for _ in range(2):
        shown = show(stopping)
        assert sorted(run.info.status for run in shown) == ["FINISHED", "KILLED", "KILLED"]
    killed = {run.data.tags["fairray.trial"].split()[-1]: run.data for run in shown if run.info.status == "KILLED"}
    store = Store(stopping.launch.store_root)
    for one in planning.open_results(stopping).stopped:
        run = killed.pop(one.uid)
        assert run.tags["fairray.stopped"] == "stopped early after 2 epochs"
        means = early.score(one, store, stopping.objectives_of(one.task))
        assert run.metrics == {f"val_{name}": value for name, value in means.items()}
    assert not killed
    assert [run.info.status for run in show(load())] == ["FINISHED"] * 3


@pytest.mark.parametrize(
    ("given", "where", "problem"),
    [
        (["search.stop={rule: halving, first: 5}"], "search.stop", "none of its searched trials would pause"),
        (
            ["searches={standard: {name: grid, stop: {rule: halving, first: 9}}}"],
            "searches.standard.stop",
            "would pause",
        ),
        (
            [STOP, "objectives=[eacc, worst_group_accuracy]"],
            "search.stop",
            "by worst_group_accuracy, which is",
        ),
        (["search.stop={rule: fastest}"], "search.stop.rule", "halving"),
        (["search.stop={rule: halving, factor: 1}"], "search.stop.factor", "2"),
        (["replays={t: {name: tpe, stop: {rule: halving}}}"], "replays.t", "a replay trains nothing to stop"),
        (["search.stop={rule: halving, eta: 3}"], "search.stop", "eta"),
    ],
)
def test_what_cannot_be_stopped_early_is_refused(load, given, where, problem):
    with pytest.raises(BadInput) as refused:
        planning.plan(load(*given))
    assert where in refused.value.where
    assert problem in f"{refused.value.problem} {refused.value.cure}"


def test_scores_are_means_over_seeds_at_the_epoch_that_is_kept(load):
    """Of the first two epochs, by the rule of the training."""
    curves = [{"eacc": [0.5, 0.7, 0.9], "odds": [0.2, 0.4, 0.9]}, {"eacc": [0.9, 0.8, 0.2], "odds": [0.3, 0.1, 0.9]}]
    for rule, expected in (("last", [0.75, 0.25]), ("eacc", [0.8, 0.35])):
        (arm,) = load(f"training.selection={rule}").arms()
        paused = replace(arm.corner, until=2)
        told = {uid: {"curves": own} for uid, own in zip(paused.trainings, curves, strict=True)}
        store = SimpleNamespace(has=lambda uid: False, read_pause=told.get)
        assert [*early.score(paused, store, BOTH).values()] == pytest.approx(expected)
