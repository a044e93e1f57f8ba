"""The studies of DRO training, run at smoke scale: what their pages say is what their records hold."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import smoke
from scipy import stats

from fairray import config
from fairray.betas import compare_betas, find_betas
from fairray.launch.planning import open_results
from fairray.report import BetaTests, CovariateLine
from fairray.statistics.regression import fit_line
from fairray.summary import summarize
from fairray.trial import dataset

FEW = Path(__file__).with_name("members") / "few_digits.py"


@pytest.fixture
def opened(run_once, session_folder):
    """The results of a study, and its folder. All have one store."""
    small = (
        f"tasks={{Digits: {{name: {FEW}, countries: 5}}}}",
        "training.batch=128",
        "training.lr=1.0e-2",
    )  # in larger batches or slower, methods end nearly alike on so few images, and tests of them are no numbers
    fixed = [*smoke.HERE, *small, "launch.tracking=none", f"launch.store={session_folder / 'dro'}"]

    def read(name, *more):
        folder, (_, _, scale, *overrides) = run_once(name, "--scale", "smoke", *fixed, *more)
        return open_results(config.load(name, scale, overrides)), folder / "reports" / name / scale

    return read


def test_betas_are_the_records_of_models_and_of_their_starts(opened):
    results, _ = opened("dro_beta")
    found = {betas.arm: betas for betas in find_betas(results)}
    assert set(found) == {"ours", "pgd", "plain"}
    assert found["pgd"].values["start"].tolist() == [0, 1, 0, 1]
    rows = results.records.query("arm == 'pgd' and split == 'test' and metric == 'beta'")
    own, begun = rows[rows["model"].isna()], rows[rows["model"] == "standard"]
    assert found["pgd"].values["beta"].tolist() == own.sort_values("seed")["value"].tolist()
    assert found["pgd"].begun["beta"].tolist() == begun.sort_values("seed")["value"].tolist()
    pd.testing.assert_frame_equal(found["pgd"].begun, found["ours"].begun)  # one theta_0 serves all arms
    assert len(set(found["pgd"].begun["beta"])) == 2


def test_arms_are_tested_over_seeds_of_one_start_and_over_starts(opened):
    results, _ = opened("dro_beta")
    found = {betas.arm: betas.values for betas in find_betas(results)}
    tests = {(t.arm, t.rival, t.measure): t for t in compare_betas(results)}
    assert set(tests) == {
        (arm, rival, measure)
        for arm, rival in [
            ("ours", "theta_0"),
            ("pgd", "theta_0"),
            ("plain", "theta_0"),
            ("ours", "pgd"),
            ("plain", "pgd"),
        ]
        for measure in ("beta", "counted_accuracy")
    }
    test, ours, pgd = tests["ours", "pgd", "beta"], found["ours"]["beta"], found["pgd"]["beta"]
    assert test.seeds.p == pytest.approx(stats.ttest_rel(ours[[0, 2]], pgd[[0, 2]]).pvalue)
    means = [of.groupby(of.index % 2).mean() for of in (ours, pgd)]
    assert test.starts.p == pytest.approx(stats.ttest_rel(*means).pvalue)
    begun = next(betas.begun for betas in find_betas(results) if betas.arm == "ours")
    against = tests["ours", "theta_0", "beta"]
    assert against.starts.mean == pytest.approx((means[0] - begun["beta"]).mean())
    assert against.seeds.p == pytest.approx(stats.ttest_1samp(ours[[0, 2]], begun["beta"][0]).pvalue)
    p = sorted(t.starts.p for t in tests.values())
    assert min(t.holm for t in tests.values()) == pytest.approx(min(1, len(p) * p[0]))


def test_tests_of_an_arm_are_numbers_of_its_run(opened):
    results, _ = opened("dro_beta")
    test = next(t for t in compare_betas(results) if (t.arm, t.rival, t.measure) == ("ours", "pgd", "beta"))
    numbers, name = summarize(results)["ours"], "Digits/test_beta_minus_pgd"
    assert numbers[name] == test.starts.mean
    found = [numbers[f"{name}/{part}"] for part in ("low", "high", "n", "p", "p_holm", "over_seeds_t", "over_seeds_p")]
    starts, seeds = test.starts, test.seeds
    assert found == [starts.low, starts.high, 2, starts.p, test.holm, seeds.t, seeds.p]
    assert "Digits/test_beta_minus_theta_0/p" in numbers


def test_the_page_says_it_in_words_tables_and_boxes(opened):
    results, folder = opened("dro_beta")
    page = (folder / "report.html").read_text()
    assert "Digits, ours against pgd" in page
    assert "no verdict, as ours is no result" in page  # nor is anything else at this scale
    assert "adjusted for all tests of the page" in page
    table = pd.read_csv(folder / "beta_tests.csv")
    row = table.query("method == 'ours' and against == 'pgd' and measure == 'beta' and unit == 'seeds'").iloc[0]
    test = next(t for t in compare_betas(results) if (t.arm, t.rival, t.measure) == ("ours", "pgd", "beta"))
    assert (row["p Welch"], row["d"], row["n"]) == (test.samples.welch.p, test.samples.d, 2)
    assert row["p one-sided"] == pytest.approx(row["p"] / 2)
    arms = pd.read_csv(folder / "betas.csv").query("metric == 'accuracy'").set_index("method")
    assert arms["printed"].dropna().to_dict() == {"theta_0": 87.5, "ours": 84.3, "pgd": 79.7}
    begun = next(betas.begun for betas in find_betas(results) if len(betas.begun))
    assert arms.loc["theta_0", "mean"] == pytest.approx(100 * begun["accuracy"].mean())
    assert {path.name for path in folder.glob("*.png")} == {"betas_1.png", "timeline.png"}


def test_one_theta_0_has_no_test_of_theta_0_and_says_why(opened):
    results, folder = opened("dro_beta", "methods.*.starts=1", "methods=[ours, pgd]")
    assert all(np.isnan(test.starts.p) and np.isnan(test.holm) for test in compare_betas(results))
    assert all(test.seeds.n == 4 for test in compare_betas(results))
    assert "All models come from one start" in (folder / "report.html").read_text()


def test_one_model_has_no_test(opened):
    results, folder = opened("dro_beta", "seeds=1", "methods=[ours, pgd]")
    assert compare_betas(results) == []
    assert not (folder / "beta_tests.csv").exists()
    assert [type(block).__name__ for block in BetaTests()(results)] == ["Items", "Picture", "Frame", "Text"]


def test_the_line_is_that_of_the_first_models_groups(opened):
    results, folder = opened("dro_geo_bias")
    data = dataset(results.study.tasks["Digits"])
    rows = results.records.query("task == 'Digits' and seed == 0 and split == 'test' and metric == 'group_accuracy'")
    accuracy = rows.set_index("group")["value"][[*data.groups]]
    sizes = np.bincount(data.test["group"])
    table = pd.read_csv(folder / "covariate_line.csv").query("task == 'Digits'").set_index("errors")
    for errors in ("printed", "binomial", "clustered"):
        line = fit_line(accuracy.to_numpy(), sizes, np.array(data.covariate), errors)
        np.testing.assert_allclose(table.loc[errors, ["slope", "f", "p"]].to_numpy(float), [line.slope, line.f, line.p])
    beta = results.records.query("task == 'Digits' and seed == 0 and split == 'test' and metric == 'beta'")["value"]
    assert table.loc["printed", "slope"] == pytest.approx(beta.item(), rel=1e-9)
    said = CovariateLine().answer(results)
    assert said.text.count(" on this test set") + said.text.count("no verdict") == 1
    assert "F(1, 3) = " in (folder / "report.html").read_text()


def test_sections_without_a_covariate_say_so(opened):
    results, _ = opened("dro_geo_bias")
    bare = replace(results, records=results.records[results.records["metric"] != "beta"])
    for section in (BetaTests(), CovariateLine()):
        (block,) = section(bare)
        assert "it needs groups with a covariate" in block.html


def test_once_and_online_start_from_the_same_models(opened):
    results, _ = opened("dro_online")
    once, online = find_betas(results)
    pd.testing.assert_frame_equal(once.begun, online.begun)
    assert not np.allclose(once.values["beta"], online.values["beta"])
    assert {(t.arm, t.rival) for t in compare_betas(results)} == {
        ("once", "theta_0"), ("online", "theta_0"), ("once", "online")
    }  # fmt: skip


def test_models_from_scratch_are_starts_of_their_own(opened):
    results, folder = opened("dro_objectives")
    found = {betas.arm: betas for betas in find_betas(results)}
    assert set(found) == {"standard", "group_dro", "cvar_dro", "chi_square_dro"}
    assert found["cvar_dro"].values["start"].tolist() == [0, 1]
    assert found["cvar_dro"].begun.empty
    assert compare_betas(results) == []
    assert "Digits, group_dro" in (folder / "report.html").read_text()


def test_the_sweep_has_a_front_over_beta_and_accuracy(opened):
    results, folder = opened("dro_attack_sweep")
    assert set(results.searched) == {"method.attack.lam", "method.attack.eps", "method.attack.a"}
    assert {path.name for path in folder.glob("*.png")} == {"pareto.png", "sweep.png", "timeline.png"}
    assert 2 <= len(results.trials) <= 4  # a search may ask for a point again
