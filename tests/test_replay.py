"""How many trials a search would have taken on a grid that is stored, and what is said of it."""

import math
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from fabricate import results_of

from fairray import config
from fairray.errors import BadInput
from fairray.evaluation import metrics
from fairray.landscape import Landscape, _find_alike, find_landscapes
from fairray.launch import replay
from fairray.launch.replay import _list_tried, _number
from fairray.launch.samplers import Sampling
from fairray.measures import find
from fairray.records import join
from fairray.report.replays import Replays
from fairray.space import Grid, points
from fairray.statistics.comparison import against, holm, tell_apart
from fairray.study import Search

metrics()  # declares them
EACC = [find("eacc")]
SPACE = {"method.a": Grid(grid=(0.5, 0.1, 0.3)), "method.word": Grid(grid=("x", "y"))}


def make(space, score, alike=()):
    """A grid that scores as a function of its point says."""
    scores = [score(point) for point in points(space)]
    chosen = scores.index(max(scores))
    means = [{"eacc": value} for value in scores]
    return Landscape("t", "m", space, points(space), means, [0] * len(means), chosen, frozenset({chosen, *alike}))


def rows_of(uid, eacc, odds, seed):
    """A seed's records of a point; on test data it is as bad as it is good on validation data."""
    values = {"val": (eacc, odds), "test": (odds, eacc)}
    rows = [(split, *one) for split, pair in values.items() for one in zip(("eacc", "odds"), pair, strict=True)]
    place = {"task": "t", "arm": "m", "trial": uid, "uid": uid, "seed": seed}
    return join([pd.DataFrame(rows, columns=["split", "metric", "value"])]).assign(**place)


@pytest.mark.parametrize("left_out", [0, 1])
def test_a_grid_that_is_whole_is_told_by_validation_data_in_its_own_order(left_out):
    """Its trials were stored in another one."""
    both = [find("eacc"), find("odds")]
    space = {"method.a": Grid(grid=(3, 1, 2))}
    arm = SimpleNamespace(task="t", name="m", space=space, at=lambda point: trials[point["method.a"] - 1])
    made = partial(SimpleNamespace, task="t", arm="m", seeds=(0, 1))
    trials = [made(uid=f"u{a}", key=("t", "m", f"u{a}"), point={"method.a": a}) for a in (1, 2, 3)]
    seeds = [rows_of(f"u{a}", a / 10 + seed / 100, 0.2, seed) for a in (1, 2, 3)[left_out:] for seed in (0, 1)]
    records = pd.concat(seeds, ignore_index=True)
    results = results_of(objectives=("eacc", "odds"), arms=lambda: [arm], objectives_of=lambda task: both)
    found = [*find_landscapes(replace(results, records=records, trials=trials[left_out:]))]
    if left_out:
        assert not found
        return
    (grid,) = found
    assert [point["method.a"] for point in grid.points] == [3, 1, 2]
    assert [means["eacc"] for means in grid.means] == pytest.approx([0.305, 0.105, 0.205])
    assert [means["odds"] for means in grid.means] == pytest.approx([0.2] * 3)
    assert (grid.chosen, grid.alike) == (0, {0, 1, 2})  # differences without spread tell nothing


def test_searches_that_cannot_be_played_are_refused_before_anything_runs():
    given = ["tasks.Adult=toy", "methods=[bade]", "launch=local", "replays={grown: cmaes}"]
    with pytest.raises(BadInput, match=r"\(replays\.grown\.name\): CMA-ES has one objective"):
        replay.check(config.load("bade_tar_grid", "smoke", given))
    with pytest.raises(BadInput, match=r"\(replays\.again\): it is a grid"):
        config.load("bade_tar_grid", "smoke", ["replays={again: grid}"])


class InOrder:
    """Asks for the places of the numbers in their order, the last one twice, and keeps what it is told."""

    def __init__(self, batches):
        self.batches, self.told = batches, []

    def ask(self):
        return [{"method.a": a, "method.word": word} for a, word in self.batches.pop(0)] if self.batches else []

    def tell(self, scores):
        self.told += [score.means["eacc"] for score in scores]


def test_what_is_asked_for_by_its_place_scores_as_the_grid_did():
    """The places of a are those of .1, .3, .5; the grid has them as .5, .1, .3."""
    grid = make(SPACE, lambda point: point["method.a"] + (point["method.word"] == "y") / 100)
    asking = InOrder([[(0, 0), (1, 1)], [(0, 0), (2, 1)], [(2, 0)]])
    tried = [grid.points[place] for place in _list_tried(grid, asking)]
    assert [(point["method.a"], point["method.word"]) for point in tried] == [(0.1, "x"), (0.3, "y"), (0.5, "y")]
    assert asking.told == pytest.approx([0.1, 0.31, 0.1, 0.51])  # not asked again: the choice is met
    assert [*_number(SPACE)["method.word"].ends] == [0, 1]


def test_a_search_that_learns_takes_fewer_trials_than_a_random_order():
    """On one hill of 121 points, where the expectation is 61."""
    ends = tuple(i / 10 for i in range(11))
    space = {"x": Grid(grid=ends), "y": Grid(grid=ends)}
    grid = make(space, lambda point: -((point["x"] - 0.3) ** 2) - (point["y"] - 0.7) ** 2)
    took = []
    for seed in range(8):
        tried = _list_tried(grid, Sampling("", _number(space), Search(name="tpe", points=121, seed=seed), EACC))
        took.append(tried.index(grid.chosen) + 1 if grid.chosen in tried else 121)
    assert np.mean(took) < 45


def test_points_are_told_apart_as_single_tests_adjusted_for_all_would():
    draw = np.random.default_rng(0)
    values = draw.normal(size=(2, 5, 6)) / 5
    values += np.array([[0, 0, 1, 0, 0], [0, 0, 0, 0, 2]])[:, :, None]
    p = holm([against(measure[point] - measure[0], 0).p for measure in values for point in range(1, 5)])
    apart = tell_apart(values, 0)
    assert apart.tolist() == [False, *(p.reshape(2, 4) <= 0.05).any(0)]
    assert apart.sum() == 2
    assert not tell_apart(values[:, :, :1], 0).any()
    sound = np.array([True, True, True, False, True])
    assert _find_alike(values, sound, 0) == {0, 1}


def test_the_section_counts_the_whole_grid_where_a_search_has_not_met_the_choice(monkeypatch):
    grid = make(SPACE, lambda point: point["method.a"], alike=(0, 1, 2))
    rows = [("t", "m", "tpe", seed, chosen, 1.0) for seed, chosen in enumerate([1.0, 2.0, math.nan])]
    told = pd.DataFrame(rows, columns=["task", "arm", "search", "seed", "chosen", "alike"])
    monkeypatch.setattr("fairray.report.replays.find_landscapes", lambda results: [grid])
    frame, _ = Replays()(SimpleNamespace(replays=told))
    choice, alike = frame.numbers.to_dict("records")
    assert (choice["wanted"], choice["mean"], choice["met"], choice["random"]) == (1, 3.0, 2, 3.5)
    assert choice["fewer mean"] == pytest.approx(100 / 7)
    assert (alike["wanted"], alike["mean"], alike["met"], alike["random"]) == (3, 1.0, 3, 7 / 4)
    assert frame.cells["looks for"].tolist() == ["the grid's choice", "one of 3 not told apart"]
    assert "<td>2 of 3</td><td>3.5</td>" in frame.html
    (nothing,) = Replays()(SimpleNamespace(replays=told.iloc[:0]))
    assert "no search to play again" in str(nothing)


def test_thirty_seeds_of_each_search_are_played(monkeypatch):
    grid = make(SPACE, lambda point: point["method.a"])
    monkeypatch.setattr(replay, "find_landscapes", lambda results: [grid])
    searches = {"tpe": Search(name="tpe", batch=2), "later": Search(name="random", seed=7)}
    study = SimpleNamespace(replays=searches, objectives_of=lambda task: EACC)
    table = replay.replay(SimpleNamespace(study=study))
    assert table.groupby("search")["seed"].agg(["min", "max", "nunique"]).loc["later"].tolist() == [7, 36, 30]
    assert table["chosen"].between(1, 6).sum() + table["chosen"].isna().sum() == 60
    assert table["chosen"].nunique() > 2
