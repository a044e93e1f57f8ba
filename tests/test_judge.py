"""Scores that were made elsewhere: the numbers are those of fairlearn and of our own trials, and bad input is told."""

import fairlearn.metrics as fairlearn
import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as sklearn
from scipy import special

import fairray
from fairray import given
from fairray.cli import main
from fairray.errors import BadInput
from fairray.records import headline
from fairray.report import Intervals
from fairray.statistics.bootstrap import two_level
from fairray.trial import execute
from fairray.trial import results as read_records


def frame(*names, rows=400, seeds=1, **own):
    """A table of scores that tell of y, of methods that have the same rows, and one column more than is read."""
    random = np.random.default_rng(0)
    y, group = random.choice(["no", "yes"], rows), random.choice(["a", "b", "c"], rows)
    table = pd.DataFrame({"y": y, "group": group, "split": np.where(np.arange(rows) % 4, "test", "validation")})
    blocks = []
    for method in names or ["mine"]:
        for seed in range(seeds):
            score = special.expit(random.normal((y == "yes") * 2.0 - 1, 1.5)).round(2)  # rounded, so that scores tie
            blocks.append(table.assign(score=score, method=method, seed=seed + 7, age=random.integers(90, size=rows)))
    return pd.concat(blocks, ignore_index=True).assign(**own)


def ask(table, folder, **more):
    path = folder / "scores.csv"
    table.to_csv(path, index=False)
    columns = more.pop("columns", {})
    return given.ask(path, columns, str(folder), "scores", **more)


def measure(study, store):
    """The records of each method."""
    trials = {arm.name: arm.corner for arm in study.arms()}
    execute([*trials.values()], store)
    return {name: read_records(trial, store) for name, trial in trials.items()}


def test_numbers_are_those_of_fairlearn_and_sklearn(tmp_path, store):
    table = frame("one", "two", seeds=2)
    records = measure(ask(table, tmp_path, threshold=0.4), store)
    for (method, seed), rows in table[table["split"] == "test"].groupby(["method", "seed"]):
        y, predicted, group = rows["y"] == "yes", rows["score"] > 0.4, rows["group"]
        own = records[method].query(f"split == 'test' and seed == {seed - 7}")
        ours = headline(own).set_index("metric")["value"]
        assert ours["accuracy"] == pytest.approx(sklearn.accuracy_score(y, predicted), rel=1e-12)
        assert ours["auc"] == pytest.approx(sklearn.roc_auc_score(y, rows["score"]), rel=1e-12)
        for name in ("equalized_odds_difference", "demographic_parity_difference"):
            theirs = getattr(fairlearn, name)(y, predicted, sensitive_features=group)
            assert ours[name] == pytest.approx(theirs, rel=1e-12)
        rates = {"true_positive_rate": fairlearn.true_positive_rate, "positive_rate": fairlearn.selection_rate}
        theirs = fairlearn.MetricFrame(metrics=rates, y_true=y, y_pred=predicted, sensitive_features=group).by_group
        for name in rates:
            by_group = own[own["metric"] == name].set_index("group")["value"]
            assert by_group.to_dict() == pytest.approx(theirs[name].to_dict(), rel=1e-12)


@pytest.mark.parametrize("kind", ["one logit", "two columns"])
def test_what_a_trial_measured_is_measured_of_its_scores(kind, trial, store, tmp_path):
    """Its logits are written out; all metrics and signs of both splits come out to the last digit."""
    own = trial(seeds=(0, 1), epochs=4)
    execute([own], store)
    blocks = []
    for replica in own.replicas:
        model = store.read(replica.parents["model"].uid).tensors
        for split in ("val", "test"):
            logits, data = model[f"{split}/logits"].double().numpy(), own.data.split(split)
            scores = {"score": logits[:, 1] - logits[:, 0]}
            scores = {f"score_{i}": logits[:, i] for i in (0, 1)} if kind == "two columns" else scores
            block = pd.DataFrame({**scores, "y": data["y"], "group": data["group"]})
            blocks.append(block.assign(split=split, seed=replica.seed))
    study = ask(pd.concat(blocks), tmp_path, logits=True)
    (records,) = measure(study, store).values()
    assert study.splits == 1
    ours, theirs = (
        of[of["stage"] == "evaluation"].set_index(["metric", "split", "seed", "group"])["value"].sort_index()
        for of in (read_records(own, store), records)
    )
    pd.testing.assert_series_equal(ours, theirs)


def test_seeds_may_have_test_rows_of_their_own(tmp_path, store):
    """Then intervals are over splits; every number is still that of the seed's own rows."""
    table = frame(seeds=2)
    other = table["seed"] == 8
    table.loc[other, "y"] = table.loc[other, "y"].to_numpy()[::-1]
    study = ask(table, tmp_path)
    assert study.splits == 2
    test = headline(measure(study, store)["mine"]).query("split == 'test' and metric == 'accuracy'")
    hits = (table["y"] == "yes") == (table["score"] > 0.5)
    expected = hits[table["split"] == "test"].groupby(table["seed"] - 7).mean()
    assert test.set_index("seed")["value"].to_dict() == pytest.approx(expected.to_dict())


def changed(column, value, row=5):
    table = frame().astype({column: object})
    table.loc[row, column] = value
    return table


@pytest.mark.parametrize(
    ("table", "more", "says"),
    [
        (frame().drop(columns="group"), {}, r"scores.csv \(group: group\): there is no column 'group'\n  cure: .*age"),
        (frame(), {"columns": {"y": "z"}}, r"\(y: z\): there is no column 'z'"),
        (frame(), {"columns": {"split": "part"}}, r"\(split: part\): there is no column 'part'"),
        (frame(), {"columns": {"label": "y"}}, r"argument \(label\): there is no key 'label'"),
        (frame().head(0), {}, r"scores.csv: it has no rows"),
        (changed("score", 1.2), {}, r"\(score: score\): row 6 has 1.2, which is no probability\n  cure: .*--logits"),
        (changed("score", np.nan), {}, r"\(score: score\): row 6 has no finite number"),
        (changed("score", "high"), {}, r"\(score: score\): it holds non-numeric values"),
        (changed("y", None), {}, r"\(y: y\): row 6 has none"),
        (changed("y", "maybe"), {}, r"\(y: y\): its values are maybe, no, yes, and the scores are in score"),
        (changed("split", "tset"), {}, r"\(split: split\): 'tset' is no split"),
        (frame(split="train"), {}, r"\(split: split\): no row is of the test split"),
        (frame(group="a"), {}, r"\(group: group\): every row is of the group 'a'"),
        (changed("group", "z"), {}, r"the val split has no row of the subgroup \(label no, group z\)"),
        (frame("one", "two", seeds=2).iloc[:-400], {}, r"\(seed: seed\): two has no row of seed 8"),
        (frame("one", "two").iloc[:-1], {}, r"\(method: method\): two has 399 rows of a seed of which one has 400"),
        (frame("one", "two").drop(index=405), {}, r"row 4\d\d \(two\) and row \d+ \(one\) should be the same example"),
        (frame(), {"threshold": 1.5}, r"argument \(threshold\): got 1.5\n  cure: .*between 0 and 1"),
        (frame(), {"positive": "on"}, r"\(positive\): there is no value 'on'"),
        (frame("one"), {"baseline": "two"}, r"argument \(baseline\): there is no method of these scores 'two'"),
        (frame(), {"regression": True}, r"\(y: y\): it holds non-numeric values"),
        (
            frame(y=frame()["age"]),
            {"regression": True, "threshold": 0.5},
            r"\(threshold\): a regression has no classes",
        ),
        (frame(y=frame()["age"]), {}, r"\(y: y\): its values are 0, .*\n  cure: .*--regression"),
        (frame(score_0=0.1, score_1=0.9).drop(columns="score"), {"positive": "no"}, r"\(positive\): of several"),
    ],
)
def test_what_is_no_table_of_scores_is_told_with_its_place(table, more, says, tmp_path):
    with pytest.raises(BadInput, match=says):
        ask(table, tmp_path, **more).check()


def test_errors_of_a_regression_are_those_of_sklearn_in_its_own_unit(tmp_path):
    table = frame("one", "two", seeds=2)
    table["y"] = table["age"].to_list()[:400] * 4
    table["score"] += table["y"]
    results = fairray.judge(table, regression=True, output=tmp_path, quiet=True)
    assert "could not be made" not in (tmp_path / "reports/scores/given/report.html").read_text()
    test = results.records.query("split == 'test'")
    for (method, seed), rows in table[table["split"] == "test"].groupby(["method", "seed"]):
        own = (
            test[(test["arm"] == method) & (test["seed"] == seed - 7)]
            .set_index(["metric", "group"])["value"]
            .sort_index()
        )
        errors = {g: sklearn.root_mean_squared_error(of["y"], of["score"]) for g, of in rows.groupby("group")}
        assert own["group_rmse"].to_dict() == pytest.approx(errors, rel=1e-12)
        assert own["rmse_difference"].item() == pytest.approx(max(errors.values()) - min(errors.values()), rel=1e-12)
    assert {*results.verdict()["metric"]} == {"rmse", "rmse_difference"}


def test_the_positive_value_and_the_ends_of_scores(tmp_path, store):
    """Scores of 0 and 1 are as sure as one can be, and a score at the threshold is not above it."""
    table = frame(score=np.resize([0.0, 1.0, 0.5], 400))
    (records,) = measure(ask(table, tmp_path, positive="no"), store).values()
    ours = headline(records).query("split == 'test'").set_index("metric")["value"]
    test = table[table["split"] == "test"]
    assert ours["non_finite"] == 0
    assert ours["accuracy"] == ((test["y"] == "no") == (test["score"] > 0.5)).mean()
    assert ours["auc"] == pytest.approx(sklearn.roc_auc_score(test["y"] == "no", test["score"]))


def test_of_one_seed_the_interval_is_over_examples(tmp_path):
    """That of a share has a closed form; a gap of 0 has one that begins there, and is as long as that of its signs."""
    hits = np.arange(500) % 5 > 0
    found = two_level(lambda counts: np.array([counts @ hits / counts.sum()]), 500, (0, 1), draws=4000)
    assert (found.mean, found.n) == (pytest.approx(0.8), 1)
    assert found.half == pytest.approx(1.96 * np.sqrt(0.8 * 0.2 / 500), rel=0.05)
    gap = two_level(lambda counts: np.array([abs(counts[:250].sum() - counts[250:].sum()) / 500]), 500, (0, 1), 4000)
    assert (gap.mean, gap.low) == (0, 0)
    assert gap.high == pytest.approx(1.96 / np.sqrt(500), rel=0.05)


def test_a_page_of_one_seed_gives_intervals_and_no_verdict(tmp_path, capsys):
    frame("one", "two").rename(columns={"y": "hired"}).to_csv(tmp_path / "mine.csv", index=False)
    assert main(["judge", str(tmp_path / "mine.csv"), "--output", str(tmp_path), "y=hired", "--baseline", "two"]) == 0
    page = (tmp_path / "reports" / "mine" / "given" / "report.html").read_text()
    assert "One seed gives no verdict: the intervals (95 %) are over test examples" in page
    assert "could not be made" not in page
    assert "over examples" in page
    assert "minus two" in page
    assert "&#39;yes&#39; is predicted where its probability is above 0.5" in page
    assert "report:" in capsys.readouterr().out


def test_a_frame_gets_a_verdict_and_scores_that_say_nothing_are_no_result(tmp_path):
    table = frame("good", "bad", "constant", seeds=3)
    table.loc[table["method"] == "constant", "score"] = 0.1
    flipped = (table["method"] == "bad") & (table["age"] < 30)
    table.loc[flipped, "score"] = 1 - table.loc[flipped, "score"]
    results = fairray.judge(table.drop(columns="split"), baseline="good", output=tmp_path, quiet=True)
    doubts = results.table("odds").set_index("method")["doubt"]
    assert doubts.to_dict() == {"good": "", "bad": "", "constant": "it predicts one class (3 of 3 seeds)"}
    words = results.verdict("eacc").set_index("method")["word"]
    assert words.to_dict() == {"bad": "worse", "constant": "no verdict"}
    assert Intervals(("odds",)).answer(results) is None
