"""Artefact relevance against closed forms of LRP's rules, and what LRP conserves."""

import pytest
import torch
from torch import nn

from fairray.concepts.relevance import relevance, relevance_inside
from fairray.errors import BadInput
from fairray.networks import Network
from fairray.networks._pretrained import Normalised
from fairray.networks.mobilenet import MobileNet
from fairray.networks.resnet18 import ResNet18
from fairray.networks.small_cnn import SmallCnn
from fairray.networks.torchvision import Torchvision
from fairray.networks.vgg16 import Vgg16

CLASSES = torch.tensor([0, 1, 2])


def images(side, seed=0):
    return 2 * torch.rand(3, 3, side, side, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) - 1


def linear(*more):
    """A linear model of images of 4 x 4 pixels: a 1 x 1 convolution, a dense layer."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 5, 1), *more, nn.Flatten(), nn.Linear(80, 3)).double()


def shares(model, x):
    """R_p / sum R of a linear model: a pixel's part of the logit, sum_c W_kcp a_cp, without the dense layer's bias."""
    a, dense = model[:-2](x), model[-1]
    parts = (dense.weight[CLASSES].reshape(a.shape) * a).sum(1)
    return (parts / parts.sum((1, 2), keepdim=True)).detach()


def test_of_a_linear_model_relevance_is_a_pixels_part_of_the_logit():
    x, model = images(4), linear()
    R = relevance(model, x, CLASSES)
    assert torch.allclose(R / R.sum((1, 2), keepdim=True), shares(model, x), atol=1e-5)


def test_the_share_inside_a_mask_by_hand():
    x, model = images(4), linear()
    R = shares(model, x).abs()
    masks = torch.zeros(3, 4, 4, dtype=torch.bool)
    masks[0], masks[1, :2] = True, True
    inside = relevance_inside(model, x, masks, CLASSES)
    assert inside.tolist() == pytest.approx([1, float(R[1, :2].sum() / R[1].sum()), 0], abs=1e-5)


def test_a_first_dense_layer_shares_relevance_evenly_so_a_mask_counts_by_its_size():
    model = nn.Sequential(nn.Flatten(), nn.Linear(48, 3)).double()
    masks = torch.zeros(3, 4, 4)
    masks[:, 0, :3] = 1
    assert relevance_inside(model, images(4), masks, CLASSES).tolist() == pytest.approx([3 / 16] * 3)


def test_without_any_relevance_there_is_no_share():
    model = linear()
    nn.init.zeros_(model[-1].weight)
    assert relevance_inside(model, images(4), torch.ones(3, 4, 4), CLASSES).isnan().all()


def test_the_class_decides():
    x, model = images(4), linear()
    assert not torch.allclose(relevance(model, x, CLASSES), relevance(model, x, CLASSES.flip(0)), atol=1e-3)


def normalised(module):
    """Statistics and weights that are not those of the beginning."""
    if isinstance(module, nn.BatchNorm2d):
        for tensor in (module.running_var, module.weight.data):
            tensor.uniform_(0.5, 2)
        for tensor in (module.running_mean, module.bias.data):
            tensor.normal_()


def test_batch_normalisation_counts_as_a_part_of_its_convolution():
    x, model = images(4), linear(nn.BatchNorm2d(5)).apply(normalised).eval()
    R = relevance(model.train(), x, CLASSES)
    assert model.training
    assert torch.allclose(R / R.sum((1, 2), keepdim=True), shares(model.eval(), x), atol=1e-5)


def test_relevance_passes_the_normalisation_of_pixels():
    x, model = images(4), linear()
    shift = Normalised((0.4, 0.5, 0.6), (0.1, 0.2, 0.4)).double()
    assert torch.equal(relevance(nn.Sequential(shift, model), x, CLASSES), relevance(model, shift(x), CLASSES))


NETWORKS = {
    "small_cnn": SmallCnn(channels=4),
    "vgg16": Vgg16(width=0.1),
    "resnet18": ResNet18(width=0.25),
    "mobilenet": MobileNet(width=0.1),
    "torchvision's resnet50": Torchvision(model="resnet50"),
}


def built(network):
    torch.manual_seed(0)
    return network.build((3, 32, 32), 3).double()


@pytest.mark.parametrize("name", NETWORKS)
def test_without_biases_no_relevance_is_lost_or_made(name):
    """What a logit is given arrives at the pixels: in residual blocks too, where plain gradients would double it."""
    model = built(NETWORKS[name])
    for key, p in model.named_parameters():
        if key.endswith("bias"):
            nn.init.zeros_(p)
    R = relevance(model, images(32), CLASSES)
    assert R.sum((1, 2)).tolist() == pytest.approx([1, 1, 1], abs=1e-3)


@pytest.mark.parametrize("name", ["small_cnn", "resnet18"])
def test_the_network_is_left_as_it_is(name):
    model = built(NETWORKS[name]).apply(normalised)
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    relevance(model, images(32), CLASSES)
    after = model.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[key], tensor) for key, tensor in before.items())
    assert all(not module._forward_hooks and module.training for module in model.modules())
    assert all(p.grad is None for p in model.parameters())


class Doubled(nn.Module):
    def forward(self, x):
        return 2 * x


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (Network(nn.Sequential(nn.Conv2d(3, 4, 3), Doubled(), nn.Flatten()), nn.Linear(16, 3), 16), "Doubled"),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.LayerNorm(2)), "LayerNorm"),
        (nn.MultiheadAttention(4, 2), "MultiheadAttention"),
        (Torchvision(model="densenet121").build((3, 32, 32), 3), "DenseNet"),
    ],
)
def test_what_relevance_has_no_rule_for(model, said):
    with pytest.raises(BadInput, match=f"through {said}"):
        relevance(model, images(4).float(), CLASSES)
