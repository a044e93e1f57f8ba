from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
import yaml
from torch import nn
from torch.func import functional_call, grad, stack_module_state, vmap

from fairray import registry
from fairray.errors import BadInput
from fairray.networks import _torchvision
from fairray.networks._torchvision import imported

NAMES = registry.names("networks")
IMAGE = [name for name in NAMES if name != "mlp"]
PUBLISHED = {  # network: (image side in px, parameters, the reference implementation)
    "resnet18": (224, 11_689_512, lambda: imported("torchvision.models").resnet18()),
    "vgg16": (224, 138_357_544, lambda: imported("torchvision.models").vgg16()),
    "inception_v4": (299, 42_679_816, lambda: imported("timm.models.inception_v4").InceptionV4()),
    "vit_b_16": (224, 86_567_656, lambda: imported("torchvision.models").vit_b_16()),
    "swin": (224, 28_288_354, lambda: imported("torchvision.models").swin_t()),
}


def network(name, size=(28, 28), outputs=3, **arguments):
    return registry.build("networks", {"name": name, **arguments}).build((3, *size), outputs)


def small(name, size=(28, 28), seed=0):
    """The network with few channels, initialised by a seed."""
    default = registry.load("networks", name)()
    cuts = {key: 1 / 16 if isinstance(value, float) else min(value, 8) for key, value in vars(default).items()}
    torch.manual_seed(seed)
    return network(name, size, **cuts)


def images(number, size=(28, 28)):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (number, 3, *size), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("size", [(28, 28), (64, 64), (112, 112), (30, 41)], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_features_and_logits_have_the_sizes_that_the_network_says(name, size):
    net, x = small(name, size), images(2, size)
    features = net.encode(x)
    assert features.shape == (2, net.features)
    assert net.head.in_features == net.features
    torch.testing.assert_close(net(x), net.head(features))
    assert net(x).shape == (2, 3)


@pytest.mark.parametrize("name", NAMES)
def test_bytes_and_normalised_floats_give_the_same_logits(name):
    net, x = small(name).eval(), images(2)
    torch.testing.assert_close(net(x), net(x / 255 * 2 - 1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_gives_one_network(name):
    first, again, other = (small(name, seed=seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["head.weight"], other["head.weight"])


@pytest.mark.parametrize("name", NAMES)
def test_training_mode_draws_no_random_numbers(name):
    net, before = small(name).train(), torch.get_rng_state()
    net(images(4))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", NAMES)
def test_a_gradient_reaches_every_parameter(name):
    net, x = small(name), images(8)
    F.cross_entropy(net(x), torch.arange(8) % 3).backward()
    assert [key for key, parameter in net.named_parameters() if not parameter.grad.any()] == []


@pytest.mark.parametrize("name", IMAGE)
def test_a_table_is_refused(name):
    with pytest.raises(BadInput, match=r"\(102,\)"):
        registry.build("networks", {"name": name}).build((102,), 2)


@pytest.mark.parametrize("name", NAMES)
def test_conf_says_the_defaults(name):
    path = Path(__file__).parents[1] / "conf" / "network" / f"{name}.yaml"
    assert yaml.safe_load(path.read_text()) == {"name": name, **vars(registry.load("networks", name)())}


@pytest.mark.parametrize("name", PUBLISHED)
def test_at_the_published_size_the_parameters_are_the_published_ones(name):
    side, count, build_reference = PUBLISHED[name]
    with torch.device("meta"):
        net, reference = network(name, (side, side), outputs=1000), build_reference()
    assert sum(parameter.numel() for parameter in net.parameters()) == count
    assert [p.shape for p in net.parameters()] == [p.shape for p in reference.parameters()]


@pytest.mark.parametrize(("name", "side"), [("resnet18", 64), ("inception_v4", 75)])
def test_with_the_same_parameters_the_reference_gives_the_same_logits(name, side):
    net, reference = network(name, (side, side), outputs=1000).eval(), PUBLISHED[name][2]().eval()
    reference.load_state_dict(dict(zip(reference.state_dict(), net.state_dict().values(), strict=True)))
    x = torch.randn(2, 3, side, side)
    with torch.no_grad():
        torch.testing.assert_close(net(x), reference(x))


@pytest.mark.parametrize(("side", "poolings", "grid"), [(28, 4, 1), (64, 5, 1), (112, 5, 7)])
def test_vgg16_keeps_the_poolings_that_leave_a_pixel(side, poolings, grid):
    net = small("vgg16", (side, side))
    assert sum(isinstance(module, nn.MaxPool2d) for module in net.modules()) == poolings
    assert net.encoder[:2](torch.zeros(1, 3, side, side)).shape[2:] == (grid, grid)


@pytest.mark.parametrize(("side", "patch", "tokens"), [(28, 4, 50), (64, 9, 50), (112, 16, 50), (218, 16, 197)])
def test_vit_b_16_has_at_least_seven_by_seven_patches(side, patch, tokens):
    transformer = small("vit_b_16", (side, side)).encoder[-1]
    assert transformer.patch_size == patch
    assert transformer.encoder.pos_embedding.shape[1] == tokens


@pytest.mark.parametrize("name", ["small_cnn", "vgg16"])
def test_stacked_gives_the_gradients_of_a_loop(name):
    nets = [small(name, seed=seed).double() for seed in (0, 1)]
    x, y = torch.stack([images(6), images(6).flip(0)]), torch.arange(6) % 3

    def loss(parameters, x):
        return F.cross_entropy(functional_call(nets[0], parameters, (x,)), y)

    parameters, buffers = stack_module_state(nets)
    assert not buffers
    stacked = vmap(grad(loss))(parameters, x)
    for r, net in enumerate(nets):
        alone = grad(loss)(dict(net.named_parameters()), x[r])
        for key, gradient in alone.items():
            torch.testing.assert_close(stacked[key][r], gradient)


def test_small_cnn_learns_random_images_by_heart():
    net, x, y = small("small_cnn"), images(16), torch.arange(16) % 3
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        F.cross_entropy(net(x), y).backward()
        optimizer.step()
    assert (net(x).argmax(1) == y).all()


def test_a_torchvision_that_loads_is_left_alone(monkeypatch):
    declared = []
    monkeypatch.setattr(_torchvision, "_declare", lambda: declared.append(True))
    assert imported("torchvision.models").resnet18
    assert not declared


def test_a_torchvision_that_fails_otherwise_says_so(monkeypatch):
    def fail(module):
        raise RuntimeError("compiled with different CUDA major versions")

    monkeypatch.setattr(_torchvision, "import_module", fail)
    with pytest.raises(RuntimeError, match="CUDA major versions"):
        imported("torchvision.models")
