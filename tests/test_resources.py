"""What a job is given, by what its networks need; and what the launch says instead."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from fairray.errors import BadInput
from fairray.launch import resources
from fairray.launch.cluster import fit
from fairray.launch.resources import CARD_BYTES, WORKER_FLOPS, Demand, Resources, choose, estimate
from fairray.members import build
from fairray.stages import Numerics, Training
from fairray.study import Launch

CUDA = Numerics(device="cuda")
AUTO = Launch(executor="ray", address="auto", workers="auto", engine="alone")


def data(shape, rows, kind="image"):
    x = torch.zeros(rows, 1).expand(rows, 1)
    return SimpleNamespace(shape=shape, outputs=2, kind=kind, train={"x": x, "y": torch.zeros(rows)})


def test_memory_and_operations_of_a_table_s_network_are_those_counted_by_hand():
    network = SimpleNamespace(build=lambda shape, outputs: nn.Sequential(nn.Linear(10, 7), nn.ReLU(), nn.Linear(7, 2)))
    found = estimate(network, data((10,), 100), Training(batch=50, epochs=3), Numerics())
    parameters, given = 10 * 7 + 7 + 7 * 2 + 2, 50 * (7 + 7 + 2)
    assert found.memory == 4 * (4 * parameters + 2 * given) + 100 * 4 * 2
    assert found.flops == 3 * 3 * 100 * 2 * (10 * 7 + 7 * 2)  # forward, and backward twice as many


@pytest.fixture
def needs(monkeypatch):
    """Chooses for a trial whose networks need so much."""

    def given(launch=AUTO, memory=1.0, flops=1.0, batch=256, numerics=CUDA):
        monkeypatch.setattr(resources, "estimate", lambda *of: Demand(int(memory * CARD_BYTES), flops * WORKER_FLOPS))
        trial = SimpleNamespace(numerics=numerics, network=None, data=None, training=Training(batch=batch))
        return choose(trial, launch)

    return given


@pytest.mark.parametrize(
    ("memory", "gpus"), [(0.001, 0.1), (0.1, 0.1), (0.11, 0.2), (0.5, 0.5), (0.51, 1.0), (3.0, 1.0)]
)
def test_a_job_has_the_tenths_of_a_gpu_that_its_memory_needs_and_a_whole_one_above_a_half(needs, memory, gpus):
    assert needs(memory=memory, flops=0.5) == Resources(1, 1, gpus)


def test_a_pack_that_is_trained_together_needs_its_replicas_memory(needs):
    launch = Launch(address="auto", pack=4, engine="stacked")
    assert needs(launch, memory=0.1).gpus == 0.4


@pytest.mark.parametrize(
    ("flops", "batch", "workers"), [(0.2, 256, 1), (2.5, 256, 3), (99.0, 256, 8), (99.0, 100, 3), (99.0, 8, 1)]
)
def test_a_long_training_has_workers_with_a_share_of_the_batch_that_is_worth_one(needs, flops, batch, workers):
    assert needs(flops=flops, batch=batch).workers == workers


def test_several_workers_have_a_whole_gpu_each(needs):
    assert needs(memory=0.1, flops=2.0) == Resources(2, 1, 1.0)


def test_what_the_launch_says_is_taken(needs):
    launch = Launch(address="auto", workers=3, gpus=0.25, cpus=2)
    assert needs(launch, flops=99.0) == Resources(3, 2, 0.25)


def test_on_cpus_nothing_is_estimated(needs):
    assert needs(numerics=Numerics(), flops=99.0) == Resources(1, 1, 0.0)
    assert needs(Launch(workers=0), numerics=Numerics()) == Resources(0, 1, 0.0)


@pytest.mark.parametrize(("name", "shape"), [("resnet18", (3, 64, 64)), ("small_cnn", (3, 32, 32)), ("mlp", (90,))])
def test_networks_are_measured_without_memory(name, shape):
    member = build("networks", name)
    found = estimate(member, data(shape, 1000), Training(batch=32), Numerics())
    parameters = sum(p.numel() for p in member.build(shape, 2).parameters())
    assert found.memory > 16 * parameters
    assert found.flops > 6 * 20 * 1000 * parameters * 0.9  # each weight is used once an example or more


NODES = [{"CPU": 4.0}, {"CPU": 16.0, "GPU": 2.0}, {"CPU": 16.0, "GPU": 1.0}]


@pytest.mark.parametrize(
    ("need", "jobs"),
    [
        (Resources(0, 1, 0.0), 36),
        (Resources(0, 3, 0.0), 1 + 5 + 5),
        (Resources(0, 1, 0.1), 16 + 10),
        (Resources(0, 1, 0.4), 4 + 2),
        (Resources(0, 12, 1.0), 2),
        (Resources(2, 1, 1.0), 1),
        (Resources(3, 8, 0.0), 4 // 3),
    ],
    ids=str,
)
def test_a_worker_is_whole_on_one_node(need, jobs):
    assert fit(need, NODES, None) == jobs


@pytest.mark.parametrize("need", [Resources(0, 17, 0.0), Resources(0, 1, 3.0), Resources(4, 1, 1.0)], ids=str)
def test_what_fits_nowhere_is_refused(need):
    with pytest.raises(BadInput, match=f"a job needs {need}"):
        fit(need, NODES, None)


def test_a_cluster_that_grows_may_have_nothing_yet():
    assert fit(Resources(0, 2, 1.0), [{}], {"CPU": 64, "GPU": 8}) == 8
