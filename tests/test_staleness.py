"""`fairray plan` says what has changed since a stage was stored."""

import pytest
from silent import Silent

from fairray import config, identity
from fairray.cli import main
from fairray.launch import study as launch_study
from fairray.staleness import Stale, explain, hash_code
from fairray.trial import execute, stages

TOY = ["tasks={Adult: {name: toy, size: 256}}", "methods=[standard]", "seeds=1", "network.depth=1"]


@pytest.fixture
def ask(trial, store):
    """Why a trial is not stored, where that of the plain method was."""
    execute([trial(seeds=[0])], store)

    def why(*trials):
        needed = stages(replica for one in trials for replica in one.ends)
        return explain((one for uid, one in needed.items() if not store.has(uid)), store, needed.keys())

    return why


BOTH = {"standard": 1, "evaluation": 1}


def test_the_setting_that_changed_is_named(ask, trial):
    assert ask(trial(seeds=[0], epochs=3)) == [Stale(BOTH, ("training.epochs: 2 -> 3",))]


def test_data_that_changed_are_named_with_their_hashes(ask, trial):
    now = trial(seeds=[0], dataset={"bias": 0.8})
    hashes = (trial().data.fingerprint[:8], now.data.fingerprint[:8])
    assert ask(now) == [Stale(BOTH, (f"data toy: {hashes[0]} -> {hashes[1]}",))]


def test_data_that_changed_in_every_division_are_one_line(ask, trial):
    first, second = (trial(seeds=[0], dataset={"bias": bias}) for bias in (0.8, 0.7))
    hashes = (trial().data.fingerprint[:8], second.data.fingerprint[:8])
    said = f"data toy: {hashes[0]} -> {hashes[1]} and 1 more"
    assert ask(first, second) == [Stale({"standard": 2, "evaluation": 2}, (said,))]


def test_what_was_never_stored_or_is_another_point_has_not_changed(ask, trial):
    assert ask(trial(seeds=[1])) == []
    assert ask(trial("reweighing", seeds=[0], epochs=3)) == []
    assert ask(trial(seeds=[0]), trial(seeds=[0], epochs=3)) == []


@pytest.mark.parametrize("known", [True, False])
def test_the_files_of_code_that_changed_are_named(known, ask, trial, store):
    """As a stage is found that was stored by other code; earlier versions did not write down the files."""
    (model, _) = stages(trial(seeds=[0]).ends).values()
    spec, artifact = store.spec(model.uid), store.read(model.uid)
    assert spec["files"] == hash_code(model)
    assert spec["files"].keys() >= {"fairray.methods.standard", "fairray.training.fit", "fairray.networks.mlp"}
    store.remove(model.uid)
    spec["key"]["code"] = "of then"
    spec["files"] |= {"fairray.methods.standard": "of then", "fairray_file_gone": "of then"}
    store.write("ab" + "0" * 18, artifact, spec if known else {"key": spec["key"]})
    said = "code: fairray/methods/standard.py, gone.py" if known else "code"
    assert ask(trial(seeds=[0])) == [Stale({"standard": 1}, (said,))]


def test_the_code_of_a_stage_is_that_of_its_uid(trial):
    for one in stages(trial("bade", seeds=[0]).ends).values():
        assert identity.fingerprint(hash_code(one)) == one.key["code"]


def test_plan_says_it(tmp_path, capsys):
    arguments = [*TOY, "launch=local", "launch.tracking=none", f"launch.output={tmp_path}"]
    launch_study.run(config.load("bade_benchmarks", "smoke", arguments), Silent())
    assert main(["plan", "bade_benchmarks", "--scale", "smoke", *arguments, "training.lr=0.5"]) == 0
    (said,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("changed since it was stored")]
    assert said == "changed since it was stored: 1 standard, 1 evaluation: training.lr: 0.001 -> 0.5"
