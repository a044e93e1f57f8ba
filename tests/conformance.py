"""What every method must pass: the engines give the same numbers. Methods are tested by existing."""

from pathlib import Path
from unittest import mock

import torch

from fairray import members
from fairray.errors import BadInput
from fairray.evaluation import Evaluation
from fairray.methods import _unlearned
from fairray.store import Store
from fairray.training.stacked import Stacked
from fairray.training.stage import TrainStage
from fairray.trial import dataset, execute, stages


def counted(engine):
    """Counts an engine's steps, so that no proof is of another engine."""
    return mock.patch.object(engine, "step", autospec=True, side_effect=engine.step)


UNMEASURED = str(Path(__file__).with_name("members") / "unmeasured.py")
COUNTED = str(Path(__file__).with_name("members") / "counted.py")
DRAWN_BY_NOBODY = {"boosting", "logistic_regression"}  # methods of which all seeds are one on small data
KINDS = {"table": {}, "image": {"side": 8}}
STAMPED = str(Path(__file__).with_name("members") / "stamped.py")
DATA = {**KINDS, "stamped": {"name": STAMPED, "side": 8}}


def served(method):
    """The kinds of generated data that a method serves; images with an artefact if it serves no others."""
    return [kind for kind in KINDS if serves(method, kind)] or [kind for kind in DATA if serves(method, kind)]


def serves(method, kind):
    try:
        members.load("methods", method)().check(dataset({"name": "toy", "size": 256, **DATA[kind]}))
    except BadInput:
        return False
    return True


def quick(method):
    """A method with few steps of whatever is not under test."""
    few = {"probe_epochs": 2, "attack": {"name": "pgd_l2", "N": 3}, "shards": 2, "lrp": False, "trees": 5}
    few["condition"] = "class"  # the others ask a support vector machine, whose solver stops at 1e-4
    default = members.load("methods", method)()
    return {"name": method, **{name: value for name, value in few.items() if hasattr(default, name)}}


def varied(method, trial, seeds=(0, 1), kind="table"):
    """Two trials of a method that differ in every float, hyperparameters and learning rate; the other has one seed."""
    default = members.load("methods", method)()
    floats = {name: value for name, value in vars(default).items() if isinstance(value, float)}
    return [
        trial(
            {**quick(method), **{name: value * (1 - 0.1 * i) for name, value in floats.items()}},
            seeds=of,
            numerics={"dtype": "float64"},
            dataset=DATA[kind],
            lr=1e-2 / (i + 1),
            epochs=2,
        )
        for i, of in enumerate((seeds, seeds[:1]))
    ]


# of `Training`, every one of them at work
ALL_SETTINGS = {
    "optimizer": "sgd",
    "momentum": 0.8,
    "weight_decay": 0.01,
    "clip": 0.3,
    "class_weights": "balanced",
    "milestones": (1, 2),
    "gamma": 0.5,
    "steps": 7,
}


def to_distribute(trial):
    """A chain of two stages with one loss, and a stage whose two losses' gradients are combined; both kinds with a
    state; both with all settings; random labels; and a loss of gradients of logits."""
    projection = {"name": "adversarial", "update": "projection"}
    keywords = {"seeds": [0], "numerics": {"dtype": "float64"}, "epochs": 3}
    return [
        varied("bade", trial, seeds=[0])[0],
        trial(projection, **keywords),
        trial({"name": "group_dro", "adjustment": 0.5}, **keywords),
        trial("cvar_dro", **keywords),
        trial({"name": "dro", "attack": {"name": "pgd_l2", "N": 3}, "T1": 1}, dataset={"side": 8}, **keywords),
        trial("chi_square_dro", **keywords),
        trial({"name": "suppress", "labels": "random", "classes": [2, 6], "probe_epochs": 1}, **keywords),
        trial(COUNTED, **keywords),
        trial("reweighing", **keywords, **ALL_SETTINGS),
        trial(projection, **keywords, **ALL_SETTINGS),
        trial(UNMEASURED, dataset=DATA["stamped"], penalised={"epochs": 2}, **keywords),
    ]


def artifacts(trials, root, engine):
    """Every tensor that the trials' stages leave, by uid and name."""
    store = Store(str(root))
    every = stages(replica for trial in trials for replica in trial.replicas)
    uids = [uid for uid, replica in every.items() if not isinstance(replica.stage, Evaluation)]  # which leaves none
    with mock.patch.object(_unlearned, "read", return_value=0.5):  # probes would take most of the time
        execute(trials, store, engine, only=uids)
    return {(uid, name): tensor for uid in uids for name, tensor in store.read(uid).tensors.items()}


def assert_stacking_changes_nothing(method, trial, folder, kind="table"):
    """Nor are the replicas of a stack one replica, though they differ in nothing but the seed."""
    trials = varied(method, trial, kind=kind)
    found = assert_engines_agree(trials, folder)
    of = [stages([replica]) for replica in trials[0].replicas]
    one, other = ([tensor for (uid, _), tensor in found.items() if uid in uids] for uids in of)
    assert method in DRAWN_BY_NOBODY or any(not torch.equal(*both) for both in zip(one, other, strict=True))


def assert_engines_agree(trials, folder):
    """Gives what both engines leave."""
    alone = artifacts(trials, folder / "alone", "alone")
    with counted(Stacked) as steps:
        stacked = artifacts(trials, folder / "stacked", "stacked")
    trains = any(isinstance(one.stage, TrainStage) for one in stages(r for t in trials for r in t.replicas).values())
    assert bool(steps.call_count) == trains
    assert alone.keys() == stacked.keys()
    assert len(alone) > (6 if trains else 2) * len(trials)
    for key, tensor in alone.items():
        torch.testing.assert_close(stacked[key], tensor, rtol=1e-10, atol=1e-10)
    return alone
