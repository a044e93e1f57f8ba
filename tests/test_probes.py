"""Probes: they find what there is, and each is the same alone as among others."""

import pytest
import torch
from torch import nn

from fairray.stages import Numerics
from fairray.training import probes as probes_module
from fairray.training.probes import DROPOUT, Examples, Probes, Probing, train_probes

DOUBLE = Numerics(dtype="float64")
CLASSES = (2, 5, 3)


def generators(classes=CLASSES):
    return [torch.Generator().manual_seed(n) for n in classes]


def examples(seed, n=240):
    """The first task is told by a feature, the second by two others, the third by none."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.stack([torch.randint(c, (n,), generator=generator) for c in CLASSES])
    angle = 2 * torch.pi * labels[1] / 5
    features = torch.randn(n, 6, generator=generator, dtype=torch.float64)
    features[:, 0] += 8.0 * labels[0] - 4
    features[:, 1:3] += 6 * torch.stack([angle.sin(), angle.cos()], 1)
    return Examples(features, labels)


def trained(probing=None, keep=(0, 1, 2), train=None, val=None):
    train, val = train or examples(0), val or examples(1)
    classes = [CLASSES[i] for i in keep]
    train, val = (Examples(part.features, part.labels[list(keep)]) for part in (train, val))
    probing = probing or Probing(lr=1e-2, epochs=8, patience=2)
    return train_probes(train, val, classes, probing, torch.Generator().manual_seed(9), generators(classes), DOUBLE)


def accuracy(probes, test, keep=(0, 1, 2)):
    return (probes.predict(test.features) == test.labels[list(keep)]).double().mean(1)


def test_probes_find_what_is_there_and_nothing_else():
    test = examples(2, 2000)
    first, second, third = accuracy(trained(), test).tolist()
    assert first > 0.98
    assert second > 0.95
    assert abs(third - 1 / 3) < 0.05


def test_a_probe_is_the_same_alone_as_among_others():
    """Also when the others go on after it has had its patience."""
    test = examples(2).features
    together = trained(Probing(lr=1e-2, epochs=12, patience=1))
    for i in range(3):
        alone = trained(Probing(lr=1e-2, epochs=12, patience=1), keep=(i,))
        expected = alone.eval()(test)[0]
        torch.testing.assert_close(together.eval()(test)[i, :, : CLASSES[i]], expected, rtol=1e-10, atol=1e-10)


def test_a_class_that_a_task_has_not_is_never_predicted():
    probes = Probes(examples(0).features, CLASSES, Probing(), generators()).double()
    logits = probes(examples(0).features)
    assert torch.isinf(logits[0, :, 2:]).all()
    assert torch.isfinite(logits[1]).all()
    assert probes.predict(examples(0).features)[0].max() <= 1


def test_without_dropout_a_probe_is_the_published_network():
    train = examples(0).features
    probes = Probes(train, CLASSES, Probing(), generators()).double().eval()
    layers = []
    for weight, bias in zip(probes.weights, probes.biases, strict=True):
        layer = nn.Linear(*weight.shape[1:]).double()
        layer.load_state_dict({"weight": weight[1].T, "bias": bias[1, 0]})
        layers += [layer, nn.ReLU()]
    network = nn.Sequential(*layers[:-1])
    assert [tuple(layer.weight.shape) for layer in network[::2]] == [(512, 6), (100, 512), (5, 100)]
    standard = (train - train.mean(0)) / train.std(0, correction=0)
    torch.testing.assert_close(probes(train)[1], network(standard))


def test_dropout_leaves_out_the_published_shares_and_keeps_the_mean():
    probes = Probes(examples(0).features, CLASSES, Probing(), generators()).train()
    for share in DROPOUT:
        dropped = probes._dropped(torch.ones(3, 1000, 50), share)
        assert (dropped == 0).double().mean().item() == pytest.approx(share, abs=0.01)
        assert dropped.mean().item() == pytest.approx(1, abs=0.02)
        assert not torch.equal(dropped[0], dropped[1])
    before = torch.get_rng_state()
    probes.double()(examples(0).features)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_lowest_validation_loss_is_kept():
    """Features of noise: what is learnt longer is only learnt by heart."""
    noise = torch.Generator().manual_seed(3)
    train, val = (
        Examples(torch.randn(100, 6, generator=noise).double(), torch.randint(2, (1, 100), generator=noise))
        for _ in range(2)
    )

    def loss(epochs):
        probing = Probing(lr=1e-2, epochs=epochs, patience=100)
        generator = [torch.Generator().manual_seed(0)]
        order = torch.Generator().manual_seed(9)
        probes = train_probes(train, val, [2], probing, order, generator, DOUBLE).eval()
        return nn.functional.cross_entropy(probes(val.features)[0], val.labels[0]).item()

    losses = [loss(epochs) for epochs in (1, 2, 4, 8, 16)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] == losses[-2]


def test_patience_is_counted_from_the_last_lower_loss(monkeypatch):
    """By hand: one loss that is not lower, twice, ends nothing with a patience of two; two in a row do."""
    losses = iter([3.0, 4.0, 2.0, 3.0, 1.0, 2.0, 3.0, 0.0])
    monkeypatch.setattr(probes_module, "_validated", lambda *_: torch.tensor([next(losses)]))
    trained(Probing(lr=1e-2, epochs=8, patience=2), keep=[0])
    assert list(losses) == [0.0]


def test_scale_and_offset_of_features_do_not_matter_where_they_are_standardised():
    def moved(part):
        return Examples(part.features * 1000 - 77, part.labels)

    same = trained(train=moved(examples(0)), val=moved(examples(1)))
    test = examples(2)
    torch.testing.assert_close(same(moved(test).features), trained().eval()(test.features), rtol=1e-6, atol=1e-6)


def test_a_constant_feature_does_no_harm():
    def silenced(part):
        return Examples(part.features.index_fill(1, torch.tensor([4]), 3.0), part.labels)

    assert accuracy(trained(train=silenced(examples(0)), val=silenced(examples(1))), silenced(examples(2)))[0] > 0.95
