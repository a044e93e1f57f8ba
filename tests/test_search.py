import re
import sys
from dataclasses import dataclass, replace
from types import SimpleNamespace

import optuna
import pandas as pd
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from fairray import config
from fairray.errors import BadInput
from fairray.evaluation import metrics
from fairray.launch import search
from fairray.launch.planning import _list_batches
from fairray.launch.samplers import SAMPLERS, Sampling, Score, _distribution
from fairray.launch.search import OptunaSearch, _asker, keep
from fairray.measures import find
from fairray.records import join
from fairray.space import Grid, Range
from fairray.study import Search


@dataclass(frozen=True)
class Point:
    """Stands for a trial: its EAcc is x and its Odds 1 - x on validation data, and the reverse on test data."""

    x: float

    @property
    def uid(self):
        return str(self.x)

    def stored(self, store):
        return True

    def records(self):
        values = {"val": (self.x, 1 - self.x), "test": (1 - self.x, self.x)}
        rows = [(split, metric, v) for split, pair in values.items() for metric, v in zip(("eacc", "odds"), pair)]
        place = {"task": "t", "arm": "a", "trial": self.uid, "uid": self.uid, "seed": 0, "stage": "evaluation"}
        return join([pd.DataFrame(rows, columns=["split", "metric", "value"])]).assign(**place)


class Told(dict):
    """Stands for a trial, by its point."""

    @property
    def uid(self):
        return str(self)

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
        return [point.x for point in points], asker.sampling.study

    return make


metrics()  # declares them
EACC, ODDS = [find("eacc")], [find("odds")]
OURS = [name for name in SAMPLERS if name != "hub"]
ALL_KINDS = [name for name in OURS if name != "cmaes"]  # of spaces, and several objectives


@pytest.mark.parametrize(
    ("name", "objectives"),
    [*((name, of) for name in ALL_KINDS for of in (EACC, ODDS, EACC + ODDS, ODDS + EACC)), ("cmaes", EACC)],
)
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


@pytest.mark.parametrize("name", ["tpe", "nsga2", "cmaes"])
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


@pytest.mark.parametrize("name", OURS)
def test_a_sampler_asks_for_the_same_again_and_what_it_was_told_is_kept(monkeypatch, tmp_path, name):
    """Numbers, whole ones and words; three batches. Optuna reads the journal as it is."""
    monkeypatch.setattr(search, "results", lambda trial, store: Point(trial["x"]).records().assign(trial=trial.uid))
    space = {"x": Range(low=0.0, high=1.0), "k": Range(low=1, high=8), "word": Grid(grid=("a", "b"))}
    objectives = EACC + ODDS
    if name == "cmaes":
        del space["word"]
        objectives = EACC
    asked = []
    for _ in range(2):
        arm = SimpleNamespace(task="t", name="a b", space=space, at=Told)
        asker = OptunaSearch(arm, Search(name=name, points=5, batch=2), objectives)
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
    told = [[point["x"], 1 - point["x"]][: len(objectives)] for point in asked[0]]
    assert [trial.values for trial in kept] == [pytest.approx(values) for values in told]
    assert not keep([], tmp_path / "none")


def test_a_point_that_fails_for_ever_hides_no_later_round():
    """Three rounds of two are stored but for one point of the first; a fourth has not begun."""
    there = {(0, 0), (1, 0), (1, 1), (2, 0), (2, 1)}
    rounds = [
        [SimpleNamespace(uid=f"{i} {j}", reached=lambda store, at=(i, j): at in there) for j in (0, 1)]
        for i in range(5)
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


def test_a_search_that_grows_goes_on_where_it_ended():
    """Forty points begin with the twenty that were asked for before, so that twenty are computed; so do 23, whose last
    batch was not whole."""

    def ask(points):
        sampling, asked = Sampling("t a", {"x": Range(low=0.0, high=1.0)}, Search(name="tpe", points=points), EACC), []
        while batch := sampling.ask():
            asked += [point["x"] for point in batch]
            sampling.tell([Score({"eacc": point["x"]}) for point in batch])
        return asked

    whole = ask(40)
    assert len({*whole}) == 40
    assert (ask(20), ask(23)[:20], ask(23)[20:]) == (whole[:20], whole[:20], whole[20:23])


def test_cma_es_climbs_by_its_generations():
    """On a slope its last generation lies above the first that it draws itself, and each is a batch."""
    space = {"x": Range(low=0.0, high=1.0), "y": Range(low=0.0, high=1.0)}
    sampling, batches = Sampling("t a", space, Search(name="cmaes", points=48, batch=6), EACC), []
    while batch := sampling.ask():
        batches.append([point["x"] + point["y"] for point in batch])
        sampling.tell([Score({"eacc": score}) for score in batches[-1]])
    assert min(batches[-1]) > sum(batches[1]) / 6
    generations = [trial.system_attrs.get("cma:generation") for trial in sampling.study.trials]
    assert generations == [None] * 6 + [generation for generation in range(7) for _ in range(6)]


@pytest.mark.parametrize(
    ("choice", "objectives", "problem"),
    [
        (Range(low=0.0, high=1.0), EACC + ODDS, "CMA-ES has one objective, and there are eacc, odds"),
        (Grid(grid=(0, 1)), ODDS, "method.x is a grid"),
    ],
)
@pytest.mark.parametrize(("searches", "where"), [({}, "search.name"), ({"a": Search()}, "searches.a.name")])
def test_what_cma_es_cannot_search_is_refused_where_it_is_asked_for(choice, objectives, problem, searches, where):
    arm = SimpleNamespace(task="t", name="a", space={"method.x": choice})
    study = SimpleNamespace(searches=searches, where="a.yaml ({})".format, objectives_of=lambda task: objectives)
    with pytest.raises(BadInput) as refused:
        _asker(arm, Search(name="cmaes"), study)
    assert problem in refused.value.problem
    assert refused.value.where == f"a.yaml ({where})"


HUB = """
from optuna.samplers import RandomSampler

class Mine(RandomSampler):
    def __init__(self, *, SEED=None):
        super().__init__(seed=SEED)
"""


@pytest.fixture
def registry(tmp_path):
    """A folder as OptunaHub's registry has it, with a package whose sampler is Optuna's random one."""

    def make(text):
        (tmp_path / "samplers/mine").mkdir(parents=True)
        (tmp_path / "samplers/mine/__init__.py").write_text(text)
        return Search(name="hub", package="samplers/mine", registry=str(tmp_path), seed=3)

    return make


def test_a_sampler_of_optunahub_s_asks_as_it_is_begun(registry):
    space = {"x": Range(low=0.0, high=1.0)}
    theirs = Sampling("t a", space, registry(HUB.replace("SEED", "seed") + "__all__ = ['Mine']"), EACC)
    assert theirs.ask() == Sampling("t a", space, Search(name="random", seed=3), EACC).ask()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (HUB + "__all__ = ['Mine']", "Mine takes no seed"),
        (HUB + "__all__ = ['Mine', 'RandomSampler']", "has Mine, RandomSampler, and one sampler was expected"),
        (HUB, "has no sampler, and one sampler was expected"),
        ("import lacking", "No module named 'lacking'"),
    ],
)
def test_a_package_that_is_no_sampler_is_refused(registry, text, problem):
    with pytest.raises(BadInput, match=re.escape(problem)):
        Sampling("t a", {}, registry(text), EACC)


def test_a_hub_that_is_not_there_is_one_error(monkeypatch, tmp_path):
    search = Search(name="hub", package="samplers/mine")

    def refuse(package):
        raise OSError("no route to host")

    monkeypatch.setattr("optunahub.load_module", refuse)
    with pytest.raises(BadInput, match="cannot be loaded from OptunaHub: OSError: no route to host"):
        Sampling("t a", {}, search, EACC)
    with pytest.raises(BadInput, match=re.escape(f"cannot be loaded from {tmp_path}: FileNotFoundError")):
        Sampling("t a", {}, replace(search, registry=str(tmp_path)), EACC)
    monkeypatch.setitem(sys.modules, "optunahub", None)
    with pytest.raises(BadInput, match=r"pip install 'fairray\[hub\]'"):
        Sampling("t a", {}, search, EACC)


@pytest.mark.parametrize("given", ["{name: hub}", "{name: tpe, package: samplers/mine}"])
def test_a_package_and_a_search_of_optunahub_s_belong_together(given):
    with pytest.raises(BadInput, match=r"\(search.package\): the search is (hub|tpe), and package is"):
        config.load("bade_benchmarks", "smoke", [f"search={given}"])
