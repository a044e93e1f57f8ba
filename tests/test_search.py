from dataclasses import dataclass
from types import SimpleNamespace

import optuna
import pandas as pd
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from fairray.evaluation import metrics
from fairray.launch import search
from fairray.launch.planning import _list_batches
from fairray.launch.search import SAMPLERS, OptunaSearch, _distribution, keep
from fairray.measures import find
from fairray.records import join
from fairray.space import Grid, Range
from fairray.study import Search


@dataclass(frozen=True)
class Point:
    """Stands for a trial: its EAcc is x and its Odds 1 - x on validation data, and the reverse on test data."""

    x: float

    def stored(self, store):
        return True

    def records(self):
        values = {"val": (self.x, 1 - self.x), "test": (1 - self.x, self.x)}
        rows = [(split, metric, v) for split, pair in values.items() for metric, v in zip(("eacc", "odds"), pair)]
        place = {"task": "t", "arm": "a", "trial": str(self.x), "uid": str(self.x), "seed": 0}
        return join([pd.DataFrame(rows, columns=["split", "metric", "value"])]).assign(**place)


class Told(dict):
    """Stands for a trial, by its point."""

    def stored(self, store):
        return True


@pytest.fixture
def told(monkeypatch):
    """Asks for five points of 0 <= x <= 1 and tells how they did; gives the points and what Optuna then knows."""
    monkeypatch.setattr(search, "results", lambda trial, store: trial.records())

    def make(name, objectives):
        space = {"x": Range(low=0.0, high=1.0)}
        arm = SimpleNamespace(task="t", name="a", space=space, at=lambda point: Point(**point))
        asker = OptunaSearch(arm, Search(name=name, points=5, batch=5), objectives)
        points = asker.ask()
        asker.tell(store=None)
        return [point.x for point in points], asker.study

    return make


metrics()  # declares them
EACC, ODDS = [find("eacc")], [find("odds")]


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("objectives", [EACC, ODDS, EACC + ODDS, ODDS + EACC], ids=str)
def test_what_optuna_holds_for_best_has_the_highest_eacc_and_the_lowest_odds(told, name, objectives):
    points, study = told(name, objectives)
    assert len({*points}) == 5
    assert [trial.params["x"] for trial in study.best_trials] == [max(points)]


def test_optuna_is_told_validation_means_in_the_order_of_the_objectives(told):
    points, study = told("nsga2", ODDS + EACC)
    assert [trial.values for trial in study.trials] == [pytest.approx([1 - x, x]) for x in points]


def test_a_point_of_which_a_seed_is_no_number_has_failed(told, monkeypatch):
    whole = Point.records

    def broken(self):
        seeds = [whole(self), whole(self)]
        if self.x < 0.5:
            seeds[0]["value"] = float("nan")
        return pd.concat(seeds, ignore_index=True)

    monkeypatch.setattr(Point, "records", broken)
    points, study = told("tpe", ODDS)
    assert {trial.params["x"]: trial.state.name for trial in study.trials} == {
        x: "FAIL" if x < 0.5 else "COMPLETE" for x in points
    }


@pytest.mark.parametrize("name", ["tpe", "nsga2"])
def test_a_point_that_is_no_result_is_never_the_best(told, monkeypatch, name):
    """The half with the higher EAcc predicts one class."""
    whole = Point.records

    def collapsed(self):
        rows = whole(self)
        shares = {"predicted_share": 1.0 if self.x > 0.5 else 0.6, "label_share": 0.6}
        more = [rows[rows["metric"] == "eacc"].assign(metric=name, value=value) for name, value in shares.items()]
        return pd.concat([rows, *more], ignore_index=True)

    monkeypatch.setattr(Point, "records", collapsed)
    points, study = told(name, EACC)
    assert max(points) > 0.5
    assert [trial.params["x"] for trial in study.best_trials] == [max(x for x in points if x <= 0.5)]


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sampler_asks_for_the_same_again_and_what_it_was_told_is_kept(monkeypatch, tmp_path, name):
    """Numbers, whole ones and words; three batches. Optuna reads the journal as it is."""
    monkeypatch.setattr(search, "results", lambda trial, store: Point(trial["x"]).records())
    space = {"x": Range(low=0.0, high=1.0), "k": Range(low=1, high=8), "word": Grid(grid=("a", "b"))}
    asked = []
    for _ in range(2):
        arm = SimpleNamespace(task="t", name="a b", space=space, at=Told)
        asker = OptunaSearch(arm, Search(name=name, points=5, batch=2), EACC + ODDS)
        asked.append([])
        while batch := asker.ask():
            asked[-1] += batch
            asker.tell(store=None)
        assert keep([asker], tmp_path / "reports" / "optuna.journal")
    assert asked[0] == asked[1]
    assert len(asked[0]) == 5
    storage = JournalStorage(JournalFileBackend(str(tmp_path / "reports" / "optuna.journal")))
    kept = optuna.load_study(study_name="t a b", storage=storage).trials
    assert [trial.params for trial in kept] == asked[0]
    assert [trial.values for trial in kept] == [pytest.approx([point["x"], 1 - point["x"]]) for point in asked[0]]
    assert not keep([], tmp_path / "none")


def test_a_point_that_fails_for_ever_hides_no_later_round():
    """Three rounds of two are stored but for one point of the first; a fourth has not begun."""
    there = {(0, 0), (1, 0), (1, 1), (2, 0), (2, 1)}
    rounds = [
        [SimpleNamespace(uid=f"{i} {j}", stored=lambda store, at=(i, j): at in there) for j in (0, 1)] for i in range(5)
    ]
    left = iter([*rounds, []])
    known = _list_batches(SimpleNamespace(ask=lambda: next(left), tell=lambda store: None), None)
    assert [trial.uid for trial in known] == ["0 0", "0 1", "1 0", "1 1", "2 0", "2 1"]


@pytest.mark.parametrize(
    ("choice", "distribution"),
    [
        (Grid(grid=(3, 1)), CategoricalDistribution((3, 1))),
        (Range(low=1, high=5), IntDistribution(1, 5)),
        (Range(low=1, high=64, log=True), IntDistribution(1, 64, log=True)),
        (Range(low=0.5, high=1.0), FloatDistribution(0.5, 1.0)),
        (Range(low=1e-4, high=1e-1, log=True), FloatDistribution(1e-4, 1e-1, log=True)),
    ],
    ids=str,
)
def test_a_space_is_searched_with_both_ends_and_by_ratio_where_it_says_so(choice, distribution):
    assert _distribution(choice) == distribution
