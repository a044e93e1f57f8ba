from itertools import product

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from fairray.records import DETAILS
from fairray.rules import Selection
from fairray.selection import best_trials
from fairray.statistics.correlation import correlation
from fairray.statistics.dominance import lead
from fairray.statistics.intervals import Interval, mean_interval, share_interval
from fairray.statistics.pareto import hypervolume, pareto_front
from fairray.training.selection import RULES, best_epoch, ended, z


def test_the_interval_is_scipys():
    sample = np.random.default_rng(0).normal(3, 2, size=7)
    ours = mean_interval(sample)
    expected = stats.ttest_1samp(sample, 0).confidence_interval(0.95)
    assert (ours.low, ours.high, ours.n) == (pytest.approx(expected.low), pytest.approx(expected.high), 7)
    assert ours.half == pytest.approx((expected.high - expected.low) / 2)


def test_the_interval_covers_as_often_as_it_says():
    samples = np.random.default_rng(1).normal(size=(2000, 5))
    covered = np.mean([(i := mean_interval(sample)).low <= 0 <= i.high for sample in samples])
    assert covered == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize(("ones", "n"), [(0, 10), (3, 10), (97, 100), (100, 100)])
def test_the_interval_of_a_share_is_scipys(ones, n):
    expected = stats.binomtest(ones, n).proportion_ci(0.95, method="wilson")
    ours = share_interval([1] * ones + [0] * (n - ones))
    assert ours.mean == ones / n
    assert (ours.low, ours.high, ours.n) == (pytest.approx(expected.low), pytest.approx(expected.high), n)


def test_an_interval_is_clear_of_zero_on_either_side_of_it():
    ends = [(0.1, 0.3), (-0.3, -0.1), (-0.1, 0.3), (-0.3, 0.1), (0.0, 0.3), (-0.3, 0.0)]
    clear = [Interval((low + high) / 2, low, high, 5).clear_of_zero for low, high in ends]
    assert clear == [True, True, False, False, False, False]


def test_one_value_has_no_interval():
    interval = mean_interval([2.0])
    assert interval.mean == 2.0
    assert np.isnan(interval.low)
    assert not interval.clear_of_zero


def test_an_interval_stays_inside_the_bounds_of_what_is_measured():
    """That of the logit, of the logarithm, or Student's own; far from the bounds all are alike."""
    sample = np.array([0.02, 0.05, 0.20])
    plain, between, above = (mean_interval(sample, bounds=b) for b in ((-np.inf, np.inf), (0.0, 1.0), (0.0, np.inf)))
    assert plain.low < 0 < between.low < above.low < 0.09 < plain.high < between.high < 1 < above.high
    logit, half = np.log(0.09 / 0.91), plain.half / (0.09 * 0.91)
    assert between[1:3] == pytest.approx([1 / (1 + np.exp(-(logit + end))) for end in (-half, half)])
    assert above[1:3] == pytest.approx([0.09 * np.exp(end / 0.09) for end in (-plain.half, plain.half)])
    near = [mean_interval(0.5 + sample / 1000, bounds=bounds) for bounds in ((-np.inf, np.inf), (0, 1))]
    assert near[0][1:3] == pytest.approx(near[1][1:3], abs=1e-6)
    assert mean_interval([0.0, 1.0], bounds=(0, 1))[1:3] == pytest.approx(
        [0, 1], abs=1e-9
    )  # two seeds: everything is possible
    assert mean_interval([-0.1, 0.1], bounds=(0, 1)) == mean_interval([-0.1, 0.1])
    assert Interval(0.5, -3, 4, 2).cut(-1, 1)[1:3] == (-1, 1)


def test_values_that_differ_by_rounding_alone_have_no_interval():
    assert 0.04 - 0.05 != 0.06 - 0.07
    assert np.isnan(mean_interval([0.04 - 0.05, 0.06 - 0.07]).low)
    assert np.isnan(mean_interval([0.0, 0.0]).high)
    assert not np.isnan(mean_interval([0.0, 1e-12]).low)


def test_the_correlation_has_fishers_interval():
    x = np.random.default_rng(2).normal(size=30)
    y = x + np.random.default_rng(3).normal(size=30)
    found = correlation(x, y)
    r = np.corrcoef(x, y)[0, 1]
    half = 1.959964 / np.sqrt(30 - 3)
    assert (found.r, found.n) == (pytest.approx(r), 30)
    assert (found.low, found.high) == pytest.approx((np.tanh(np.arctanh(r) - half), np.tanh(np.arctanh(r) + half)))


def test_the_rank_correlation_sees_order_alone():
    found = correlation([1, 2, 3, 4, 5], [1, 10, 100, 1000, 10000])
    assert found.rank == pytest.approx(1)
    assert found.r < 0.9


@pytest.mark.parametrize(("x", "y"), [([1, 2, 3], [1, 2, 3]), ([1, 1, 1, 1], [1, 2, 3, 4])])
def test_too_few_points_or_constant_ones_have_no_correlation(x, y):
    assert np.isnan(correlation(x, y)[:4]).all()


def test_rules_for_epochs():
    """Two replicas, four epochs; expected epochs by hand."""
    curves = {
        "eacc": torch.tensor([[0.5, 0.5], [0.7, 0.9], [0.8, 0.7], [0.75, 0.6]]),
        "odds": torch.tensor([[0.0, 0.0], [0.1, 0.5], [0.3, 0.1], [0.1, 0.3]]),
        "accuracy": torch.tensor([[0.5, 0.6], [0.6, 0.6], [0.7, 0.7], [0.9, 0.6]]),
        "auc": torch.tensor([[0.9, 0.6], [0.6, 0.6], [0.7, 0.7], [0.8, 0.8]]),
    }
    expected = {"eacc": [2, 1], "accuracy": [3, 2], "auc": [0, 3], "last": [3, 3], "tradeoff": [3, 2]}
    assert {rule: best_epoch(rule, curves).tolist() for rule in expected} == expected
    scores = {k: (v - v.mean(0)) / v.std(0, correction=0) for k, v in curves.items()}
    assert best_epoch("z", curves).tolist() == (scores["eacc"] - scores["odds"]).argmax(0).tolist()
    assert set(RULES) == {*expected, "z"}


@pytest.mark.parametrize("spread", [0.01, 1.0, 100.0])
def test_z_does_not_depend_on_the_spread_of_a_curve(spread):
    """By hand: z(EAcc) - z(Odds) is -0.22, -0.48, -0.38, 1.08."""
    eacc, odds = torch.tensor([[0.5], [0.6], [0.9], [0.8]]), torch.tensor([[0.0], [0.3], [0.9], [0.2]])
    for curves in ({"eacc": eacc, "odds": spread * odds}, {"eacc": spread * eacc, "odds": odds}):
        assert best_epoch("z", curves).tolist() == [3]
        expected = torch.tensor([[-0.22], [-0.48], [-0.38], [1.08]])
        torch.testing.assert_close(z(curves), expected, rtol=0, atol=0.01)


def test_rules_for_epochs_of_a_regression():
    """The least mean of the groups' errors, the least error, the least error plus difference."""
    curves = {
        "mse": torch.tensor([[3.0], [1.0], [2.0]]),
        "balanced_mse": torch.tensor([[3.0], [2.0], [1.5]]),
        "mse_difference": torch.tensor([[0.0], [0.5], [2.0]]),
    }
    chosen = {rule: best_epoch(rule, curves).item() for rule in ("eacc", "accuracy", "tradeoff", "last")}
    assert chosen == {"eacc": 2, "accuracy": 1, "tradeoff": 1, "last": 2}


def records(split, values):
    common = {"task": "t", "arm": "a", "split": split, **dict.fromkeys(DETAILS)}
    rows = [
        {**common, "trial": trial, "seed": seed, "metric": metric, "value": value}
        for trial, metrics in values.items()
        for metric, seeds in metrics.items()
        for seed, value in enumerate(seeds)
    ]
    return pd.DataFrame(rows)


def test_points_are_chosen_on_validation_data_alone():
    val = {"p": {"odds": [0.1, 0.3], "eacc": [0.8, 0.8]}, "q": {"odds": [0.1, 0.1], "eacc": [0.75, 0.75]}}
    test = {"p": {"odds": [0.0, 0.0], "eacc": [1.0, 1.0]}, "q": {"odds": [1.0, 1.0], "eacc": [0.0, 0.0]}}
    table = pd.concat([records("test", test), records("val", val)])
    assert best_trials(table, ["odds", "eacc"]) == {("t", "a"): "q"}
    assert best_trials(table, ["eacc"]) == {("t", "a"): "p"}


def test_the_chosen_point_is_best_in_the_way_that_its_measure_says():
    for metric, best in (("eacc", "q"), ("odds", "r")):
        val = records("val", {name: {metric: [value, value]} for name, value in (("p", 0.2), ("q", 0.9), ("r", 0.1))})
        assert best_trials(val, [metric]) == {("t", "a"): best}


def test_the_first_of_equal_points_is_chosen():
    val = records("val", {name: {"eacc": [value, value]} for name, value in (("r", 0.1), ("q", 0.9), ("p", 0.9))})
    assert best_trials(val, ["eacc"]) == {("t", "a"): "q"}


POINTS = {"rich": (0.90, 0.16), "fair": (0.86, 0.13), "even": (0.80, 0.08), "poor": (0.60, 0.04)}


@pytest.mark.parametrize(
    ("rule", "best"),
    [
        ({}, "rich"),  # EAcc - Odds is .74, .73, .72, .56
        ({"rule": "constraint", "within": 5.0}, "fair"),
        ({"rule": "constraint", "within": 3.0}, "rich"),
        ({"rule": "utopia"}, "even"),  # in the square (1, 0), (.87, .25), (.67, .67), (0, 1)
        ({"rule": "hypervolume"}, "even"),
        ({"rule": "z"}, "even"),  # .13, .35, .60, -1.07 by population deviations of .11489, .04603
        ({"oracle": True}, "poor"),
    ],
)
def test_each_rule_chooses_its_point(rule, best):
    tables = [records("val", {name: {"eacc": [eacc] * 2, "odds": [odds] * 2} for name, (eacc, odds) in POINTS.items()})]
    tables += [records("test", {"rich": {"odds": [1, 1], "eacc": [0, 0]}, "poor": {"odds": [0, 0], "eacc": [1, 1]}})]
    assert best_trials(pd.concat(tables), ["eacc", "odds"], Selection(**rule)) == {("t", "a"): best}


def test_a_point_without_a_number_is_chosen_only_where_all_are():
    lacking = {"p": {"odds": [np.nan, np.nan]}, "q": {"odds": [0.9, 0.9]}}
    assert best_trials(records("val", lacking), ["odds"]) == {("t", "a"): "q"}
    assert best_trials(records("val", {"p": lacking["p"]}), ["odds"]) == {("t", "a"): "p"}


def test_the_hypervolume_is_the_area_that_points_beat():
    assert hypervolume(np.array([[0.5, 1.0], [1.0, 0.25], [0.5, 0.5]])) == pytest.approx(0.5 + 0.125)
    points = np.random.default_rng(4).random((20, 2))
    drawn = np.random.default_rng(5).random((40_000, 2))
    beaten = (points[:, None] >= drawn).all(-1).any(0).mean()
    assert hypervolume(points) == pytest.approx(beaten, abs=0.01)


def test_patience_ends_what_no_longer_gets_better():
    """Two replicas of one pack: what the first trains on for the second's sake changes nothing of it."""
    accuracy = torch.tensor([[0.5, 0.1], [0.7, 0.2], [0.7, 0.3], [0.6, 0.4], [0.9, 0.5]])
    curves = {"accuracy": accuracy}
    assert best_epoch("accuracy", curves).tolist() == [4, 4]
    assert best_epoch("accuracy", curves, patience=2).tolist() == [1, 4]
    assert best_epoch("accuracy", curves, patience=3).tolist() == [4, 4]
    assert [ended("accuracy", {"accuracy": accuracy[:n]}, 2) for n in (3, 4, 5)] == [False, False, False]
    assert [ended("accuracy", {"accuracy": accuracy[:n, :1]}, 2) for n in (3, 4, 5)] == [False, True, True]
    assert not ended("accuracy", curves, 0)


def test_the_front_of_points_that_none_beats():
    points = np.array([[1.0, 5.0], [2.0, 4.0], [2.0, 3.0], [3.0, 1.0], [0.5, 5.0], [3.0, 1.0]])
    assert pareto_front(points).tolist() == [True, True, False, True, False, True]
    random = np.random.default_rng(0).random((50, 3))
    beaten = [any((q >= p).all() and (q > p).any() for q in random) for p in random]
    assert pareto_front(random).tolist() == [not b for b in beaten]


def test_a_lead_is_smirnov_s_and_its_p_counts_every_exchange():
    """Ties and all: D+ is scipy's, of either sample; p is the share of the 2^8 exchanges that lead as far."""
    rng = np.random.default_rng(3)
    for _ in range(20):
        a, b = rng.integers(0, 6, 8).astype(float), rng.integers(1, 7, 8).astype(float)
        expected = [stats.ks_2samp(*of, alternative="greater").statistic for of in ((a, b), (b, a))]
        assert [lead(a, b).most, lead(b, a).most] == pytest.approx(expected)
        exchanged = [
            stats.ks_2samp(np.where(mask, b, a), np.where(mask, a, b), alternative="greater").statistic
            for mask in product([False, True], repeat=8)
        ]
        assert lead(a, b).p == pytest.approx(np.mean(np.array(exchanged) >= expected[0] - 1e-9))


def test_a_lead_of_many_pairs_is_seldom_found_where_there_is_none():
    rng = np.random.default_rng(0)
    common = rng.normal(size=(40, 30))
    p = [lead(each + rng.normal(size=30), each + rng.normal(size=30)).p for each in common]
    assert 0 < np.mean(np.array(p) <= 0.1) < 0.25
    a, b = common[0], common[0] + 0.5 + 0.1 * rng.normal(size=30)
    assert lead(a, b).p < 0.01 < stats.ks_2samp(a, b, alternative="greater").pvalue  # which takes them for no pairs
