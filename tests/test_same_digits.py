"""The same command gives the same digits, however its stages are cut into packs, and whatever is stored already."""

import pytest
import ray
import torch
from conformance import counted
from smoke import ARGUMENTS
from torch import nn

from fairray import config
from fairray.launch.planning import open_results
from fairray.launch.study import run
from fairray.networks.mlp import Mlp
from fairray.networks.small_cnn import SmallCnn
from fairray.stages import Numerics
from fairray.store import Store
from fairray.training.stacked import FEWEST, LONGEST, WIDEST, Stacked, stacks_well
from fairray.training.stage import TrainStage
from fairray.trial import execute, stages

FAMILIES = {
    "standard": {},
    "bade": {},
    "mfd": {},
    "cosines": {"name": "mfd", "kernel": "poly"},
    "rnf": {},
    "adversarial": {},
    "projection": {"name": "adversarial", "update": "projection"},
    "group_dro": {},
    "cvar_dro": {},
    "chi_square_dro": {},
    "penalty": {},
    "penalty norm": {"name": "penalty", "form": "norm", "criterion": "parity"},
    "penalty kl": {"name": "penalty", "form": "kl"},
}


def trained(one):
    return [replica for replica in stages(one.ends).values() if isinstance(replica.stage, TrainStage)]


def digits(store, replicas):
    """Every byte that training left for tables and later stages."""
    found = {}
    for replica in replicas:
        artifact = store.read(replica.uid)
        found |= {(replica.uid, name): tensor.numpy().tobytes() for name, tensor in artifact.tensors.items()}
        found[replica.uid, "records"] = artifact.records.to_csv()
    return found


@pytest.mark.parametrize("name", FAMILIES)
def test_digits_do_not_depend_on_who_is_in_the_pack(name, trial, tmp_path):
    """Five in a stack, one by one, and three after two."""

    def make(seeds):
        return trial({"name": name, **FAMILIES[name]}, seeds=seeds, epochs=2, dataset={"size": 130})

    whole = make((0, 1, 2, 3, 4))
    models = trained(whole)
    together, apart, later = (Store(str(tmp_path / place)) for place in ("together", "apart", "later"))
    only = [replica.uid for replica in models]
    with counted(Stacked) as steps:
        execute([whole], together, only=only)
    assert steps.call_count
    execute([whole], apart, "alone", only=only)
    for some in (make((3, 1)), whole):
        execute([some], later, only=[replica.uid for replica in trained(some)])
    expected = digits(apart, models)
    assert digits(together, models) == expected
    assert digits(later, models) == expected


@pytest.mark.parametrize("rule", ["accuracy", "z"])
def test_nor_does_the_end_of_patience(rule, trial, tmp_path):
    """A replica has no epochs that others of its pack trained on for; z changes with every epoch that it knows of."""
    given = {"patience": 2, "epochs": 12, "selection": rule, "lr": 0.3, "weight_decay": 0.02}
    one = trial(seeds=range(6), dataset={"size": 130}, **given)
    together, apart = Store(str(tmp_path / "together")), Store(str(tmp_path / "apart"))
    execute([one], together, "stacked")
    execute([one], apart, "alone")
    ends = {len(apart.records(replica.uid).query("metric == 'loss'")) for replica in trained(one)}
    assert len(ends) > 1
    assert digits(together, trained(one)) == digits(apart, trained(one))


@pytest.mark.parametrize("given", [{"lr": 0.003}, {"clip": 0.3}, {"optimizer": "sgd", "weight_decay": 0.01}], ids=str)
def test_nor_do_they_with_other_optimizers(given, trial, tmp_path):
    """Replicas with rates of their own, gradients that are clipped, and another optimizer."""
    trials = [trial(seeds=(0, 1, 2), epochs=2), trial(seeds=(0, 1, 2), epochs=2, **given)]
    models = [model for one in trials for model in trained(one)]
    found = []
    for engine in ("stacked", "alone"):
        store = Store(str(tmp_path / engine))
        execute(trials, store, engine)
        found.append(digits(store, models))
    assert found[0] == found[1]


SMALL = Mlp(units=16, depth=1).build((8,), 2)


@pytest.mark.parametrize(
    ("nets", "replicas", "batch", "numerics", "stacks"),
    [
        (SMALL, FEWEST, 100, {}, True),
        (SMALL, FEWEST - 1, 100, {}, False),
        (SMALL, FEWEST, LONGEST, {}, False),
        (SMALL, FEWEST, 100, {"dtype": "float64"}, False),
        (SMALL, FEWEST, 100, {"dtype": "bfloat16"}, False),
        (SMALL, 2, LONGEST, {"device": "cuda"}, True),
        (SMALL, 1, 100, {"device": "cuda"}, False),
        (Mlp(units=WIDEST, depth=1).build((8,), 2), FEWEST, 100, {}, True),
        (Mlp(units=8, depth=1).build((WIDEST + 1,), 2), FEWEST, 100, {}, False),
        (Mlp(units=1024, depth=3).build((8,), 2), FEWEST, 1, {"device": "cuda"}, False),
        (SmallCnn(channels=2).build((3, 8, 8), 2), 25, 1, {}, False),
        (SmallCnn(channels=2).build((3, 8, 8), 2), 25, 1, {"device": "cuda"}, True),
        (nn.Sequential(SMALL, nn.LayerNorm(2)), FEWEST, 100, {}, False),
    ],
)
def test_an_engine_is_chosen_by_network_and_size(nets, replicas, batch, numerics, stacks):
    assert stacks_well(nets, replicas, batch, Numerics(**numerics)) is stacks


def test_a_spec_says_how_its_stage_was_computed(trial, store):
    """Stages that train say with whom; all say by which packages and on which machine."""
    one = trial(seeds=range(FEWEST))
    execute([one], store)
    for uid, replica in stages(one.ends).items():
        made = store.spec(uid)["made"]
        assert (made["torch"], made["threads"]) == (torch.__version__, torch.get_num_threads())
        assert made.get("engine") == ("stacked" if isinstance(replica.stage, TrainStage) else None)
    models = [replica.parents["model"].uid for replica in one.replicas]
    assert [sorted(store.spec(uid)["made"]["pack"]) for uid in models] == [sorted(models)] * FEWEST


STUDY = [*ARGUMENTS[3:], "methods=[standard, bade]", "seeds=5", "tasks.Adult.size=130", "launch.tracking=none"]


def records(folder, *given):
    """What a study's records.csv holds, after it has run."""
    study = config.load(ARGUMENTS[0], "smoke", [*STUDY, f"launch.output={folder}", *given])
    assert not run(study).failures
    return open_results(study).records.to_csv()


def test_a_study_s_records_are_the_same_however_it_is_cut(tmp_path):
    """In jobs of any size, and after a part of it; launch.pack is the most that a job begins with."""
    local = ["launch=local", "launch.threads=1"]
    whole = records(tmp_path / "whole", *local)
    assert records(tmp_path / "single", *local, "launch.pack=1") == whole
    records(tmp_path / "pairs", *local, "seeds=2")
    assert records(tmp_path / "pairs", *local, "launch.pack=2") == whole


@pytest.mark.slow
def test_nor_do_they_depend_on_slots(tmp_path):
    """On Ray with one slot and with two, beside one process."""
    try:
        found = [records(tmp_path / str(cpus), f"launch.cpus={cpus}", "launch.threads=1") for cpus in (1, 2)]
    finally:
        ray.shutdown()
    assert found == 2 * [records(tmp_path / "local", "launch=local", "launch.threads=1")]
