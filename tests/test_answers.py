"""The first sentence of a page says no more than its intervals carry, and what it would take to say the rest."""

import numpy as np
import pytest
from blocks import answer_of
from fabricate import results_of
from scipy import stats
from test_report import ran

from fairray import report
from fairray.report import find_answer
from fairray.report._answers import count_needed, tell_needed, write_range
from fairray.report._opening import REFUSED
from fairray.statistics.intervals import Interval, mean_interval
from fairray.statistics.power import MOST

NOISE = np.array([-1.0, 0.0, 1.0])  # of deviation 1


@pytest.mark.parametrize("share", [0.05, 0.1, 0.2])
def test_the_seeds_that_are_needed_go_with_the_square_of_the_interval(share):
    """For many seeds (z_.95 + z_.9)^2 (spread / mean)^2, to find that there is none; the interval's width is no matter
    of how many seeds it is of."""
    needed = count_needed(mean_interval(NOISE + share))
    assert needed == pytest.approx(((stats.norm.ppf(0.95) + stats.norm.ppf(0.9)) / share) ** 2, rel=0.02)
    assert count_needed(mean_interval(10 * (NOISE + share))) == needed
    assert count_needed(mean_interval(NOISE + share), 0.005) > needed


def test_what_is_needed_is_said_of_those_that_are_not_told():
    one, two = mean_interval(NOISE + 0.1), mean_interval(NOISE + 0.2)
    assert tell_needed([]) == ""
    assert f"takes {count_needed(two)} to {count_needed(one)} images (in 80% of studies" in tell_needed(
        [one, two], "image"
    )
    assert tell_needed([one, mean_interval([0.1])]) == "One seed does not tell: two are the least."
    assert tell_needed([mean_interval([0.0, 0.0])]) == ""
    assert "takes 10,000 or more seeds" in tell_needed([Interval(0.0, -1.0, 1.0, 3)])
    assert write_range([7, 7]) == "7"
    assert write_range([7, MOST]) == "7 to 10,000 or more"


def test_pairs_are_judged_against_each_other_and_named_both():
    near, far = [0.30, 0.31, 0.32], [0.10, 0.11, 0.12001]
    results = results_of(ran("t", "a", odds=far), ran("t", "b", odds=near), ran("t", "c", odds=near), baseline="c")
    found, _, takes = answer_of(report.Verdict(("odds",), (("a", "b"),)), results)
    assert (found, takes) == ("The first of each pair: Odds better: a against b.", "")


def test_what_is_undecided_says_how_many_seeds_decide():
    runs = [ran("t", "base", odds=[0.3, 0.31, 0.32]), ran("t", "m", odds=[0.31, 0.3, 0.33])]
    results = results_of(*runs, baseline="base")
    found, _, takes = answer_of(report.Verdict(("odds",)), results)
    assert found == "Against base: Odds undecided: m."
    assert takes.startswith("To decide what is undecided takes ")
    alone = results_of(*(ran("t", name, odds=[0.3]) for name in ("base", "m")), baseline="base")
    assert answer_of(report.Verdict(("odds",)), alone)[2] == "One seed does not tell: two are the least."


def test_where_a_verdict_is_refused_more_seeds_are_not_what_it_takes():
    runs = [ran("t", "base", odds=[0.3, 0.31]), ran("t", "m", odds=[0.1, 0.2], collapsed=[1.0, 1.0])]
    answer = find_answer(results_of(*runs, baseline="base"), [report.Verdict(("odds",))])
    assert answer.text == f"Against base: Odds no verdict: m. {REFUSED}"


def swept(**values):
    key = "method.ratio"
    return results_of(*(ran("t", "m", {key: float(at[1:])}, gap=of) for at, of in values.items()), objectives=("gap",))


def test_a_sweep_says_from_where_on_a_number_tells():
    """At 1 the gap is that at 0 but for noise, at 2 it is clear of it."""
    noise = NOISE / 100
    section = report.Sweep()
    found, _, takes = answer_of(section, swept(_0=[0.0, 0.0, 0.0], _1=0.001 + noise, _2=0.3 + noise, _3=0.6 + noise))
    assert found.startswith("t, m: gap first differs from that at the lowest ratio by +30.00")
    assert " at ratio = 2, and by +60.00" in found
    assert "seeds (in 80%" in takes
    found, _, takes = answer_of(section, swept(_0=[0.0, 0.0, 0.0], _1=0.001 + noise))
    assert found == "t, m: gap is at no ratio told from that at the lowest."


@pytest.mark.parametrize(("apart", "beaten"), [(0.5, 1), (0.001, 0)])
def test_a_front_beats_what_is_clearly_worse(apart, beaten):
    runs = [
        ran("t", "m", {"method.x": float(k)}, val={"odds": v, "eacc": 1 - v}, odds=v, eacc=1 - v)
        for k, v in ((0, 0.2 + NOISE / 10), (1, 0.2 + apart + NOISE[::-1] / 10))
    ]
    found, _, takes = answer_of(report.Pareto("odds", "eacc"), results_of(*runs))
    assert f"on test data these beat {beaten} of the other 1 that were tried." in found
    assert bool(takes) == (not beaten)


def test_a_point_that_is_better_in_one_metric_is_not_beaten():
    """On validation data the first is better in both; on test data each is better in one, and clearly."""
    noise = NOISE / 1000
    good, bad = {"odds": 0.1 + noise, "eacc": 0.9 + noise}, {"odds": 0.4 + noise, "eacc": 0.6 + noise}
    first = ran("t", "m", {"method.x": 0.0}, val=good, odds=0.2 + noise, eacc=0.7 + noise)
    second = ran("t", "m", {"method.x": 1.0}, val=bad, odds=0.3 + 2 * noise, eacc=0.8 + 2 * noise)
    found, _, takes = answer_of(report.Pareto("odds", "eacc"), results_of(first, second))
    assert "on test data these beat 0 of the other 1" in found
    assert takes == ""
