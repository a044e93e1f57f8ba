"""Group DRO against its algorithm written by hand, and the state that it carries."""

import math

import pytest
import torch
import torch.nn.functional as F
from by_hand import assert_same, trained_by_hand
from conformance import KINDS, assert_engines_agree

from fairray.errors import BadInput
from fairray.methods.group_dro import GroupDro
from fairray.store import Store
from fairray.training.alone import Alone
from fairray.training.fit import Pack
from fairray.training.stacked import Stacked
from fairray.trial import dataset, execute

SPEC = {"name": "group_dro", "step_size": 0.3, "adjustment": 2.0}
DOUBLE = {"dtype": "float64"}


def model(one, seed=0):
    return one.replicas[seed].parents["model"]


def learnt(one, folder):
    store = Store(str(folder))
    execute([one], store)
    return store.read(model(one).uid)


class Algorithm:
    """Algorithm 1 in plain numbers: the loss of `trained_by_hand`, and q after each batch."""

    def __init__(self, train, step_size, adjustment):
        self.train, self.step_size, self.adjustment = train, step_size, adjustment
        self.cells = [(train["y"] == label) & (train["group"] == group) for label in (0, 1) for group in (0, 1)]
        self.q, self.empty = [0.25] * 4, 0

    def __call__(self, network, rows):
        each = -F.log_softmax(network(self.train["x"][rows].double()), -1)[range(len(rows)), self.train["y"][rows]]
        losses = [each[cell[rows]].mean() if cell[rows].any() else torch.zeros(()) for cell in self.cells]
        self.empty += sum(not cell[rows].any() for cell in self.cells)
        risen = [
            q * math.exp(self.step_size * (loss.item() + self.adjustment / math.sqrt(cell.sum())))
            for q, loss, cell in zip(self.q, losses, self.cells)
        ]
        self.q = [r / sum(risen) for r in risen]
        return sum(q * loss for q, loss in zip(self.q, losses))


@pytest.mark.parametrize("batch", [100, 12])
@pytest.mark.parametrize("adjustment", [0.0, 2.0])
def test_training_is_the_algorithm_by_hand(adjustment, batch, trial, tmp_path):
    """Batches of twelve lack a subgroup now and then."""
    spec = SPEC | {"adjustment": adjustment}
    one = trial(spec, seeds=[0], numerics=DOUBLE, selection="last", batch=batch, optimizer="sgd", epochs=3)
    algorithm = Algorithm(model(one).setting.dataset.train, 0.3, adjustment)
    expected = trained_by_hand(model(one), algorithm)
    assert (algorithm.empty > 0) == (batch == 12)
    tensors = learnt(one, tmp_path).tensors
    assert_same(tensors, expected)
    assert tensors["state/q"].tolist() == pytest.approx(algorithm.q, rel=1e-9)
    assert max(algorithm.q) > 1.2 * min(algorithm.q)
    assert tensors["state/n"].tolist() == [cell.sum() for cell in algorithm.cells]


def test_the_update_of_a_batch_in_numbers():
    """Cells 0 and 2 have losses log 2 and 0, cells 1 and 3 no examples; the adjustment goes to all of them."""
    logits = torch.tensor([[0.0, 0.0], [-1e3, 1e3]], dtype=torch.float64)
    batch = {"y": torch.tensor([0, 1]), "cell": torch.tensor([0, 2])}
    state = {"q": torch.tensor([0.4, 0.3, 0.2, 0.1]).double(), "n": torch.tensor([1.0, 4.0, 9.0, 16.0]).double()}
    stage = GroupDro(step_size=2.0, adjustment=0.6)
    losses, added = [math.log(2), 0, 0, 0], [0.6, 0.3, 0.2, 0.15]
    risen = [q * math.exp(2 * (loss + a)) for q, loss, a in zip([0.4, 0.3, 0.2, 0.1], losses, added)]
    q = stage.update_state(state, {"logits": logits}, batch)["q"]
    assert q.tolist() == pytest.approx([r / sum(risen) for r in risen])
    loss = stage.loss(None, {"logits": logits}, batch | {"q": q})
    assert loss.item() == pytest.approx(risen[0] / sum(risen) * math.log(2))


def test_the_state_is_that_of_the_epoch_that_is_kept(trial, tmp_path):
    keywords = {"seeds": [0], "numerics": DOUBLE, "lr": 0.2}
    long = learnt(trial(SPEC, epochs=6, selection="accuracy", **keywords), tmp_path)
    kept = int(long.records.query("metric == 'kept_epoch'")["value"].iloc[0])
    assert kept < 5
    short, whole = (learnt(trial(SPEC, epochs=n, selection="last", **keywords), tmp_path) for n in (kept + 1, 6))
    assert torch.equal(long.tensors["state/q"], short.tensors["state/q"])
    assert torch.equal(long.tensors["model/main.head.weight"], short.tensors["model/main.head.weight"])
    assert not torch.allclose(long.tensors["state/q"], whole.tensors["state/q"])


@pytest.mark.parametrize("engine", [Alone, Stacked])
def test_an_engine_restores_the_state_with_the_parameters(engine, trial):
    one = trial(SPEC, numerics=DOUBLE)
    replicas = [model(one, seed) for seed in range(1 if engine is Alone else 2)]
    pack = Pack(replicas, [r.stage.view(r.setting, torch.Generator(), {}) for r in replicas])
    first, second, _ = pack.batches([torch.Generator().manual_seed(0) for _ in replicas])
    trained = pack.engine(engine)
    trained.step(first)
    kept = trained.state()
    trained.step(second)
    then = trained.state()
    trained.restore(kept)
    for before, between, after in zip(kept, then, trained.state()):
        assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
        assert not torch.equal(between["state/q"], before["state/q"])
    trained.step(second)
    assert torch.equal(trained.state()[0]["state/q"], then[0]["state/q"])


@pytest.mark.parametrize("kind", KINDS)
def test_each_replica_of_a_stack_carries_its_own_state(kind, trial, tmp_path):
    keywords = {"numerics": DOUBLE, "epochs": 3, "dataset": KINDS[kind], "selection": "z"}
    specs = [SPEC, SPEC | {"step_size": 0.01, "adjustment": 0.0}]
    assert_engines_agree([trial(spec, **keywords) for spec in specs], tmp_path)


def test_the_worst_subgroup_does_better_than_by_the_mean(trial, tmp_path):
    """Few examples contradict the bias; the mean loss does not mind them."""
    worst = {}
    for method in ("standard", {"name": "group_dro", "step_size": 0.1}):
        one = trial(method, seeds=[0], dataset={"bias": 0.95, "size": 2048}, epochs=15, selection="last")
        logits, test = learnt(one, tmp_path).tensors["test/logits"], model(one).setting.dataset.test
        right = (logits.argmax(-1) == test["y"]).double()
        cells = [right[(test["y"] == y) & (test["group"] == g)].mean().item() for y in (0, 1) for g in (0, 1)]
        worst[one.arm] = min(cells)
    assert worst["group_dro"] > worst["standard"] + 0.05


def test_a_regression_and_an_empty_subgroup_are_refused():
    with pytest.raises(BadInput, match="it is a regression"):
        GroupDro().check(dataset({"name": "adult", "target": "age"}))
    toy = dataset({"name": "toy", "size": 256})
    toy.train["group"], kept = toy.train["y"].clone(), toy.train["group"]
    try:
        with pytest.raises(BadInput, match="no example of the subgroup"):
            GroupDro().check(toy)
    finally:
        toy.train["group"] = kept
