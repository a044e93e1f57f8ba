"""What the verdict rests on: tests beside those of statsmodels and of print, and simulations of what they promise."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from blocks import figures_of, table_of, text_of
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import ttost_paired
from test_report import ran, results_of

from fairray import report
from fairray.judgement import find_margin, judge
from fairray.statistics import comparison
from fairray.statistics.comparison import compare_pairs, equivalence, holm
from fairray.statistics.power import MOST, detectable, difference_power, equivalence_power, needed_seeds
from fairray.statistics.ranking import interquartile_mean, profile, rank, resample


def test_equivalence_and_holm_are_statsmodels_and_signed_ranks_scipys():
    a, b = np.random.default_rng(0).normal(size=(2, 12))
    assert equivalence(a - b, 1.5) == pytest.approx(ttost_paired(a, b, -1.5, 1.5)[0])
    assert compare_pairs(a, b).signed_ranks.p == pytest.approx(stats.wilcoxon(a, b).pvalue)
    p = np.random.default_rng(1).beta(0.3, 1, 19)
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])


@pytest.mark.parametrize(("n", "shift", "level"), [(3, 1.0, 0.05), (5, -0.5, 0.01), (40, 0.4, 0.05 / 14)])
def test_power_is_that_of_statsmodels_and_seeds_are_the_least_that_have_it(n, shift, level):
    assert difference_power(n, 2.0, 2 * shift, level) == pytest.approx(TTestPower().power(shift, n, level))
    needed = needed_seeds(2.0, 2 * abs(shift), level)
    weaker = [min(f(k, 2.0, 2 * shift, level) for f in (difference_power,)) for k in (needed - 1, needed)]
    both = [
        min(weaker[i], equivalence_power(k, 2.0, 2 * abs(shift), level)) for i, k in enumerate((needed - 1, needed))
    ]
    assert both[0] < 0.8 <= both[1]
    assert difference_power(n, 2.0, detectable(n, 2.0, level), level) == pytest.approx(0.8)
    assert needed_seeds(1.0, 1e-6) == MOST


def test_ranks_are_tested_as_friedman_and_nemenyi_did():
    """Demšar (2006), 3.2.2: four methods on 14 data sets are told apart from 2.569 * sqrt(4 * 5 / (6 * 14)) on."""
    scores = np.random.default_rng(2).normal([0, 1, 2, 0.1], 1, (14, 4))
    found = rank(scores)
    assert found.ranks.tolist() == stats.rankdata(-scores, axis=1).mean(0).tolist()
    assert found.critical == pytest.approx(2.569 * np.sqrt(20 / 84), abs=5e-4)
    assert found.p == stats.friedmanchisquare(*scores.T).pvalue
    apart = np.abs(found.ranks[:, None] - found.ranks)
    assert ((found.all_pairs <= 0.05) == (apart >= found.critical)).all()
    assert found.normal[0, 2] == pytest.approx(2 * stats.norm.sf(apart[0, 2] / np.sqrt(20 / 84)))


def test_the_middle_half_and_the_profile_are_of_all_runs_and_seeds_are_drawn_task_by_task():
    """rliable's definitions: scipy's trimmed mean, the share of runs above, strata that keep their sizes."""
    scores = np.array([[1.0, 2, 3, 4], [10, 20, 30, 40]])
    assert interquartile_mean(scores) == (3 + 4 + 10 + 20) / 4
    assert profile(scores, np.array([0, 4, 39])).tolist() == [1, 0.5, 0.125]
    assert resample(np.array([[1.0, 1], [5, 5]]), np.mean).tolist() == [3, 3]
    low, high = resample(np.random.default_rng(0).normal(size=(1, 400)), np.mean)
    assert high - low == pytest.approx(2 * 1.96 / 20, rel=0.1)


def test_a_margin_is_the_study_s_as_printed_else_a_point_else_a_share():
    assert find_margin({"odds": 2.5}, "odds", 0.3) == 0.025
    assert find_margin({}, "odds", 0.3) == 0.01
    assert find_margin({}, "mse", 0.3) == pytest.approx(0.015)


def test_methods_are_ranked_over_the_tasks_that_all_have():
    runs = [
        ran(task, arm, odds=[0.1 * place + 0.01 * i, 0.1 * place - 0.01 * i])
        for i, task in enumerate("uvw", 1) for place, arm in enumerate(("a", "b", "c"), 1)
    ]  # fmt: skip
    blocks = list(report.AcrossTasks(("odds",))(results_of(*runs, ran("u", "d", odds=[0.0, 0.0]), baseline="b")))
    head, rows = table_of(blocks)
    assert head[-1] == "p against b (Holm)"
    assert [row[:2] for row in rows] == [["a", "1.00"], ["b", "2.00"], ["c", "3.00"]]
    assert "Odds on 3 tasks" in text_of(blocks)
    (figure,) = figures_of(blocks)
    assert [line.get_label() for line in figure.axes[0].get_lines()] == ["a", "b", "c"]
    assert "Ranks need 3 methods or more" in text_of(report.AcrossTasks(("odds",))(results_of(*runs[:3])))


@pytest.fixture
def judged(monkeypatch):
    """How often words are said of arms with these true differences from the baseline: a row for each study.

    The tests that carry no word are left out, as they take most of the time.
    """
    for name in ("_flips", "_signed_ranks"):
        monkeypatch.setattr(comparison, name, lambda *_: None)

    def judge_many(differences, n, studies, margin=1.0, spread=0.01):
        draw, words = np.random.default_rng(n), []
        for _ in range(studies):
            base = draw.normal(0.5, spread, n)
            arms = {"base": base} | {f"m{i}": base + draw.normal(d, spread, n) for i, d in enumerate(differences)}
            results = SimpleNamespace(
                study=SimpleNamespace(baseline="base", margins={"odds": margin}),
                chosen=dict.fromkeys(("t", arm) for arm in arms),
                has=lambda *_: True,
                values=lambda task, arm, metric, arms=arms: pd.Series(arms[arm]),
            )
            words.append([one.word for one in judge(results, ["odds"])])
        return np.array(words)

    return judge_many


@pytest.mark.slow
@pytest.mark.parametrize("n", [3, 10])
def test_of_19_comparisons_one_is_wrong_in_five_percent_of_studies_at_most(judged, n):
    """Where no method differs; and where all differ by the margin, of which none is equivalent."""
    assert np.isin(judged([0] * 19, n, 1000), ["better", "worse"]).any(1).mean() <= 0.055
    assert (judged([0.01] * 19, n, 1000, spread=0.004) == "equivalent").any(1).mean() <= 0.055


@pytest.mark.slow
@pytest.mark.parametrize("sign", [-1, 1])
def test_one_comparison_is_called_equivalent_falsely_in_five_percent(judged, sign):
    for n in (3, 8):
        assert (judged([sign * 0.01], n, 4000, spread=0.003) == "equivalent").mean() <= 0.055


@pytest.mark.slow
def test_the_needed_seeds_decide_in_four_of_five_studies(judged):
    """Of one comparison and of the first of five: within 10 % of the seeds is within .05 of the power."""
    for spread in (0.01, 0.02):
        n = needed_seeds(spread, 0.01)
        assert (judged([0.01], n, 2000, spread=spread) == "worse").mean() == pytest.approx(0.8, abs=0.05)
        assert (judged([0.0], n, 2000, spread=spread) == "equivalent").mean() >= 0.78
