"""The statistics of accuracies on a covariate, and of models over seeds and starts."""

import re
from itertools import product

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import optimize, stats
from sklearn.linear_model import LinearRegression

from fairray.errors import BadInput
from fairray.statistics.comparison import NO_SPREAD, ONE_START, against, compare, holm, over_starts
from fairray.statistics.regression import fit_line

ERRORS = ("printed", "binomial", "clustered")
SIZES = np.geomspace(10, 2000, 41).round().astype(int)  # images of a country: a few have most of them
GDP = np.linspace(np.log(500), np.log(60_000), 41)
POWER = {"printed": 0.5, "binomial": 1.0}  # of the sizes, that the weights are
SEEDS = 50


def groups(seed=0, count=41):
    """Accuracies, sizes and a covariate without order."""
    draw = np.random.default_rng(seed)
    return draw.uniform(0.6, 0.9, count), draw.permutation(SIZES)[:count], draw.permutation(GDP)[:count]


def values_with(mean, count=SEEDS, deviation=1.0):
    """Values that have exactly this mean and deviation."""
    drawn = np.random.default_rng(0).normal(size=count)
    return mean + deviation * (drawn - drawn.mean()) / drawn.std(ddof=1)


def rejected(errors, accuracies, sizes, covariates):
    """The share of p <= .05, one study a row."""
    return np.mean([fit_line(*study, errors).p <= 0.05 for study in zip(accuracies, sizes, covariates, strict=True)])


def placements(count, studies):
    """Sizes and covariates with axes (study, group): the covariate is placed `count` times for as many studies each."""
    draw = np.random.default_rng(5)
    placed = draw.permuted(np.tile(GDP, (count, 1)), axis=1).repeat(studies, 0)
    return np.broadcast_to(SIZES, placed.shape), placed


def binomial(sizes, covariates, slope=0.0):
    chance = 0.8 + slope * (covariates - GDP.mean())
    return np.random.default_rng(6).binomial(sizes, chance) / sizes


def test_the_printed_p_of_f_is_that_of_41_groups_and_an_intercept():
    _, size, g = groups()
    root = np.sqrt(size)
    g_apart = g - np.average(g, weights=root)
    noise = np.random.default_rng(1).normal(size=41)
    noise -= np.average(noise, weights=root)
    noise -= g_apart * (root @ (noise * g_apart)) / (root @ g_apart**2)
    slope = np.sqrt(5.392 * (root @ noise**2) / 39 / (root @ g_apart**2))
    line = fit_line(0.8 + 0.01 * (noise + slope * g), size, g)
    assert (line.f, line.df, line.n) == (pytest.approx(5.392, rel=1e-9), 39, 41)
    assert round(line.p, 5) == 0.02554
    assert line.slope == pytest.approx(0.01 * slope)


def test_the_printed_p_of_t_is_that_of_50_pairs_and_one_side():
    b = np.random.default_rng(2).normal(size=SEEDS)
    found = compare(b + values_with(3.852 / np.sqrt(SEEDS)), b)
    assert (found.paired.t, found.paired.df) == (pytest.approx(3.852), 49)
    assert round(found.paired.p_greater, 5) == 0.00017
    assert round(found.paired.p, 5) != 0.00017
    assert found.d == pytest.approx(3.852 / np.sqrt(SEEDS))


@pytest.mark.parametrize("errors", ["printed", "binomial"])
def test_the_line_is_that_of_generalised_least_squares(errors):
    p, size, g = groups()
    line = fit_line(p, size, g, errors)
    x, weights = np.column_stack((np.ones(41), g)), size ** POWER[errors]
    precision = np.linalg.inv(np.diag(1 / weights))
    closed = np.linalg.inv(x.T @ precision @ x) @ x.T @ precision @ p
    np.testing.assert_allclose([line.intercept, line.slope], closed, rtol=0, atol=1e-10)
    assert line.slope == pytest.approx(LinearRegression().fit(g[:, None], p, weights).coef_[0])
    alone = np.average(p, weights=weights)
    rss = [(p - fitted) @ precision @ (p - fitted) for fitted in (alone, x @ closed)]
    assert line.f == pytest.approx((rss[0] - rss[1]) / (rss[1] / 39))


@pytest.mark.parametrize("errors", ["printed", "binomial"])
def test_the_interval_and_p_are_scipys(errors):
    p, size, g = groups()
    line = fit_line(p, size, g, errors, confidence=0.9)
    fitted, covariance = optimize.curve_fit(lambda x, a, b: a + b * x, g, p, sigma=size ** (-POWER[errors] / 2))
    half = stats.t.ppf(0.95, 39) * np.sqrt(covariance[1, 1])
    assert (line.low, line.high) == pytest.approx((fitted[1] - half, fitted[1] + half), rel=1e-5)
    assert line.p == pytest.approx(2 * stats.t.sf(abs(fitted[1]) / np.sqrt(covariance[1, 1]), 39), rel=1e-4)


def test_with_equal_sizes_all_weights_give_the_least_squares_of_the_groups():
    p, _, g = groups()
    plain = stats.linregress(g, p)
    for errors in ERRORS:
        line = fit_line(p, np.full(41, 7), g, errors)
        assert (line.slope, line.intercept) == pytest.approx((plain.slope, plain.intercept))
    assert fit_line(p, np.full(41, 7), g).p == pytest.approx(plain.pvalue)


@pytest.mark.parametrize("errors", ERRORS)
def test_the_base_of_a_log_scales_the_slope_and_leaves_the_test(errors):
    p, size, g = groups()
    natural, decimal = fit_line(p, size, g, errors), fit_line(p, size, g / np.log(10), errors)
    assert decimal.slope == pytest.approx(natural.slope * np.log(10))
    assert (decimal.f, decimal.p, decimal.intercept) == pytest.approx((natural.f, natural.p, natural.intercept))


def test_clustered_is_the_sandwich_of_the_single_images():
    """CR1 with its matrices, image by image: G / (G - 1) (N - 1) / (N - 2), as in Stata and statsmodels."""
    draw = np.random.default_rng(3)
    size, g = np.array([1, 3, 8, 20, 50, 120]), draw.normal(9, 1, 6)
    group = np.repeat(np.arange(6), size)
    right = draw.integers(0, 2, len(group)).astype(float)
    line = fit_line(np.bincount(group, right) / size, size, g, "clustered")
    x = np.column_stack((np.ones(len(group)), g[group]))
    fitted, *_ = np.linalg.lstsq(x, right)
    scores = np.array([x[group == i].T @ (right - x @ fitted)[group == i] for i in range(6)])
    bread, images = np.linalg.inv(x.T @ x), len(group)
    covariance = 6 / 5 * (images - 1) / (images - 2) * bread @ (scores.T @ scores) @ bread
    half = stats.t.ppf(0.975, 5) * np.sqrt(covariance[1, 1])
    assert (line.slope, line.intercept, line.df) == (pytest.approx(fitted[1]), pytest.approx(fitted[0]), 5)
    assert (line.low, line.high) == pytest.approx((fitted[1] - half, fitted[1] + half))
    assert line.p == pytest.approx(2 * stats.t.sf(abs(fitted[1]) / np.sqrt(covariance[1, 1]), 5))


def test_the_printed_errors_give_a_test_of_five_percent():
    draw = np.random.default_rng(4)
    accuracies = 0.8 + 0.05 * draw.normal(size=(1000, 41)) / SIZES**0.25
    sizes, covariates = placements(1000, 1)
    assert rejected("printed", accuracies, sizes, covariates) == pytest.approx(0.05, abs=0.015)


def test_of_binomial_errors_only_their_own_weights_give_a_test_of_five_percent():
    sizes, covariates = placements(100, 40)
    accuracies = binomial(sizes, covariates)
    rates = {errors: rejected(errors, accuracies, sizes, covariates) for errors in ERRORS}
    assert rates["binomial"] == pytest.approx(0.05, abs=0.015)
    assert rates["printed"] < 0.025
    assert 0.065 < rates["clustered"] < 0.12


def test_a_steeper_line_is_found_more_often():
    sizes, covariates = placements(50, 4)
    slopes = (0, 0.005, 0.01, 0.02)
    for errors in ERRORS:
        found = [rejected(errors, binomial(sizes, covariates, slope), sizes, covariates) for slope in slopes]
        assert found == sorted(set(found))


def test_a_line_through_all_groups_has_no_chance_of_none():
    line = fit_line([0.25, 0.5, 0.75], [4, 4, 4], [1, 2, 3])
    assert (line.slope, line.low, line.high, line.f, line.p, line.df) == (0.25, 0.25, 0.25, np.inf, 0, 1)


@pytest.mark.parametrize("errors", ERRORS)
def test_equal_accuracies_have_no_test(errors):
    line = fit_line([0.9] * 4, [1, 20, 3, 4], [1, 2, 3, 7], errors)
    assert (line.slope, line.intercept, line.n) == (0, 0.9, 4)
    assert np.isnan([line.low, line.high, line.f, line.p]).all()


@pytest.mark.parametrize(
    ("change", "where", "said"),
    [
        ({"accuracy": [0.1, 0.2], "size": [1, 1], "covariate": [1, 2]}, "covariate", "three groups or more.* 2"),
        ({"size": [5, 0, 5, 0]}, "size", "no image is of group 1, group 3"),
        ({"size": [5, 5, 0, 5], "accuracy": [0.1, 0.2, np.nan, 0.4], "names": list("abcd")}, "size", "image is of c$"),
        ({"covariate": [2, 2, 2, 2]}, "covariate", "it is 2 for every group"),
        ({"covariate": [1, np.nan, 2, np.inf], "names": list("abcd")}, "covariate", "no finite number for b, d$"),
        ({"accuracy": [0.1, np.nan, 0.2, 0.3]}, "accuracy", "no finite number for group 1$"),
        ({"size": [5, 5, 5]}, "covariate", "4 accuracies, 3 sizes and 4 numbers"),
    ],
)
def test_groups_that_have_no_line_are_named(change, where, said):
    given = {"accuracy": [0.1, 0.2, 0.3, 0.5], "size": [5, 6, 7, 8], "covariate": [1, 2, 3, 4]}
    with pytest.raises(BadInput) as error:
        fit_line(**given | change)
    assert error.value.where == where
    assert re.search(said, error.value.problem)
    assert error.value.cure


def test_one_sample_is_scipys():
    values = np.random.default_rng(7).normal(0.3, 1, 12)
    ours, theirs = against(values, 0.1, confidence=0.9), stats.ttest_1samp(values, 0.1)
    assert (ours.t, ours.df, ours.p, ours.n) == (pytest.approx(theirs.statistic), 11, pytest.approx(theirs.pvalue), 12)
    assert ours.p_greater == pytest.approx(stats.ttest_1samp(values, 0.1, alternative="greater").pvalue)
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs.confidence_interval(0.9)))
    assert (ours.mean, ours.reason) == (pytest.approx(values.mean()), "")


def test_two_arms_are_scipys_tests():
    draw = np.random.default_rng(8)
    a, b = draw.normal(0.5, 1, 20), draw.normal(0, 3, 20)
    found = compare(a, b)
    for ours, theirs in (
        ((found.paired.t, found.paired.p, found.paired.p_greater), lambda way: stats.ttest_rel(a, b, alternative=way)),
        (found.welch, lambda way: stats.ttest_ind(a, b, equal_var=False, alternative=way)),
        (found.pooled, lambda way: stats.ttest_ind(a, b, alternative=way)),
        (found.ranks, lambda way: stats.mannwhitneyu(a, b, alternative=way)),
    ):
        both, greater = theirs("two-sided"), theirs("greater")
        assert (ours[0], *ours[-2:]) == pytest.approx((both.statistic, both.pvalue, greater.pvalue))
    assert found.pooled.df == 38
    assert found.welch.df < 30
    assert found.d == pytest.approx((a - b).mean() / (a - b).std(ddof=1))
    assert found.delta == pytest.approx(np.sign(a[:, None] - b).mean())


def test_few_pairs_have_all_their_signs_flipped():
    """By hand: every mean that 2^6 choices of signs give."""
    a, b = np.array([3.0, 1.0, 4.0, 1.0, 5.0, 9.0]), np.array([2.0, 3.0, 1.0, 0.5, 1.0, 4.0])
    means = [np.mean((a - b) * signs) for signs in product((-1, 1), repeat=6)]
    found = compare(a, b).flips
    assert found.statistic == pytest.approx((a - b).mean())
    assert found.p_greater == pytest.approx(np.mean(np.array(means) >= (a - b).mean() - 1e-12))
    assert found.p == pytest.approx(2 * found.p_greater)


def test_many_pairs_have_random_flips_that_a_seed_decides():
    a, b = values_with(0.25), np.zeros(SEEDS)
    found = [compare(a, b, seed=seed).flips.p_greater for seed in (1, 1, 2)]
    assert found[0] == found[1] != found[2]
    assert found == pytest.approx([compare(a, b).paired.p_greater] * 3, abs=0.006)  # three deviations of 10,000 draws
    certain = compare(a + 100, b).flips
    assert certain.p_greater == pytest.approx(1 / 10_001)


def test_arms_that_never_differ_have_no_test():
    found = compare([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])
    assert found.paired.reason == NO_SPREAD
    assert np.isnan([*found.paired[1:4], found.paired.p, found.welch.p, found.pooled.p, found.d]).all()
    assert (found.paired.mean, found.delta, found.flips.p, found.ranks.p) == (0, 0, 1, 1)


@pytest.mark.parametrize(
    ("test", "said"),
    [
        (lambda: against([0.5], 0), "needs two models or more, and there is 1"),
        (lambda: compare([0.5], [0.4]), "needs two models or more, and there is 1"),
        (lambda: over_starts([0.5], [0.4], [0]), "needs two models or more, and there is 1"),
        (lambda: compare([1, 2, 3], [1, 2]), "seed by seed, and have 3 and 2"),
        (lambda: compare([1, 2, np.nan], [1, 2, 3]), "no finite number for 2"),
    ],
)
def test_seeds_that_allow_no_test_are_named_with_the_cure(test, said):
    with pytest.raises(BadInput, match=said) as error:
        test()
    assert error.value.where == "seeds"
    assert "seeds" in error.value.cure or "failed" in error.value.cure


def test_holms_adjusted_p_are_those_by_hand():
    """Sorted .01, .02, .03, .04: times 4, 3, 2, 1 are .04, .06, .06, .04, and no later one is below an earlier one."""
    assert holm([0.03, 0.01, 0.04, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.6, 0.9]) == pytest.approx([1, 1])
    np.testing.assert_allclose(holm([np.nan, 0.01, 0.04]), [np.nan, 0.03, 0.08])


def test_starts_weigh_alike_and_are_the_unit():
    a, b = [5, 7, 1, 2, 3, 10], [1, 1, 0, 0, 0, 1]
    starts = ["x", "x", "y", "y", "y", "z"]
    found = over_starts(a, b, starts)
    assert found == against([5, 2, 9], 0)
    assert (found.n, found.df, found.reason) == (3, 2, "")


def test_one_start_says_why_it_has_no_test():
    found = over_starts([1, 2, 3], [0, 0, 0], [4, 4, 4])
    assert (found.mean, found.n, found.reason) == (2, 1, ONE_START)
    assert np.isnan([found.low, found.high, found.t, found.p, found.p_greater]).all()


def models(studies, starts, apart):
    """Values with axes (study, start, seed) under the null: seeds deviate by 1, an arm's starts by `apart`."""
    draw = np.random.default_rng(9)
    return apart * draw.normal(size=(studies, starts, 1)) + draw.normal(size=(studies, starts, SEEDS))


def test_seeds_of_one_start_reject_too_often_where_starts_differ():
    """In 33 %: the variance of a mean difference is 1 + R apart^2 times what the seeds of one start show."""
    apart = 0.5
    found = np.mean([against(a - b, 0).p_greater <= 0.05 for a, b in models(4000, 2, apart)])
    expected = stats.t.sf(stats.t.ppf(0.95, SEEDS - 1) / np.sqrt(1 + SEEDS * apart**2), SEEDS - 1)
    assert found > 0.15
    assert found == pytest.approx(expected, abs=0.02)


def test_tests_over_starts_keep_their_level_where_starts_differ():
    starts = np.arange(5).repeat(SEEDS)
    for apart in (0, 0.5, 1):
        arms = models(2000, 10, apart).reshape(2000, 2, -1)
        found = np.mean([over_starts(a, b, starts).p_greater <= 0.05 for a, b in arms])
        assert found == pytest.approx(0.05, abs=0.015)


@pytest.mark.parametrize("errors", ["printed", "binomial", "clustered"])
def test_the_line_is_that_of_statsmodels(errors):
    """GLS with the covariance, weighted least squares, and single images with errors clustered by group."""
    rng = np.random.default_rng(3)
    size, covariate = rng.integers(10, 60, 9), rng.uniform(6, 11, 9)
    hits = [rng.random(n) < 0.2 + 0.06 * g for n, g in zip(size, covariate)]
    accuracy = np.array([hit.mean() for hit in hits])
    X = sm.add_constant(covariate)
    if errors == "printed":
        fit = sm.GLS(accuracy, X, sigma=np.diag(1 / np.sqrt(size))).fit()
    elif errors == "binomial":
        fit = sm.WLS(accuracy, X, weights=size).fit()
    else:
        group = np.repeat(np.arange(9), size)
        images = sm.OLS(np.concatenate(hits).astype(float), X[group])
        fit = images.fit(cov_type="cluster", cov_kwds={"groups": group}, use_t=True)
    line = fit_line(accuracy, size, covariate, errors)
    found = [line.intercept, line.slope, line.low, line.high, line.p]
    low, high = fit.conf_int()[1]
    np.testing.assert_allclose(found, [*fit.params, low, high, fit.pvalues[1]], rtol=1e-9)
