"""A run begins nothing beyond its budget, finishes what it began, and says what it took beside what was estimated."""

import pytest
from silent import Silent
from test_queue import Once, Store, Told, Trial, chain, drain, finish

from fairray import config
from fairray.budget import Budget
from fairray.errors import BadInput
from fairray.launch import purse as purses
from fairray.launch.failures import Repeats
from fairray.launch.planning import open_results, plan
from fairray.launch.purse import Purse
from fairray.launch.queue import Queue
from fairray.launch.study import run, run_study
from fairray.report import Table


@pytest.mark.parametrize(
    ("text", "said"), [("20trials", "20 trials"), ("1 trial", "1 trial"), ("1.5h", "1.5 h"), ("4gpu-h", "4 gpu-h")]
)
def test_a_budget_is_written_and_read(text, said):
    assert str(Budget.read(text)) == said
    assert Budget.read(said) == Budget.read(text)


@pytest.mark.parametrize("text", ["20", "2 days", "-1h", "h", "1e3h", "2h 3h"])
def test_what_is_no_budget(text):
    with pytest.raises(BadInput, match="give it as 20trials"):
        Budget.read(text)


def make(budget, *asking, slots=2, gpus=0.0):
    purse = Purse(Budget.read(budget), lambda trial: gpus)
    return Queue(asking, Store(), lambda: slots, 1, Told(), Repeats(1), purse)


def work(queue):
    """Runs what there is to its end."""
    ran = []
    while not queue.over:
        for job in drain(queue):
            ran += job.uids
            finish(queue, job)
    return ran


def test_so_many_trials_begin_and_are_finished():
    queue = make("2trials", Once(*(Trial([chain(name, 2)]) for name in "abc")))
    assert sorted(work(queue)) == ["a 0", "a 1", "b 0", "b 1"]
    assert queue.listener.lines == [("done", "a 1"), ("done", "b 1")]
    assert [trial.uid for trial in queue.trials] == ["a 1", "b 1", "c 1"]


def test_what_is_stored_and_what_two_methods_share_is_begun_once():
    first, shared, last = (Trial([chain(name, 1)]) for name in "abc")
    purse = Purse(Budget(1, "trials"))
    queue = Queue([Once(first, shared), Once(shared, last)], Store("a 0"), lambda: 1, 1, Told(), Repeats(1), purse)
    assert work(queue) == ["b 0"]


def test_a_search_is_asked_no_further():
    """Its next batch would depend on what was left out."""
    search = Once(*(Trial([chain(name, 1)]) for name in "ab"))
    queue = make("1trials", search)
    search.ask = lambda: pytest.fail("it was asked again")
    assert work(queue) == ["a 0"]


@pytest.mark.parametrize(("budget", "gpus", "hours"), [("2h", 0.0, 2.0), ("2gpu-h", 0.5, 4.0)])
def test_after_so_many_hours_nothing_begins(budget, gpus, hours, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(purses.time, "monotonic", lambda: now[0])
    queue = make(budget, Once(*(Trial([chain(name, 1)]) for name in "abc")), slots=1, gpus=gpus)
    job = queue.take()
    now[0] = 3600 * hours - 1
    assert not queue.purse.spent
    now[0] += 1
    assert queue.purse.spent
    assert queue.take() is None
    assert not queue.over  # what runs is finished
    finish(queue, job)
    assert queue.over


@pytest.fixture
def study(tmp_path):
    def make(*arguments):
        given = ["tasks={Adult: {name: toy, size: 256}}", "methods=[standard, reweighing]", "network.depth=1"]
        local = ["launch=local", "launch.threads=1", "launch.tracking=none", f"launch.output={tmp_path}"]
        return config.load("bade_benchmarks", "smoke", [*given, *local, *arguments])

    return make


def test_a_run_says_what_is_left_and_what_it_took(study):
    """The pilot's seconds are those of its stages, as stored; twice as many stages take twice as long."""
    assert "what 4 stages will take is not known" in str(plan(study("seeds=1")))
    said = []
    outcome = run_study(study("seeds=1", "launch.budget=1trials"), said.append, [Table()])
    assert (outcome.computed, outcome.left) == (1, 1)
    assert "the budget of 1 trial is spent; 1 trial left, run again to go on" in said[-1]
    page = outcome.files[0].read_text()
    assert "Incomplete: 1 of 2 trials are stored; there is nothing of Adult, reweighing." in page
    assert "2 stages took" in page
    found = open_results(study("seeds=1"))
    seconds = sum(made["seconds"] for made in found.made.values())
    planned = plan(study("seeds=3")).estimate
    assert planned.seconds == pytest.approx(2 * seconds)
    assert (planned.known, planned.unknown) == (4, 6)
    outcome = run(study("seeds=1"), Silent())
    assert (outcome.computed, outcome.left) == (1, 0)
    assert outcome.spent.startswith("2 stages took")


def test_hours_of_gpus_that_no_job_is_given_are_refused(study):
    with pytest.raises(BadInput, match="no job is given a GPU"):
        study("launch.budget=4gpu-h").check()
