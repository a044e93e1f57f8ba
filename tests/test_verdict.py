"""What the verdict rests on: tests beside those of statsmodels and of print, and simulations of what they promise."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from blocks import figures_of, table_of, text_of
from fabricate import results_of
from fairlearn.metrics import MetricFrame, selection_rate
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import ttost_paired
from test_report import ran

from fairray import report
from fairray.contrast import Found, contrast, list_values
from fairray.errors import BadInput
from fairray.judgement import find_margin, judge
from fairray.resampling import widen, widen_change
from fairray.results import interval_of
from fairray.stages import Artifact
from fairray.statistics import comparison
from fairray.statistics.bootstrap import two_level
from fairray.statistics.comparison import compare_pairs, equivalence, holm
from fairray.statistics.power import MOST, detectable, difference_power, equivalence_power, needed_seeds
from fairray.statistics.ranking import interquartile_mean, profile, rank, resample
from fairray.trial import Trial, dataset


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
    assert equivalence_power(9, 1.0, 1e-9) == 0  # no sample is as near to zero


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
    apart = resample(np.array([[0.0, 1, 2, 3]] * 2), lambda one: one[0].mean() - one[1].mean())
    assert apart[0] < 0 < apart[1]  # each task has its own draw
    low, high = resample(np.random.default_rng(0).normal(size=(1, 400)), np.mean)
    assert high - low == pytest.approx(2 * 1.96 / 20, rel=0.1)


def test_ranks_are_those_of_autorank():
    """What autorank 1.3.0 gives for its README's example of six populations; its critical value is of a table."""
    draw = np.random.RandomState(42)
    scores = np.stack([draw.normal(mean, 0.3, 50).clip(0, 1) for mean in (0.2, 0.3, 0.5, 0.8, 0.85, 0.9)], axis=1)
    found = rank(scores)
    assert found.ranks == pytest.approx([5.4, 4.71, 3.95, 2.47, 2.29, 2.18])
    assert found.p == pytest.approx(2.3412212612346733e-28)
    assert found.critical == pytest.approx(1.0662484349869374, rel=1e-4)


def test_the_middle_half_and_the_profile_are_those_of_rliable():
    """What rliable 1.2.0 gives for ten runs of four tasks; its interval is of 20,000 draws, the profile's of 2,000."""
    scores = np.random.RandomState(1).gamma(2.0, 1.0, (10, 4)).T
    above = np.array([0.5, 1, 2, 4])
    assert interquartile_mean(scores) == pytest.approx(1.6404796293125714)
    assert profile(scores, above).tolist() == [0.95, 0.65, 0.4, 0.125]
    assert resample(scores, interquartile_mean, draws=5000) == pytest.approx([1.249, 2.186], abs=0.05)
    ends = [[0.875, 0.525, 0.25, 0.025], [1.0, 0.775, 0.55, 0.225]]
    np.testing.assert_allclose(resample(scores, lambda one: profile(one, above)), ends, atol=0.026)  # of 40 runs


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


DRAWN = {
    "normal": lambda draw, size: draw.normal(0.3, 0.05, size),
    "one gap": lambda draw, size: np.abs(draw.normal(0, 0.05, size)),
    "Odds": lambda draw, size: np.abs(draw.normal(0, 0.05, (2, *size))).mean(0),
    "accuracy": lambda draw, size: draw.beta(30, 2, size),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", DRAWN)
def test_intervals_cover_the_mean_as_often_as_they_say_at_any_number_of_seeds(name):
    """Of gaps whose true differences are zero, too: the mean of a folded normal."""
    draw = np.random.default_rng(0)
    mean = DRAWN[name](draw, (4_000_000,)).mean()
    for n in (3, 5, 8, 10, 20):
        found = [interval_of("odds", sample) for sample in DRAWN[name](draw, (4000, n))]
        assert np.mean([one.low <= mean <= one.high for one in found]) == pytest.approx(0.95, abs=0.015)


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
                doubtful=lambda *_: [],
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


@pytest.mark.parametrize(("spread", "level"), [(0.008, 0.05), (0.02, 0.05), (0.02, 0.01), (0.04, 0.05)])
def test_the_needed_seeds_are_those_of_simulated_studies_within_a_tenth(spread, level):
    """20,000 studies that grow by a seed at a time, with a difference of the margin and with none."""
    needed = needed_seeds(spread, 0.01, level)
    seeds = np.arange(2, 1 + 2 * needed)
    noise = np.random.default_rng(0).normal(0, spread, (20_000, len(seeds) + 1))
    sums, squares = noise.cumsum(1)[:, 1:], (noise**2).cumsum(1)[:, 1:]
    means = sums / seeds
    errors = np.sqrt((squares / seeds - means**2) / (seeds - 1))
    found = (np.abs(means + 0.01) > stats.t.ppf(1 - level / 2, seeds - 1) * errors).mean(0)
    within = (0.01 - np.abs(means) > stats.t.ppf(1 - level, seeds - 1) * errors).mean(0)
    simulated = seeds[np.argmax(np.minimum(found, within) >= 0.8)]
    assert abs(needed - simulated) <= max(1, 0.1 * simulated)


def stored_study(draws=3):
    """Two methods with three seeds on 300 examples, whose logits are stored, and the data."""
    data = dataset({"name": "toy", "size": 600})
    stored, chosen = {}, {}
    for arm, lr in (("a", 0.1), ("b", 0.2)):
        trial = Trial("t", arm, {"name": "toy", "size": 600}, "standard", "mlp", {"lr": lr}, seeds=tuple(range(draws)))
        for replica in trial.replicas:
            draw = torch.Generator().manual_seed(replica.seed + 10 * (arm == "b"))
            logits = data.test["x"][:, :2] * torch.tensor([-1.0, 0.5]) + torch.randn(300, 2, generator=draw)
            stored[replica.parents["model"].uid] = Artifact({"test/logits": logits})
        chosen["t", arm] = trial
    study = SimpleNamespace(splits=1, baseline="a")
    return SimpleNamespace(study=study, chosen=chosen, read=stored.__getitem__, drawn={}), data, stored


def test_wide_intervals_are_of_the_metric_and_hold_the_spread_of_seeds_and_examples():
    """Of one metric that is a mean over examples both parts have closed forms."""
    results, data, stored = stored_study()
    hits = np.stack(
        [(one.tensors["test/logits"].argmax(1) == data.test["y"]).numpy() for one in [*stored.values()][:3]]
    )
    wide = widen(results, "t", "a", "accuracy", draws=4000)
    assert (wide.mean, wide.n) == (pytest.approx(hits.mean()), 3)
    of_seeds, shared = hits.mean(1).var(ddof=1) / 3, np.cov(hits)[~np.eye(3, dtype=bool)].mean() / 300
    freedom = 2 * (1 + shared / of_seeds) ** 2
    half = stats.t.ppf(0.975, freedom) * np.sqrt(of_seeds + shared) / (wide.mean * (1 - wide.mean))
    assert np.log(wide.high / (1 - wide.high)) - np.log(wide.mean / (1 - wide.mean)) == pytest.approx(half, rel=0.05)
    same = widen_change(results, "t", "a", "a", "odds", draws=50)
    assert (same.mean, np.isnan(same.low)) == (0, True)
    assert widen_change(results, "t", "a", "b", "odds", draws=50).high < 1
    assert widen(results, "t", "a", "trust") is None


def test_where_all_seeds_lie_on_a_bound_other_examples_do_not():
    """Both groups are right on three of four examples in every seed: the gap is 0, and that of others is not."""
    hits = np.tile([1.0, 1, 1, 0], 20)
    group = np.repeat([0, 1], 40)

    def gap(counts):
        rates = [counts[group == g] @ hits[group == g] / counts[group == g].sum() for g in (0, 1)]
        return np.full(3, abs(rates[0] - rates[1]))

    found = two_level(gap, 80, (0, 1), draws=200)
    assert (found.mean, found.low) == (0, 0)
    assert 0.05 < found.high < 0.3


@pytest.mark.slow
def test_examples_are_drawn_as_fairlearn_draws_them():
    """Its bootstrap's quantiles of the groups' selection rates lie as far apart as our draws deviate."""
    _, data, stored = stored_study(draws=2)
    logits = [one.tensors["test/logits"] for one in [*stored.values()][:1]]
    predicted, group = logits[0].argmax(1).numpy(), data.test["group"].numpy()
    frame = MetricFrame(
        metrics=selection_rate, y_true=data.test["y"].numpy(), y_pred=predicted, sensitive_features=group,
        n_boot=500, ci_quantiles=[0.16, 0.84], random_state=0,
    )  # fmt: skip
    low, high = (np.asarray(ends) for ends in frame.by_group_ci)

    def rate(counts, g):
        return counts[group == g] @ predicted[group == g] / counts[group == g].sum()

    for g in (0, 1):
        alone = two_level(lambda counts, g=g: np.full(2, rate(counts, g)), 300, (-np.inf, np.inf), draws=2000)
        assert alone.half / 1.96 == pytest.approx((high - low)[g] / 2, rel=0.15)


@pytest.mark.slow
@pytest.mark.parametrize(("seeds", "examples", "apart"), [(5, 1000, 0.1), (3, 300, 0.05), (5, 300, 0.02)])
def test_wide_intervals_cover_the_gap_of_other_seeds_and_examples(seeds, examples, apart):
    """Two groups whose rates differ; examples are as hard for all seeds, up to what is each seed's own."""
    draw, normal = np.random.default_rng(1), stats.norm
    ends = normal.ppf([0.7, 0.85])
    true = np.abs(np.diff(normal.cdf(ends + draw.normal(0, apart, (2_000_000, 2))))).mean()
    group, covered = np.arange(examples) % 2, []
    for study in range(400):
        hard = 0.8 * draw.normal(size=examples) + 0.6 * draw.normal(size=(seeds, examples))
        hits = (hard < (ends + draw.normal(0, apart, (seeds, 2)))[:, group]).astype(float)

        def gap(counts, hits=hits):
            member = counts * (group == np.arange(2)[:, None])
            return np.abs(np.diff(hits @ member.T / member.sum(1)))[:, 0]

        wide = two_level(gap, examples, (0, 1), seed=study, draws=200)
        covered.append(wide.low <= true <= wide.high)
    assert 0.93 <= np.mean(covered) <= 0.97


def found_of(*runs):
    return Found({}, list_values(results_of(*runs, objectives=("odds",))))


def test_two_studies_differ_beyond_noise_where_holm_s_p_says_so():
    """By the seeds that both have, else as two samples; what both measured alone is compared."""
    noise = np.array([-0.01, 0.02, 0.0, -0.01])
    first = found_of(ran("t", "m", odds=[0.1, 0.2, 0.3, 0.4]), ran("t", "n", odds=[0.2, 0.3]))
    second = found_of(
        ran("t", "m", odds=[*(np.array([0.2, 0.3, 0.4, 0.5]) + noise)]), ran("t", "n", odds=[0.2, 0.3, 0.4]),
        ran("t", "o", odds=[0.1, 0.1]),
    )  # fmt: skip
    m, n = contrast(first, second)
    assert (m.paired, m.word, m.change.mean) == (True, "worse", pytest.approx(0.1))
    assert m.p_holm == pytest.approx(2 * stats.ttest_1samp(0.1 + noise, 0).pvalue)
    welch = stats.ttest_ind([0.2, 0.3, 0.4], [0.2, 0.3], equal_var=False)
    assert (n.paired, n.word, n.p) == (False, "undecided", pytest.approx(welch.pvalue))
    assert n.change[1:3] == pytest.approx(welch.confidence_interval())
    assert [one.same for one in contrast(first, first)] == [True, True]
    with pytest.raises(BadInput, match="no method on a task"):
        contrast(first, found_of(ran("u", "m", odds=[0.1, 0.2])))
