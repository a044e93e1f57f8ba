"""A model that learnt nothing is no result: it is marked, never better, and not chosen while another point is sound."""

import copy
from types import SimpleNamespace

import fabricate
import numpy as np
import pandas as pd
import pytest
import torch
from blocks import figures_of, table_of, text_of
from scipy import stats

from fairray import report
from fairray.cli import main
from fairray.errors import BadInput
from fairray.evaluation import Evaluation, measure_all, metrics
from fairray.measures import Measure
from fairray.metrics import Predictions
from fairray.records import DETAILS, headline
from fairray.rules import RULES, Selection
from fairray.selection import best_trials, eligible, list_val_means, val_means
from fairray.signs import read_signs
from fairray.soundness import find_doubts
from fairray.stages import Artifact
from fairray.training.fit import check_training
from fairray.training.selection import best_epoch

Measure("stuck_in_test", best="low", alarm="its gradient vanished")
SOUND = {"non_finite": 0.0, "predicted_share": 0.6, "label_share": 0.55, "above_guess": 9.0, "fewest_rows": 40.0}


def ran(arm, point=None, task="t", val=None, signs=(), curve=(), **test):
    """A trial and its records: by metric a value for each seed, the same on both splits where val does not differ.

    signs: those that are not SOUND. curve: by epoch, the EAcc of each seed's training, whose last epoch is kept.
    """
    uid, seeds = f"{task} {arm} {point}", len(next(iter(test.values())))
    trial = SimpleNamespace(task=task, arm=arm, uid=uid, point=point or {}, method={"name": arm}, seeds=range(seeds))
    trial.key = task, arm, uid
    of = {"task": task, "arm": arm, "trial": uid, "stage": "evaluation", **dict.fromkeys(DETAILS), **(point or {})}
    both = {name: [value] * seeds for name, value in {**SOUND, **dict(signs)}.items()}
    both = {name: value[0] if isinstance(value[0], list) else value for name, value in both.items()}
    rows = [
        {**of, "seed": seed, "split": split, "metric": metric, "value": value, "uid": f"{uid} {seed}"}
        for split, values in (("val", {**both, **test, **(val or {})}), ("test", {**both, **test}))
        for metric, each in values.items()
        for seed, value in enumerate(each)
    ]
    for seed in range(seeds if len(curve) else 0):
        trained = {**of, "stage": "standard", "uid": f"{uid} {seed} trained", "seed": seed, "split": "val"}
        rows += [{**trained, "epoch": i, "metric": "eacc", "value": value} for i, value in enumerate(curve)]
        last = len(curve) - 1
        rows.append({**trained, "epoch": last, "metric": "kept_epoch", "value": last})
    return trial, rows


def results_of(*runs, **study):
    return fabricate.results_of(*runs, **{"baseline": "standard", "objectives": ("eacc", "odds"), **study})


def doubts_of(*runs, objectives=("eacc", "odds")):
    found = find_doubts(pd.DataFrame([row for _, rows in runs for row in rows]), objectives)
    return [(doubt.kind, doubt.words) for doubts in found.values() for doubt in doubts]


WELL = {"eacc": [0.8, 0.8, 0.79, 0.81], "odds": [0.1, 0.12, 0.1, 0.11]}
ONE = "it predicts one class"
GUESS = "it is no better than a constant guess"
ONWARDS = "training (standard) ended while it went on getting better"
FLAT = [0.5, 0.7, 0.78, 0.8, 0.8, 0.8, 0.8, 0.8]


@pytest.mark.parametrize(
    ("run", "kind", "words"),
    [
        (ran("m", **WELL, curve=FLAT), None, ""),
        (ran("m", **WELL, signs={"predicted_share": [1, 0.6, 0.6, 0.96]}), "unlearnt", f"{ONE} (2 of 4 seeds)"),
        (ran("m", **WELL, signs={"label_share": [0.97] * 4, "predicted_share": [0.98] * 4}), None, ""),
        (ran("m", **WELL, signs={"predicted_share": [1.0] * 4}, val={"predicted_share": [0.6] * 4}), None, ""),
        (ran("m", **WELL, signs={"above_guess": [9, 1.9, 9, 9]}), "unlearnt", f"{GUESS} (1 of 4 seeds)"),
        (ran("m", **WELL, signs={"non_finite": [0, 0.1, 0, 0]}), "failed", "its outputs are no numbers (1 of 4 seeds)"),
        (ran("m", **{**WELL, "odds": [0.1, np.nan, 0.1, 0.1]}), "failed", "its Odds is no number (1 of 4 seeds)"),
        (ran("m", **WELL, stuck_in_test=[0, 0, 0.5, 0]), "unlearnt", "its gradient vanished (1 of 4 seeds)"),
        (ran("m", **WELL, stuck_in_test=[0, 0, 0.05, 0]), None, ""),
        (ran("m", **WELL, curve=np.linspace(0.5, 0.6, 8)), "unfinished", f"{ONWARDS} (4 of 4 seeds)"),
        (ran("m", **WELL, curve=[0.5]), None, ""),
        (ran("m", **{**WELL, "eacc": [0.8, 0.54, 0.8, 0.8]}), "scattered", "its seeds lie 26 points of EAcc apart"),
        (ran("m", **{**WELL, "eacc": [0.8, 0.56, 0.8, 0.8]}), None, ""),
        (ran("m", **WELL, signs={"fewest_rows": [1.0] * 4}), "few rows", "the smallest subgroup has 1 test row"),
    ],
)  # fmt: skip
def test_each_way_of_being_no_result_is_told_from_health(run, kind, words):
    assert doubts_of(run) == ([(kind, words)] if kind else [])


def test_few_rows_of_a_subgroup_are_no_doubt_of_what_is_measured_over_all_rows():
    few = ran("m", **WELL, accuracy=[0.9] * 4, signs={"fewest_rows": [3.0] * 4})
    assert doubts_of(few, objectives=["accuracy", "auc"]) == []
    said = [("few rows", "the smallest subgroup has 3 test rows")]
    assert doubts_of(few, objectives=["accuracy", "odds"]) == doubts_of(few, objectives=()) == said


def test_one_seed_has_one_reason_the_gravest():
    """Outputs that are no numbers make the first class, and no objective is one then."""
    ill = {"non_finite": [1.0, 0], "predicted_share": [1.0, 1.0], "above_guess": [0.0, 0.0]}
    found = doubts_of(ran("m", signs=ill, eacc=[np.nan, 0.5], odds=[np.nan, 0.0]))
    assert found == [
        ("failed", "its outputs are no numbers (1 of 2 seeds)"),
        ("unlearnt", "it predicts one class (1 of 2 seeds)"),
    ]


def test_training_that_goes_on_in_few_seeds_or_before_the_kept_epoch_is_none():
    trial, rows = ran("m", **WELL, curve=np.linspace(0.5, 0.6, 8))
    for row in rows:
        if row["metric"] == "kept_epoch" and row["seed"] < 2:
            row["value"] = 3
    assert doubts_of((trial, rows)) == []
    rows[-1]["value"] = 7
    assert find_doubts(pd.DataFrame([row for row in rows if row["seed"]]))


def test_a_chain_that_ends_in_something_else_is_judged_by_its_models():
    trial, rows = ran("m", gap=[0.1, 0.1], signs={"predicted_share": [1.0, 0.6]})
    assert doubts_of((trial, copy.deepcopy(rows)), objectives=["gap"])
    for row in rows:
        row["model"] = "teacher"
    own = ran("m", gap=[0.1, 0.1])[1]
    assert doubts_of((trial, rows + own), objectives=["gap"]) == []
    ends = [row for row in own if row["metric"] == "gap"]
    assert doubts_of((trial, rows + ends), objectives=["gap"]) == [("unlearnt", "it predicts one class (1 of 2 seeds)")]


def test_a_model_that_was_made_of_a_sound_one_without_training_is_no_failure_of_training():
    """That a correction leaves no better than a guess what was trained well is what it does."""
    guess = {"above_guess": [0.0, 9.0]}
    trial, rows = ran("m", **WELL, curve=FLAT)
    gap, (corrected, trained) = ran("m", gap=[0.1, 0.1])[1], (ran("m", gap=[0.1, 0.1], signs=guess)[1] for _ in "12")
    ends = [row for row in gap if row["metric"] == "gap"]
    biased = [{**row, "model": "standard"} for row in rows if "epoch" not in row or row["epoch"] is None]
    curves = [row for row in rows if row.get("epoch") is not None]
    corrected = [{**row, "model": "projected"} for row in corrected if row["metric"] != "gap"]
    assert doubts_of((trial, ends + biased + curves + corrected), objectives=["gap"]) == []
    trained = [{**row, "model": "standard"} for row in trained if row["metric"] != "gap"]
    said = [("unlearnt", f"{GUESS} (1 of 2 seeds)")]
    assert doubts_of((trial, ends + trained + curves + corrected), objectives=["gap"]) == said
    assert doubts_of((trial, ends + corrected), objectives=["gap"]) == said


COLLAPSED = {
    "signs": {"predicted_share": [1.0, 1.0], "above_guess": [0.0, 0.0]},
    "eacc": [0.5, 0.5],
    "odds": [0.0, 0.0],
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ({"eacc": [0.9, 0.9], "odds": [np.nan, 0.0]}, "its Odds is no number (1 of 2 seeds)"),
        ({"eacc": [np.nan, np.nan], "odds": [np.nan, np.nan]}, "its EAcc is no number (2 of 2 seeds)"),
        (COLLAPSED, None),
        ({"eacc": [0.99, 0.6], "odds": [0.0, 0.0]}, None),
    ],
    ids=["one seed is nan", "all are nan", "one class", "seeds disagree"],
)
def test_what_is_no_result_is_not_chosen_while_another_point_is_one(bad, why, rule):
    """The bad point would win by every rule; where a seed failed, the page names it though it is not chosen."""
    good = ran("m", {"x": 2}, eacc=[0.55, 0.57], odds=[0.2, 0.2])
    results = results_of(ran("m", {"x": 1}, **bad), good, selection=Selection(rule=rule))
    assert results.chosen["t", "m"] is results.trials[1]
    assert results.doubted == ([(results.trials[0], why)] if why else [])
    *_, eacc, odds, _ = table_of(report.Table()(results))[1][0]
    assert (eacc[:7], odds) == ("56.00 [", "20.00")


def test_where_nothing_is_sound_the_least_doubtful_is_chosen():
    rising = np.linspace(0.5, 0.6, 8)
    points = {
        "failed": {"eacc": [np.nan, 0.9], "odds": [0.0, 0.0]},
        "collapsed": COLLAPSED,
        "unfinished": {"eacc": [0.4, 0.4], "odds": [0.9, 0.9], "curve": rising},
    }
    runs = [ran("m", {"x": name}, **values) for name, values in points.items()]
    for left, best in ((3, "unfinished"), (2, "collapsed"), (1, "failed")):
        results = results_of(*runs[:left])
        assert results.chosen["t", "m"].point == {"x": best}
        assert len(eligible(results.records, results.doubts)) == 1
        assert results.doubt("t", "m")


def test_what_is_no_result_is_marked_and_neither_better_nor_worse_than_anything():
    """Odds of all differ by the same from seed to seed: p is tiny, and the interval has no width."""
    runs = [
        ran("standard", eacc=[0.8, 0.81], odds=[0.1, 0.12]),
        ran("fair", eacc=[0.8, 0.81], odds=[0.05, 0.0700001]),
        ran("constant", **COLLAPSED),
    ]
    said = text_of(report.Verdict(("odds",))(results_of(*runs)))
    assert "t, fair: Odds -5.00 [-5.00, -5.00], better." in said.replace("-5.00 ± 6e-05", "-5.00 [-5.00, -5.00]")
    assert "(no verdict, as constant is no result)." in said
    assert "t, constant is no result: it predicts one class (2 of 2 seeds)." in said
    said = text_of(report.Verdict(("odds",))(results_of(*runs, baseline="constant")))
    assert "better" not in said.split("\n")[0]
    assert said.count("(no verdict, as constant is no result)") == 2
    head, rows = table_of(report.Table()(results_of(*runs)))
    assert dict(zip([row[1] for row in rows], [row[head.index("no result, as")] for row in rows], strict=True)) == {
        "standard": "", "fair": "", "constant": "it predicts one class (2 of 2 seeds)"
    }  # fmt: skip
    (axes,) = figures_of(report.Tradeoff()(results_of(*runs)))[0].axes
    hollow = {box.get_label(): box.lines[0].get_markerfacecolor() == "none" for box in axes.containers}
    assert hollow == {"standard": False, "fair": False, "constant": True}


def test_a_seed_that_failed_does_not_empty_its_row():
    results = results_of(
        ran("standard", eacc=[0.8, 0.9], odds=[np.nan] * 2), ran("m", eacc=[np.nan] * 2, odds=[np.nan] * 2)
    )
    rows = table_of(report.Table()(results))[1]
    assert [row[:3] for row in rows] == [["t", "standard", "2"], ["t", "m", "2"]]
    assert (rows[0][3][:7], rows[1][3]) == ("85.00 [", "–")
    assert all("no number (2 of 2 seeds)" in row[-1] for row in rows)


def test_points_of_a_search_that_are_no_result_are_hollow_in_its_figures():
    runs = [
        ran("m", {"method.x": x}, **values)
        for x, values in ((1, COLLAPSED), (2, {"eacc": [0.6] * 2, "odds": [0.1] * 2}))
    ]
    results = results_of(*runs)
    (axes, _) = figures_of(report.Sweep(("odds", "eacc"))(results))[0].axes
    dots = {drawn.get_label(): drawn.get_offsets()[:, 0].tolist() for drawn in axes.collections}
    assert (dots["no result"], dots["seeds"]) == ([1, 1], [2, 2])
    said = text_of(report.Pareto("odds", "eacc")(results))
    assert "x = 2: Odds 10.00" in said
    assert "x = 1" not in said


def predictions(logits, y, group=None, **more):
    y = torch.as_tensor(y)
    group = torch.zeros(len(y), dtype=torch.long) if group is None else torch.as_tensor(group)
    return Predictions(torch.as_tensor(logits)[None], y, group, int(group.max()) + 1, **more)


def signs_of(*arguments, **more):
    return {name: value.item() for name, value in read_signs(predictions(*arguments, **more)).items()}


def test_signs_are_what_they_say_on_a_table_by_hand():
    """TPR .8, TNR .6 of ten each: EAcc .7, its error the root of (.8636 .1364 + .5909 .4091) / 10 / 4, smoothed."""
    y = [1] * 10 + [0] * 10
    predicted = torch.tensor([1] * 8 + [0] * 2 + [0] * 6 + [1] * 4)
    found = signs_of(torch.nn.functional.one_hot(predicted).double(), y)
    smooth = [(8 + 0.5) / 11, (6 + 0.5) / 11]
    error = np.sqrt(sum(p * (1 - p) / 10 for p in smooth)) / 2
    expected = {
        "non_finite": 0,
        "predicted_share": 0.6,
        "label_share": 0.5,
        "above_guess": 0.2 / error,
        "fewest_rows": 10,
    }
    assert found == pytest.approx(expected)


def test_the_constant_guess_is_no_better_than_itself_and_noise_seldom_is():
    rng = np.random.default_rng(0)
    y, group = rng.integers(0, 3, 300), rng.integers(0, 2, 300)
    for c in range(3):
        constant = torch.nn.functional.one_hot(torch.full((300,), c), 3).double()
        assert signs_of(constant, y, group)["above_guess"] == pytest.approx(0, abs=1e-9)
    noise = [signs_of(rng.normal(size=(300, 3)), y, group)["above_guess"] for _ in range(400)]
    assert np.mean(np.array(noise) > 2) == pytest.approx(stats.norm.sf(2), abs=0.02)
    assert signs_of(np.eye(3)[y], y, group)["above_guess"] > 10
    heavy = [
        signs_of(rng.normal(size=(300, 3)), y, group, weight=torch.tensor(rng.exponential(size=300)))
        for _ in range(400)
    ]
    assert np.mean([one["above_guess"] > 2 for one in heavy]) == pytest.approx(stats.norm.sf(2), abs=0.02)


def test_a_regression_s_gain_is_the_paired_t_of_squared_errors():
    rng = np.random.default_rng(0)
    y = rng.normal(size=200)
    outputs = 0.3 * y + rng.normal(scale=0.1, size=200)
    t = stats.ttest_1samp((y - y.mean()) ** 2 - (outputs - y) ** 2, 0).statistic
    assert signs_of(outputs[:, None], y)["above_guess"] == pytest.approx(t * np.sqrt(200 / 199))
    assert signs_of(np.full((200, 1), y.mean()), y)["above_guess"] == pytest.approx(0, abs=1e-6)
    assert signs_of(np.full((200, 1), 5.0), y)["above_guess"] < 0


def test_the_smallest_subgroup_is_of_rows_that_there_are():
    y, group = [0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 0, 0, 1, 1]
    logits = torch.zeros(7, 2).double()
    assert signs_of(logits, y, group)["fewest_rows"] == 1
    assert signs_of(logits[:5], y[:5], [0, 0, 1, 1, 1])["fewest_rows"] == 1  # none of label 1 and group 0
    assert signs_of(logits, y, group, weight=torch.full((7,), 100.0))["fewest_rows"] == 1
    assert signs_of(logits, y, group, covariate=torch.tensor([1.0, 2.0]))["fewest_rows"] == 3
    assert signs_of(logits[:, :1], [float(v) for v in y], group)["fewest_rows"] == 3


def test_outputs_that_are_no_numbers_have_no_metrics_and_win_nothing(trial):
    """A diverged network has argmax 0 everywhere, which would be Odds 0."""
    made = trial(seeds=[0])
    data = made.data
    logits = {f"{split}/logits": torch.zeros(len(data.split(split)["y"]), 2) for split in ("val", "test")}
    logits["val/logits"][3] = torch.nan
    stage = Evaluation(model=made.last_stage.model, metrics=tuple(metrics("binary").values()))
    found = stage.compute(made.replicas[0].setting, 0, {"model": Artifact(logits)}).records
    val = headline(found).query("split == 'val'").set_index("metric")["value"]
    assert val[["odds", "eacc", "auc"]].isna().all()
    assert val["non_finite"] == pytest.approx(1 / len(data.val["y"]))
    assert headline(found).query("split == 'test' and metric == 'odds'")["value"].item() == 0
    odds = measure_all(
        predictions(logits["val/logits"], data.val["y"], data.val["group"]), [metrics()["odds"]], ("0", "1")
    )
    assert odds[0]["value"].isna().all()


@pytest.mark.parametrize("rule", ["eacc", "tradeoff", "z", "accuracy"])
@pytest.mark.parametrize("patience", [0, 3])
def test_an_epoch_without_a_number_is_never_kept(rule, patience):
    nan = float("nan")
    curve = torch.tensor([[nan], [0.6], [0.8], [0.7], [nan]])
    assert best_epoch(rule, {"eacc": curve, "accuracy": curve, "odds": 0 * curve}, patience).tolist() == [2]


def test_a_rule_without_a_number_is_refused_before_training(trial):
    (replica,) = trial(seeds=[0], selection="eacc").replicas
    model, data = replica.parents["model"], replica.setting.dataset
    keep = ~((data.val["y"] == 1) & (data.val["group"] == 0))
    for rows, rules in ((keep, ["eacc", "tradeoff", "z"]), (keep & False, ["eacc", "accuracy"])):
        less = copy.copy(data)
        object.__setattr__(less, "val", {name: tensor[rows] for name, tensor in data.val.items()})
        for rule in [*rules, "last"]:
            own = SimpleNamespace(
                stage=model.stage, setting=SimpleNamespace(dataset=less), training=copy.copy(model.training)
            )
            object.__setattr__(own.training, "selection", rule)
            if rule == "last":
                check_training(own)
            else:
                with pytest.raises(BadInput, match=f"{rule} is no number"):
                    check_training(own)


RACES = {"African-American": (3696, 0.514), "Caucasian": (2454, 0.394)}  # rows and two-year recidivism, as published
SCALE = 6


@pytest.fixture
def compas(tmp_path):
    """A table of the published marginals, a sixth of its size, whose inputs tell as much as priors and age do."""
    rng, parts = np.random.default_rng(0), []
    for race, (rows, rate) in RACES.items():
        rows = rows // SCALE
        y = rng.permutation((np.arange(rows) < round(rate * rows)).astype(int))
        priors, age = rng.poisson(1.5 + 2.5 * y), rng.normal(36 - 5 * y, 11).round()
        parts.append(pd.DataFrame({"race": race, "priors": priors, "age": age, "recid": y}))
    pd.concat(parts).sample(frac=1, random_state=0).to_csv(tmp_path / "compas.csv", index=False)
    return tmp_path / "compas.csv"


def test_compas_after_five_epochs_is_no_result_anywhere(compas, tmp_path, capsys):
    """The whole way, as it was found: Odds 0.00, EAcc 50.00, and strength 0 chosen by that, without a word."""
    spec = f"{{name: table, path: {compas}, target: recid, protected: race}}"
    methods = "methods={standard: standard, bade: {name: bade, strength: {grid: [0, 1]}}}"
    training = ["training.epochs=5", "training.lr=1e-4", "training.batch=256"]
    arguments = ["bade_benchmarks", "--scale", "smoke", f"tasks={{COMPAS: {spec}}}", methods, *training]
    where = ["launch=local", "launch.engine=alone", f"launch.output={tmp_path}", "launch.tracking=none"]
    assert main(["run", *arguments, *where]) == 0
    said = capsys.readouterr()
    assert said.out.count("it predicts one class (2 of 2 seeds)") == 2
    assert "no result: COMPAS standard: it predicts one class (2 of 2 seeds)" in said.err
    assert "val eacc 50  val odds 0  no result: it predicts one class (2 of 2 seeds)" in said.err
    page = (tmp_path / "reports/bade_benchmarks/smoke/report.html").read_text()
    assert "no verdict, as bade and standard are no results" in page
    assert 'class="good"' not in page


def test_best_trials_finds_doubts_by_itself():
    runs = [ran("m", {"x": 1}, **COLLAPSED), ran("m", {"x": 2}, eacc=[0.3, 0.3], odds=[0.2, 0.2])]
    records = pd.DataFrame([row for _, rows in runs for row in rows])
    assert best_trials(records, ["eacc", "odds"]) == {("t", "m"): runs[1][0].uid}


def test_trials_that_are_judged_together_are_judged_as_each_alone():
    """Of two tasks, of which one has a loss in the place of a share, and one trial that a seed has no number of."""
    runs = [
        ran("m", **WELL),
        ran("n", signs=[("predicted_share", 0.99)], curve=[0.1, 0.2, 0.4, 0.8, 0.9, 0.95, 0.99, 1.0], **WELL),
        ran("m", task="u", mse=[0.1, 0.2], val={"mse": [0.3, np.nan]}),
    ]
    tables = [pd.DataFrame(rows) for _, rows in runs]
    together = pd.concat(tables, ignore_index=True)
    means, doubts = list_val_means(together), find_doubts(together, ("eacc", "odds"))
    assert [*means] == [trial.key for trial, _ in runs]
    for (trial, _), table in zip(runs, tables, strict=True):
        pd.testing.assert_series_equal(pd.Series(means[trial.key]), val_means(table), check_names=False)
        assert doubts.get(trial.key) == find_doubts(table, ("eacc", "odds")).get(trial.key)
    assert [len(doubts.get(trial.key, ())) for trial, _ in runs] == [0, 2, 0]
