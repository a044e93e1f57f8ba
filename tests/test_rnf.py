from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fairray.methods.rnf import MIXTURES, Amplified, Neutralised, gce, partners, proxies
from fairray.methods.standard import Standard
from fairray.networks import Network
from fairray.trial import execute, stages


def test_partners_share_the_label_and_differ_in_the_attribute_where_they_can():
    y = torch.tensor([0, 0, 1, 0, 1, 1, 0])
    a = torch.tensor([0, 1, 0, 0, 0, 0, 1])
    # by hand: the next in the batch, round its end; 2, 4, 5 have no other attribute among their label
    assert partners(y, a).tolist() == [1, 3, 4, 6, 5, 2, 0]


def test_who_is_alone_with_a_label_is_its_own_partner():
    assert partners(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1])).tolist() == [0, 2, 1]


def test_the_target_of_a_hand_computed_batch():
    """Two examples of one label and different groups: the head is asked for the mean of their soft labels."""
    stage = Neutralised(teacher=Standard(), proxy=None, temperature=2.0, smoothing=0.5, privileged=0.5, pace=1.0)
    head = nn.Linear(1, 2, bias=False).double()
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[1.0], [-1.0]]))
    nets = nn.ModuleDict({"main": Network(nn.Identity(), head, 1)})
    z = torch.tensor([[1.0], [3.0]], dtype=torch.float64)
    soft = torch.tensor([[0.9, 0.1], [0.5, 0.5]], dtype=torch.float64)
    batch = {"y": torch.tensor([1, 1]), "attribute": torch.tensor([0, 1]), "soft": soft}

    def c(value):  # softmax of (v, -v)
        p = torch.sigmoid(torch.tensor(2.0 * value, dtype=torch.float64)).item()
        return p, 1 - p

    middle = c(2.0)
    squares = ((middle[0] - 0.7) ** 2 + (middle[1] - 0.3) ** 2) / 2
    rough = 0.0
    for m in MIXTURES:
        for one, other in ((1.0, 3.0), (3.0, 1.0)):
            mixed = c(m * one + (1 - m) * other)
            rough += (abs(mixed[0] - middle[0]) + abs(mixed[1] - middle[1])) / 2  # mean over the two examples
    loss = stage.loss(nets, {"features": z}, batch)
    assert loss.item() == pytest.approx(squares + 0.5 * rough, rel=1e-12)


def test_the_encoder_is_the_standard_model_s_and_stays(trial, store):
    one = trial("rnf", seeds=[0])
    execute([one], store)
    chain = {r.stage.name: store.read(r.uid).tensors for r in stages(one.replicas).values()}
    encoder = [name for name in chain["standard"] if name.startswith("model/main.encoder.")]
    assert encoder
    assert all(torch.equal(chain["standard"][name], chain["neutralised"][name]) for name in encoder)
    assert not torch.equal(chain["standard"]["model/main.head.weight"], chain["neutralised"]["model/main.head.weight"])


def test_gce_lies_between_cross_entropy_and_absolute_error():
    logits, y = torch.randn(20, 2, dtype=torch.float64), torch.randint(2, (20,))
    p = F.softmax(logits, -1)[torch.arange(20), y]
    torch.testing.assert_close(gce(logits, y, 1.0), 1 - p)
    torch.testing.assert_close(gce(logits, y, 1e-9), F.cross_entropy(logits, y, reduction="none"), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(gce(logits, y, 0.3), (1 - p**0.3) / 0.3)


def test_proxies_by_hand():
    """Positive: the surest half is privileged (1). Negative: the surest half is not (0)."""
    sure = torch.tensor([0.9, 0.6, 0.8, 0.7, 0.99, 0.51])
    y = torch.tensor([1, 1, 1, 1, 0, 0])
    other = torch.log(1 - sure)
    logits = torch.where(y[:, None] == 1, torch.stack([other, sure.log()], 1), torch.stack([sure.log(), other], 1))
    assert proxies(logits, y, 0.5).tolist() == [1, 0, 1, 0, 0, 1]
    assert proxies(logits, y, 0.25).tolist() == [1, 0, 0, 0, 1, 1]  # the surest of four, and of two none
    assert proxies(logits, y, 1.0).tolist() == [1, 1, 1, 1, 0, 0]


def test_with_proxies_nobody_looks_at_groups(trial, store):
    """The group of the training examples may be anything: the result is the same."""
    one = trial({"name": "rnf", "attributes": "gce"}, seeds=[0])
    execute([one], store)
    head = next(r for r in stages(one.replicas).values() if r.stage.name == "neutralised")
    assert isinstance(head.stage.proxy, Amplified)
    view = head.stage.view(head.setting, None, {n: store.read(p.uid) for n, p in head.parents.items()})
    amplified = store.read(head.parents["proxy"].uid).tensors["train/logits"]
    assert torch.equal(view.columns["attribute"], proxies(amplified, head.setting.dataset.train["y"], 0.5))


def test_what_is_kept_keeps_its_running_statistics_too(trial, store):
    """The encoder is not trained, so batches of the head's training must not change how it normalises."""
    one = replace(trial("rnf", seeds=[0], dataset={"side": 8}), network={"name": "resnet18", "width": 0.0625})
    execute([one], store)
    head = one.replicas[0].parents["model"]
    teacher, kept = (store.read(uid).tensors for uid in (head.parents["teacher"].uid, head.uid))
    statistics = [name for name in kept if "encoder" in name and "running" in name]
    assert statistics
    assert all(teacher[name].any() for name in statistics if "running_mean" in name)  # they are learnt where it is
    for name in statistics:
        assert torch.equal(kept[name], teacher[name]), name
