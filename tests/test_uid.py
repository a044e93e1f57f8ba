"""What a result's name depends on, and what not."""

import json
import shutil
from pathlib import Path

import pytest

import fairray

PACKAGE = Path(fairray.__file__).parent
METHODS = ("standard", "undersampling", "reweighing", "bade")

PROGRAM = """
import json
from fairray.trial import Trial, stages
for_method = {}
for name in METHODS:
    trial = Trial("t", name, "toy", name, "mlp")
    for_method[name] = {replica.stage.name: uid for uid, replica in stages(trial.replicas).items()}
print(json.dumps(for_method))
"""


@pytest.fixture
def package(tmp_path, fresh):
    """A copy of the package to edit; calling it gives the uids by method and stage."""
    shutil.copytree(PACKAGE, tmp_path / "fairray")

    def uids(edit=None, old="", new=""):
        if edit:
            path = tmp_path / "fairray" / edit
            assert old in path.read_text()
            path.write_text(path.read_text().replace(old, new))
        return json.loads(fresh(f"METHODS = {METHODS}{PROGRAM}", folder=tmp_path).stdout)

    return uids


def changed(before, after):
    return {(m, stage) for m, uids in before.items() for stage, uid in uids.items() if after[m][stage] != uid}


def test_editing_a_method_rekeys_that_method_and_no_other(package):
    before = package()
    assert changed(before, package("methods/reweighing.py", "expected / counts", "2 * expected / counts")) == {
        ("reweighing", "reweighing"),
        ("reweighing", "evaluation"),
    }


def test_editing_what_all_methods_use_rekeys_all(package):
    before = package()
    after = package("training/streams.py", "CHUNK = 2**20", "CHUNK = 2**19")
    assert changed(before, after) == {(m, stage) for m, uids in before.items() for stage in uids}


def test_editing_a_metric_retrains_nothing(package):
    before = package()
    after = package("metrics/differences.py", "spread(positive_rate(p))", "2 * spread(positive_rate(p))")
    assert changed(before, after) == {(m, "evaluation") for m in METHODS}


def test_comments_and_docstrings_do_not_count(package):
    before = package()
    assert not changed(before, package("methods/bade.py", '"""Learn from', '# why\n    """Learned from'))
    assert not changed(before, package("launch/cluster.py", "REPORT_S = 5.0", "REPORT_S = 6.0"))


SAID = [
    ("__init__.py", '__version__ = "', '__version__ = "9.'),
    ("errors.py", "there is no {kind}", "we know no {kind}"),
    ("members.py", "expected a number", "a number was expected"),
    ("methods/bade.py", "give both of them, on a binary task", "on a binary task, give both"),
    ("metrics/eacc.py", '@measure("EAcc"', '@measure("Equal accuracy"'),
    ("measures.py", 'PERCENT = Unit(" (%)"', 'PERCENT = Unit(" (percent)"'),
    ("report/_grid.py", "def ", "_spare = 1\n\n\ndef "),
    ("launch/study.py", "def run(", "_spare = 1\n\n\ndef run("),
    ("selection.py", "def ", "_spare = 1\n\n\ndef "),
    ("claims.py", "STALE_S = 60.0", "STALE_S = 70.0"),
]


def test_what_changes_no_number_rekeys_nothing(package, tmp_path):
    before = package()
    for file, old, new in SAID:
        path = tmp_path / "fairray" / file
        assert old in path.read_text(), file
        path.write_text(path.read_text().replace(old, new))
    assert not changed(before, package())


def test_editing_a_default_trigger_rekeys_what_holds_it(package):
    before = package()
    after = package("triggers/column.py", "0.5, which", "0.25, which")
    assert changed(before, after) == {("bade", stage) for stage in ("teacher", "student", "evaluation")}


def test_a_uid_depends_on_what_the_result_depends_on(trial):
    uid = trial("bade").replicas[0].uid
    others = [
        trial("bade", seeds=[1]),
        trial({"name": "bade", "temperature": 2.0}),
        trial("bade", dataset={"bias": 0.8}),
        trial("bade", epochs=3),
        trial("bade", numerics={"dtype": "bfloat16"}),
        trial("bade", numerics={"device": "cuda"}),
    ]
    assert len({uid, *(other.replicas[0].uid for other in others)}) == 1 + len(others)
    assert trial("bade", arm="another name", point={"method.strength": 1.0}).replicas[0].uid == uid


def test_a_trial_s_uid_depends_on_all_of_its_seeds(trial):
    assert len({trial(seeds=seeds).uid for seeds in ([0], [0, 1], [0, 2], [1])}) == 4


def test_equal_prefixes_are_shared(trial):
    teachers = {trial({"name": "bade", "temperature": t}).replicas[0].stage.model.teacher for t in (0.5, 1.0, 20.0)}
    assert len(teachers) == 1
    assert trial({"name": "bade", "strength": 1}).last_stage == trial({"name": "bade", "strength": 1.0}).last_stage
