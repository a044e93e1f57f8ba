"""Whole studies in this process, at smoke scale, on generated data."""

import json
import shlex
import shutil
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from blocks import text_of
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from silent import Silent
from smoke import ARGUMENTS

from fairray import config
from fairray.cli import main
from fairray.errors import BadInput
from fairray.foresight import describe_foresight, foresee
from fairray.launch import local, planning
from fairray.launch import study as launch_study
from fairray.launch.planning import stored_records
from fairray.launch.tracking import Mirror
from fairray.records import headline
from fairray.report import Verdict
from fairray.statistics.power import difference_power, needed_seeds
from fairray.store import Store
from fairray.trial import Trial, dataset, execute, stages

TOY = [*ARGUMENTS[3:], "launch=local", "launch.threads=1", "network.depth=1"]


@pytest.fixture
def study(tmp_path):
    def make(*overrides):
        return config.load("bade_benchmarks", "smoke", [*TOY, f"launch.output={tmp_path}", *overrides])

    return make


@pytest.fixture
def run(study):
    """Runs a study without a mirror; gives its outcome and which stages were computed, by name."""

    def go(*overrides):
        chosen = study(*overrides)
        store = Store(chosen.launch.store_root)
        before = set(_stored(store))
        outcome = launch_study.run(chosen, Silent())
        new = set(_stored(store)) - before
        return outcome, Counter(store.spec(uid)["key"]["stage"].rsplit(".", 1)[-1] for uid in new)

    return go


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    launch_study.run(config.load("bade_benchmarks", "smoke", [*TOY, f"launch.output={folder}"]), Silent())
    return folder


@pytest.fixture
def store_all(whole, tmp_path):
    """Does as if the study had run."""
    return partial(shutil.copytree, whole, tmp_path, dirs_exist_ok=True)


def _stored(store):
    return [path.parent.name for path in Path(store.root).glob("??/*/spec.json")]


def test_running_twice_computes_nothing(run):
    first, computed = run()
    assert (first.trials, first.computed) == (8, 8)
    assert computed == {
        "Standard": 2, "Undersampling": 2, "Reweighing": 2, "Teacher": 10, "Student": 10, "Evaluation": 26
    }  # fmt: skip
    again, computed = run()
    assert (again.computed, computed) == (0, {})


def test_seeds_go_round_the_splits_of_the_data(study):
    """Seed s sees the data set of seed s modulo 2; one split is what it was without any."""
    chosen = study("seeds=4", "splits=2", "methods=[standard]", "tasks={T: {name: toy, seed: 7}}")
    chosen.check()
    (arm,) = chosen.arms()
    drawn = [replica.setting.dataset.fingerprint for replica in arm.corner.replicas]
    assert drawn == [dataset({"name": "toy", "seed": seed}).fingerprint for seed in (7, 8, 7, 8)]
    (one,) = study("seeds=2", "methods=[standard]", "tasks={T: {name: toy, seed: 7}}").arms()
    assert arm.corner.replicas[0].uid == one.corner.replicas[0].uid
    assert arm.corner.replicas[1].uid != one.corner.replicas[1].uid
    again = Trial(**arm.corner.plain)
    assert again.uid == arm.corner.uid


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["seeds=3", "splits=2"], "3 seeds cannot be shared evenly among 2 splits"),
        (["seeds=2", "splits=2", "tasks={M: {name: meps, folder: .}}"], "the data of M are split as published"),
    ],
)
def test_splits_that_cannot_be_are_refused(study, arguments, says):
    with pytest.raises(BadInput, match=says):
        study(*arguments).check()


SEARCH = ["methods=[standard, bade_tuned]", "methods.bade_tuned.strength={grid: [0.0, 1.0]}"]


def test_a_search_s_winner_is_run_on_fresh_seeds_which_alone_are_reported(run, study):
    """Two points on two seeds, the better one again on three others; what is not searched has these alone."""
    outcome, computed = run(*SEARCH, "confirm=3")
    assert outcome.trials == 1 + 2 + 1
    assert computed["Standard"] == 3
    assert computed["Student"] == 2 * 2 + 3
    chosen = study(*SEARCH, "confirm=3")
    found = planning.open_results(chosen)
    (task,) = chosen.tasks
    assert {arm: trial.seeds for (_, arm), trial in found.chosen.items()} == dict.fromkeys(chosen.methods, (2, 3, 4))
    assert found.choices[task, "bade_tuned"].seeds == (0, 1)
    assert found.choices[task, "bade_tuned"].point == found.chosen[task, "bade_tuned"].point
    assert [*found.values(task, "bade_tuned", "odds").index] == [2, 3, 4]
    assert {*found.of(task, "bade_tuned")["seed"]} == {0, 1}
    val = headline(found.records).query("split == 'val' and arm == 'bade_tuned' and metric == 'odds'")
    val = val[val["trial"].isin([found.chosen[task, "bade_tuned"].uid, found.choices[task, "bade_tuned"].uid])]
    means = [val[val["seed"].isin(seeds)]["value"].mean() for seeds in ((0, 1), (2, 3, 4))]
    assert found.measure_optimism(task, "bade_tuned", "odds") == pytest.approx(means)
    assert found.measure_optimism(task, "standard", "odds") is None
    assert "3 fresh ones" in text_of(Verdict()(found))
    assert planning.plan(chosen).trials_stored == 4


def test_plan_tells_by_a_pilot_s_spread_what_the_seeds_will_find(run, study, capsys):
    """Of one comparison in two objectives: at the level .05 / 2, and by the spread of the two seeds that have run."""
    run(SEARCH[0], "methods.bade_tuned.strength=0.5")
    more = study(SEARCH[0], "methods.bade_tuned.strength=0.5", "seeds=6")
    pilot = planning.open_pilot(more)
    (task,) = more.tasks
    differences = pilot.values(task, "bade_tuned", "eacc") - pilot.values(task, "standard", "eacc")
    eacc, odds = foresee(more, pilot)
    assert (eacc.metric, eacc.pilot, eacc.seeds, eacc.family) == ("eacc", 2, 6, 2)
    assert eacc.spread == pytest.approx(differences.std())
    assert difference_power(6, eacc.spread, eacc.found, 0.025) == pytest.approx(0.8)
    assert eacc.needed == needed_seeds(eacc.spread, 0.01, 0.025)
    declared = [*foresee(study(SEARCH[0], "spread={odds: 2.5}"), None)]
    assert [(one.metric, one.spread, one.pilot) for one in declared] == [("odds", 0.025, 0)]
    assert "declare spread: {odds: 1.0}" in next(iter(describe_foresight([])))
    assert any("needs n = " in line and "of 2 stored seeds" in line for line in describe_foresight([eacc, odds]))


def test_two_studies_are_compared_in_what_they_declare_and_find(run, study, capsys, tmp_path):
    """With another learning rate, by seed; with more seeds, of two samples; with itself, nothing differs."""
    one, two = ["methods=[standard]"], ["methods=[standard]", "training.lr=0.1"]
    run(*one)
    run(*two)
    texts = [shlex.join(["bade_benchmarks", "--scale", "smoke", *TOY, f"launch.output={tmp_path}", *own])
             for own in (one, two)]  # fmt: skip
    assert main(["compare", *texts]) == 0
    said = capsys.readouterr().out
    assert "training.lr: 0.001 | 0.1" in said
    assert "by seed, p = " in said
    assert main(["compare", texts[0], texts[0]]) == 0
    said = capsys.readouterr().out
    assert "nothing is declared otherwise" in said
    assert said.count("the same in every seed") == 2
    assert main(["compare", texts[0], f"{texts[0]} seeds=7"]) == 2
    assert "nothing of it is stored yet" in capsys.readouterr().err
    assert main(["report", *shlex.split(texts[1])]) == 0
    report = tmp_path / "reports" / "bade_benchmarks" / "smoke"
    for first, second, expected in ((texts[1], report, "nothing is"), (report, texts[0], "training.lr: 0.1 | 0.001")):
        assert main(["compare", str(first), str(second)]) == 0
        assert expected in capsys.readouterr().out
    (report / "chosen.csv").unlink()
    assert main(["compare", texts[0], str(report)]) == 2
    assert "it is no report with declared.json and chosen.csv" in capsys.readouterr().err


def test_more_seeds_compute_only_the_new_ones(run, store_all):
    store_all()
    _, computed = run("seeds=5")
    assert computed == {
        "Standard": 3, "Undersampling": 3, "Reweighing": 3, "Teacher": 15, "Student": 15, "Evaluation": 39
    }  # fmt: skip


def test_a_temperature_sweep_trains_its_teachers_once(run):
    _, computed = run("methods.bade_tuned.strength=0.5", "methods.bade_tuned.temperature={grid: [0.5, 1, 2, 4]}")
    assert computed["Teacher"] == 2 + 2  # two seeds at strength 1, two at .5
    assert computed["Student"] == 2 + 8


def test_widening_a_grid_computes_only_the_new_points(run, store_all):
    store_all()
    _, computed = run("methods.bade_tuned.strength={grid: [0.0, 0.25, 0.3, 0.5, 0.75, 1.0]}")
    assert computed == {"Teacher": 2, "Student": 2, "Evaluation": 4}


def test_plan_says_what_run_does(store_all, study):
    planned = planning.plan(study())
    assert (planned.trials, planned.trials_stored, planned.stages) == (8, 0, 52)
    assert planned.shared == 0
    store_all()
    planned = planning.plan(study())
    assert (planned.trials_stored, planned.stages_stored) == (8, 52)
    swept = planning.plan(study("methods.bade_tuned.temperature={grid: [1.0, 2.0]}"))
    assert swept.shared == 2 * 2 * 5  # the teachers of five strengths, and what they are worth


@pytest.mark.parametrize("search", ["tpe", "nsga2"])
def test_adaptive_searches_repeat_themselves(run, study, search):
    arguments = ("methods=[standard, bade_tuned]", f"search={search}", "search.points=6", "search.batch=3",
                 "methods.bade_tuned.strength={low: 0.0, high: 1.0}")  # fmt: skip
    outcome, computed = run(*arguments)
    assert outcome.trials == 1 + 6
    assert computed["Teacher"] == 2 * 6
    again, computed = run(*arguments)
    assert (again.trials, again.computed, computed) == (7, 0, {})
    records, trials = stored_records(study(*arguments))
    assert len(trials) == 7
    assert records["method.strength"].dropna().nunique() == 6


def test_a_point_that_a_search_asks_for_again_counts_once(run, study):
    """Six points of two values."""
    arguments = ("methods=[bade_tuned]", "baseline=null", "search=tpe", "search.points=6", "search.batch=2",
                 "methods.bade_tuned.strength={grid: [0.5, 1.0]}")  # fmt: skip
    outcome, _ = run(*arguments)
    assert (outcome.trials, outcome.computed) == (2, 2)
    assert run(*arguments)[0].computed == 0
    records, trials = stored_records(study(*arguments))
    assert len(trials) == 2
    assert not records.duplicated(["trial", "uid", "epoch", "metric", "split", "group"]).any()


def test_words_can_be_searched_too(tmp_path, capsys):
    arguments = [*TOY, f"launch.output={tmp_path}", "methods=[standard]", "training.selection={grid: [eacc, last]}"]
    assert main(["run", "bade_benchmarks", "--scale", "smoke", *arguments]) == 0
    assert "selection = " in capsys.readouterr().out


def test_a_failure_costs_nothing_else(run, monkeypatch):
    def breaks(trials, *rest):
        if trials[0].arm == "reweighing":
            raise RuntimeError("this one breaks")
        execute(trials, *rest)

    monkeypatch.setattr(local, "execute", breaks)
    few = "methods=[standard, reweighing, bade]"
    outcome, computed = run(few)
    assert [trial.arm for trial, _ in outcome.failures] == ["reweighing"]
    assert "this one breaks" in outcome.failures[0][1]
    assert outcome.computed == 2
    assert "Reweighing" not in computed
    monkeypatch.undo()
    outcome, computed = run(few)
    assert computed == {"Reweighing": 2, "Evaluation": 2}


def test_records_are_tidy(store_all, study):
    store_all()
    records, trials = stored_records(study())
    assert {"task", "arm", "trial", "seed", "stage", "split", "group", "epoch", "metric", "value", "uid"} <= {*records}
    assert set(records["arm"]) == {"standard", "undersampling", "reweighing", "bade", "bade_tuned"}
    last = headline(records).query("split == 'test' and metric == 'odds'")
    assert last.groupby("trial")["seed"].nunique().eq(2).all()
    assert records["uid"].isin(stages(r for t in trials for r in t.ends)).all()


def test_a_study_is_followed_until_all_of_it_is_stored(study, run):
    seen = planning.watch(study("methods=[standard, bade]"), every_s=0.0)
    assert next(seen).stages_stored == 0
    run("methods=[standard, bade]")
    last = next(seen)
    assert last.stages_stored == last.stages > 0
    assert list(seen) == []


def test_status_says_how_far_a_study_is(tmp_path, capsys):
    arguments = ["bade_benchmarks", "--scale", "smoke", *TOY, "methods=[standard]", f"launch.output={tmp_path}"]
    assert main(["run", *arguments, "launch=local"]) == 0
    capsys.readouterr()
    assert main(["status", *arguments, "--follow"]) == 0
    assert "1 of 1 trial, 100% of 4 stages stored, 0 running" in capsys.readouterr().out


def test_plan_as_json(tmp_path, capsys):
    assert main(["plan", "bade_benchmarks", "--scale", "smoke", "--json", *TOY, f"launch.output={tmp_path}"]) == 0
    planned = json.loads(capsys.readouterr().out)
    assert planned["trials"] == 8
    assert [arm["method"] for arm in planned["arms"]][-1] == "bade_tuned"


def test_meps_joins_when_its_folder_is_given(study, meps_folder):
    assert study().left_out["MEPS"] == "folder is not given: tasks.MEPS.folder=DIR"
    joined = study(f"tasks.MEPS.folder={meps_folder}")
    assert list(joined.tasks) == ["Adult", "MEPS"]
    joined.check()
    assert planning.plan(joined).trials == 16


def test_methods_and_tasks_can_be_chosen(study):
    chosen = study("methods=[bade_tuned, standard]", "tasks=[Adult]", "methods.bade_tuned.temperature=2")
    assert list(chosen.methods) == ["bade_tuned", "standard"]
    assert chosen.methods["bade_tuned"].corner.temperature == 2
    assert len(chosen.methods["bade_tuned"].space["strength"].grid) == 5
    assert list(chosen.tasks) == ["Adult"]
    assert chosen.left_out == {}


def test_a_mirror_that_fails_costs_nothing_and_is_filled_in_later(study, tmp_path, capsys, monkeypatch):
    def away(*_, **__):
        raise MlflowException("the server is away")

    chosen = study("methods=[standard, bade, bade_tuned]", "methods.bade_tuned.strength={grid: [0.5, 1.0]}")
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "log_batch", away)
        assert launch_study.run(chosen, Mirror(chosen, uri)).computed == 3
    assert "the server is away" in capsys.readouterr().err
    launch_study.run(chosen, Mirror(chosen, uri))
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("bade_benchmarks").experiment_id
    runs = client.search_runs([experiment], filter_string="attributes.status = 'FINISHED'", max_results=100)
    assert sum("fairray.trial" in run.data.tags and "test_odds" in run.data.metrics for run in runs) == 4
