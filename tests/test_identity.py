"""What a uid is made of: values, the content of files, code; nothing that cannot change a number."""

import ast
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from fairray import catalogue, config, identity, members
from fairray.errors import BadInput
from fairray.evaluation import Evaluation
from fairray.metrics.odds import odds
from fairray.store import Store
from fairray.triggers.badnet import BadNet

SYNTAX = Path(__file__).with_name("syntax.txt")


@dataclass(frozen=True)
class Holder:
    value: Any = None
    more: dict[str, Any] = field(default_factory=dict)


def test_a_file_counts_by_what_it_holds(tmp_path):
    here, there, other = tmp_path / "a.bin", tmp_path / "sub" / "b.bin", tmp_path / "c.bin"
    there.parent.mkdir()
    for path, held in ((here, b"x"), (there, b"x"), (other, b"y")):
        path.write_bytes(held)
    uids = [identity.digest(Holder(path)) for path in (here, there, other)]
    assert uids[0] == uids[1] != uids[2]
    other.write_bytes(b"x")
    assert identity.digest(Holder(other)) == uids[0]
    with pytest.raises(BadInput, match="no such file"):
        identity.digest(Holder(tmp_path / "absent"))


def test_a_folder_counts_by_the_files_in_it(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep" / "a").write_text("1")
    same = identity.digest(tmp_path / "one")
    assert same == identity.digest(tmp_path / "two")
    (tmp_path / "two" / "deep" / "a").rename(tmp_path / "two" / "deep" / "b")
    assert identity.digest(tmp_path / "two") != same


@pytest.mark.parametrize(
    "value", [{1, 2}, torch.zeros(3), object(), lambda x: x, partial(odds), {3: "x"}, Holder, b"x"]
)
def test_what_has_no_lasting_name_is_refused(value):
    with pytest.raises(TypeError):
        identity.digest(Holder(value))


def test_values_of_different_types_differ():
    values = [1, 1.0, "1", True, None, (), {}, "None", [1], [[1]], Holder(1), {"value": 1, "more": {}}, odds]
    assert len({identity.digest(value) for value in values}) == len(values)
    assert identity.digest((1, 2)) == identity.digest([1, 2])  # as they travel
    assert identity.digest({"a": 1, "b": 2}) == identity.digest({"b": 2, "a": 1})


def test_the_same_uid_in_every_process(trial):
    program = "from fairray.trial import Trial; print(Trial('t', 'a', 'toy', 'bade', 'mlp').uid)"
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"  # not this process's
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == type(trial("bade"))("t", "a", "toy", "bade", "mlp").uid


def test_a_default_is_the_same_as_itself_spelled_out(trial):
    """BaDe's trigger, the tasks that are suppressed, a cost: what they stand for is in the stage."""
    images = {"side": 8}
    spelled = trial({"name": "bade", "trigger": "badnet"}, dataset=images)
    assert trial("bade", dataset=images).uid == spelled.uid
    assert trial("bade").uid == trial({"name": "bade", "trigger": "column"}).uid
    named = {"name": "suppress", "suppressed": ["group"]}
    assert trial("suppress").uid == trial(named).uid


def test_a_stage_holds_its_metrics(trial):
    stage = trial("standard").last_stage
    assert odds in stage.metrics
    replica = trial("standard").replicas[0]
    assert "fairray.metrics.odds" in identity.modules(replica.stage.hyperparameters)


def closures():
    """The modules whose code is in the uid of some stage, of every study at smoke scale."""
    found = {}
    for name in catalogue.studies():
        for arm in config.load(name, "smoke").arms():
            for replica in _all(arm.corner.replicas[0]):
                own = (replica.stage.hyperparameters, replica.setting.network)
                names = {type(replica.stage).__module__, "fairray.stages", *identity.modules(own)}
                found[type(replica.stage).__name__] = identity.closure(names)
    return found


def _all(replica):
    yield replica
    for parent in replica.parents.values():
        yield from _all(parent)


def test_only_rooms_that_compute_are_in_a_uid():
    """Neither what checks, launches, stores, selects, reports or prints."""
    rooms = {"artefacts", "attacks", "concepts", "costs", "datasets", "methods", "metrics", "networks", "saliency"}
    rooms |= {"statistics", "training", "triggers"}
    alone = {"data", "defences", "evaluation", "records", "signs", "stages"}
    for stage, names in closures().items():
        for name in names:
            assert name.split(".")[1] in rooms | alone, (stage, name)


def test_what_cannot_change_a_number_is_one_short_list():
    inert = {"catalogue", "checkpoints", "errors", "files", "identity", "measures", "members", "memory", "pixels"}
    assert {"fairray", *(f"fairray.{name}" for name in inert)} == identity.INERT


def test_a_trained_stage_names_the_loop():
    assert {"fairray.training.fit", "fairray.training.stacked"} <= closures()["Standard"]


def test_an_older_store_is_told_apart(tmp_path):
    old = tmp_path / "store" / "ab" / "abcdef"
    old.mkdir(parents=True)
    (old / "spec.json").write_text("{}")
    with pytest.raises(BadInput, match="scheme 1, and this fairray knows those of scheme 2"):
        Store(str(tmp_path / "store"))


def test_a_store_says_its_scheme(trial, store):
    from fairray.trial import execute

    assert store.scheme is None
    one = trial(seeds=[0])
    execute([one], store)
    assert Store(store.root).scheme == identity.SCHEME
    assert store.spec(one.replicas[0].uid)["key"]["scheme"] == identity.SCHEME
    (Path(store.root) / "scheme").write_text("3")
    with pytest.raises(BadInput, match="scheme 3"):
        Store(store.root)


def test_the_fingerprint_is_the_same_in_other_pythons():
    """syntax.txt has all of Python's syntax up to 3.11; the table was made by identity.py in CPython 3.11 to 3.14."""
    table = json.loads(SYNTAX.with_suffix(".json").read_text())
    assert {"3.11", "3.12", "3.13"} <= table.keys()
    assert set(table.values()) == {identity._meaning(SYNTAX)}
    nodes = {type(node) for node in ast.walk(ast.parse(SYNTAX.read_text()))}
    kinds = (ast.expr, ast.stmt, ast.pattern)
    known = {cls for kind in kinds for cls in kind.__subclasses__() if not cls.__module__.startswith("_ast_")}
    deprecated = {"Num", "Str", "Bytes", "NameConstant", "Ellipsis"}
    new = {"TypeAlias", "TemplateStr", "Interpolation"}
    assert {cls.__name__ for cls in known} - deprecated - new <= {cls.__name__ for cls in nodes}


def meaning(path, text):
    path.write_text(text)
    return identity._meaning(path)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 1", "x = 1  # why"),
        ("def f():\n    '''Doc.'''\n    return 1", "def f():\n    '''Other.'''\n    return 1"),
        ("if a:\n    raise E('one', 'two')", "if a:\n    raise E('other', b) from e"),
        ("assert x, 'one'", "assert x, 'two'"),
        ("x = 'a'", 'x = "a"'),
        ("x = 'a'", "x = u'a'"),
    ],
)
def test_what_is_said_does_not_count(tmp_path, before, after):
    assert meaning(tmp_path / "a.py", before) == meaning(tmp_path / "b.py", after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 1", "x = 1.0"),
        ("x = a", "x = b"),
        ("assert x", "assert y"),
        ("if a:\n    raise E", "if b:\n    raise E"),
        ("x = f(a)[0]", "x = f(a[0])"),
        ("x = [a, b]", "x = [a], b"),
        ("f(a, b=c)", "f(a, c)"),
        ("x = None", "x = ..."),
        ("def f(a, *, b): pass", "def f(a, b): pass"),
    ],
)
def test_what_computes_counts(tmp_path, before, after):
    assert meaning(tmp_path / "a.py", before) != meaning(tmp_path / "b.py", after)


HELPED = """
from dataclasses import dataclass
import torch
{form}
__all__ = ["Mine"]

@dataclass(frozen=True, kw_only=True)
class Mine:
    def __call__(self, x, which):
        return torch.cat([x, shift(which.to(x.dtype))[:, None]], dim=1)
"""


@pytest.mark.parametrize("form", ["from helper import shift", "from .helper import shift"])
def test_what_lies_beside_a_user_s_file_counts(tmp_path, fresh, form):
    """In a process for each version, as modules are loaded once."""

    def uid():
        program = (
            "from fairray.trial import Trial\n"
            "print(Trial('t', 'a', 'toy', {'name': 'bade', 'trigger': './mine.py'}, 'mlp').uid)"
        )
        return fresh(program, folder=tmp_path).stdout

    (tmp_path / "mine.py").write_text(HELPED.format(form=form))
    (tmp_path / "helper.py").write_text("from deeper import one\ndef shift(which):\n    return which + one\n")
    (tmp_path / "deeper.py").write_text("one = 1\n")
    if form.startswith("from ."):
        (tmp_path / "helper.py").write_text("from .deeper import one\ndef shift(which):\n    return which + one\n")
    (tmp_path / "unused.py").write_text("one = 1\n")
    before = uid()
    (tmp_path / "deeper.py").write_text("one = 1  # the same\n")
    (tmp_path / "unused.py").write_text("one = 2\n")
    assert uid() == before
    (tmp_path / "deeper.py").write_text("one = 2\n")
    assert uid() != before


def test_two_helpers_of_one_name_are_not_taken_for_each_other(tmp_path):
    for number, folder in enumerate(("first", "second")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"m{folder}.py").write_text(HELPED.format(form="from same_name import shift"))
        (tmp_path / folder / "same_name.py").write_text(f"def shift(which):\n    return which + {number}\n")
    members.load("triggers", str(tmp_path / "first" / "mfirst.py"))
    with pytest.raises(BadInput, match="has the same name"):
        members.load("triggers", str(tmp_path / "second" / "msecond.py"))
    del sys.modules["same_name"]


def test_a_trigger_s_code_is_in_the_uid_of_each_stage_that_holds_it(trial):
    """A stage needs to say nothing for that: any stage that holds a member does."""
    for method in ("bade", "artificial_bias", "trigger_impact"):
        data = {"side": 8}
        last = trial({"name": method, "trigger": {"name": "badnet"}}, dataset=data).replicas[0]
        held = [r for r in _all(last) if BadNet() in r.stage.hyperparameters.values()]
        assert held
        for replica in held:
            assert "fairray.triggers.badnet" in identity.modules(replica.stage.hyperparameters)


# What `fairray run` does with a file of a user's: loads it, then makes uids; in between, perhaps, it is edited.
LOADS = """
import sys
from pathlib import Path
from fairray import identity, members
sys.dont_write_bytecode = False
module = members.file(Path(sys.argv[1]))
for path in map(Path, sys.argv[2:]):
    path.write_text(path.read_text().replace("1", "2"))
print(module.VALUE, identity.fingerprint([module.__name__]))
"""


@pytest.mark.parametrize("edited", ["mine.py", "helper.py", "pack/inner.py"])
def test_what_runs_is_what_is_hashed(edited, tmp_path, fresh):
    """Though a file was edited since it was loaded, or in the second in which it was compiled, to the same length."""
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text("")
    (tmp_path / "pack" / "inner.py").write_text("INNER = 1\n")
    (tmp_path / "helper.py").write_text("HELP = 1\n")
    (tmp_path / "mine.py").write_text(
        "from pack import inner\nfrom .helper import HELP\nVALUE = 1, HELP, inner.INNER\n"
    )
    path, start = tmp_path / edited, (tmp_path / edited).stat()

    def load(*edits):
        return fresh(LOADS, tmp_path / "mine.py", *edits, folder=tmp_path).stdout

    first, meanwhile = load(), load(path)
    os.utime(path, ns=(start.st_atime_ns, start.st_mtime_ns))
    later = load()
    assert meanwhile == first
    assert later.count("2,") + later.count("2)") == 1
    assert later.split()[-1] != first.split()[-1]


def test_a_stage_is_named_once_however_many_come_after_it(trial, monkeypatch):
    named = []
    name = identity.name
    monkeypatch.setattr(identity, "name", lambda key: named.append(key) or name(key))
    needed = trial("bade", seeds=[0, 1]).needed
    models = [one.key["stage"] for one in needed.values() if not isinstance(one.stage, Evaluation)]
    assert sorted(key["stage"] for key in named if "stage" in key and "model" not in key["before"]) == sorted(models)
