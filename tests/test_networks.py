import re

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, grad, stack_module_state, vmap

from fairray import members
from fairray.errors import BadInput
from fairray.networks import _torchvision
from fairray.networks._torchvision import imported

EXTERNAL = ("efficientnet_lite0", "timm", "torchvision")  # other packages', see test_pretrained.py
NAMES = [name for name in members.names("networks") if name not in EXTERNAL]
IMAGE = [name for name in members.names("networks") if name != "mlp"]
# networks whose feature layer can be chosen: the layer that is not the default
OTHER_LAYERS = {
    "inception_v1": "avgpool",
    "mobilenet": "avgpool",
    "densenet121": "avgpool",
    "vgg16": "flatten",
    "vgg19": "flatten",
}
VARIANTS = [*((name, {}) for name in NAMES), *((name, {"layer": layer}) for name, layer in OTHER_LAYERS.items())]


@pytest.fixture(autouse=True)
def quick_shapes(monkeypatch):
    """A network is built for shapes that are found on the meta device, where batch normalisation, which changes none,
    takes nine tenths of the time; there it only refuses what it refuses."""
    normalise = F.batch_norm

    def norm(x, mean, var, weight=None, bias=None, training=False, *more, **named):
        if not x.is_meta:
            return normalise(x, mean, var, weight, bias, training, *more, **named)
        if training:
            F._verify_batch_size(x.shape)
        return x

    monkeypatch.setattr(F, "batch_norm", norm)


def googlenet():
    """torchvision's, whose 5x5 convolutions are 3x3, with 5x5 ones."""
    module = imported("torchvision.models.googlenet")
    reference = module.googlenet(aux_logits=False, init_weights=False)
    for inception in (child for child in reference.children() if isinstance(child, module.Inception)):
        convolution = inception.branch3[1].conv
        sizes = convolution.in_channels, convolution.out_channels
        inception.branch3[1].conv = nn.Conv2d(*sizes, 5, padding=2, bias=False)
    return reference


PUBLISHED = {  # network: (image side in px, parameters, the reference implementation)
    "resnet18": (224, 11_689_512, lambda: imported("torchvision.models").resnet18()),
    "efficientnet_b0": (224, 5_288_548, lambda: imported("torchvision.models").efficientnet_b0()),
    "vgg16": (224, 138_357_544, lambda: imported("torchvision.models").vgg16()),
    "vgg19": (224, 143_667_240, lambda: imported("torchvision.models").vgg19()),
    # 6,998,552 without batch normalisation, which has a weight and a bias for each of the 7,280 biases
    "inception_v1": (224, 6_998_552 + 7_280, googlenet),
    "inception_v4": (299, 42_679_816, lambda: imported("timm.models.inception_v4").InceptionV4()),
    "mobilenet": (224, 4_231_976, lambda: imported("timm.models.efficientnet").mobilenetv1_100(bn_eps=1e-3)),
    "densenet121": (224, 7_978_856, lambda: imported("torchvision.models").densenet121()),
    "vit_b_16": (224, 86_567_656, lambda: imported("torchvision.models").vit_b_16()),
    "swin": (224, 28_288_354, lambda: imported("torchvision.models").swin_t()),
}


def network(name, size=(28, 28), outputs=3, **arguments):
    return members.build("networks", {"name": name, **arguments}).build((3, *size), outputs)


def published(name, side):
    """The network as published, for square images and 1000 classes."""
    layer = {"layer": "avgpool"} if OTHER_LAYERS.get(name) == "avgpool" else {}
    return network(name, (side, side), outputs=1000, **layer)


def small(name, size=(28, 28), seed=0, **arguments):
    """The network with few channels, initialised by a seed."""
    default = members.load("networks", name)()
    sizes = {key: value for key, value in vars(default).items() if not isinstance(value, str)}
    cuts = {key: 1 / 16 if isinstance(value, float) else min(value, 8) for key, value in sizes.items()}
    torch.manual_seed(seed)
    return network(name, size, **cuts, **arguments)


def images(number, size=(28, 28)):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (number, 3, *size), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("size", [(28, 28), (64, 64), (112, 112), (30, 41)], ids=str)
@pytest.mark.parametrize(("name", "arguments"), VARIANTS)
def test_features_and_logits_have_the_sizes_that_the_network_says(name, arguments, size):
    net, x = small(name, size, **arguments), images(2, size)
    features = net.encode(x)
    assert features.shape == (2, net.features)
    assert next(net.head.parameters()).shape[1] == net.features
    logits = net(x)
    torch.testing.assert_close(logits, net.head(features))
    assert logits.shape == (2, 3)


@pytest.mark.parametrize("name", NAMES)
def test_bytes_and_normalised_floats_give_the_same_logits(name):
    net, x = small(name).eval(), images(2)
    torch.testing.assert_close(net(x), net(x / 255 * 2 - 1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_gives_one_network(name):
    first, again, other = (small(name, seed=seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert all(not torch.equal(first[key], other[key]) for key in first if re.match(r"head.*weight", key))


@pytest.mark.parametrize("name", NAMES)
def test_training_mode_draws_no_random_numbers(name):
    net, before = small(name).train(), torch.get_rng_state()
    net(images(4))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("name", "arguments"), VARIANTS)
def test_a_gradient_reaches_every_parameter(name, arguments):
    net, x = small(name, **arguments), images(8)
    F.cross_entropy(net(x), torch.arange(8) % 3).backward()
    assert [key for key, parameter in net.named_parameters() if not parameter.grad.any()] == []


@pytest.mark.parametrize("name", IMAGE)
def test_a_table_is_refused(name):
    with pytest.raises(BadInput, match=r"\(102,\)"):
        members.build("networks", {"name": name}).build((102,), 2)


@pytest.mark.parametrize("name", PUBLISHED)
def test_at_the_published_size_the_parameters_are_the_published_ones(name):
    side, count, build_reference = PUBLISHED[name]
    with torch.device("meta"):
        net, reference = published(name, side), build_reference()
    assert sum(parameter.numel() for parameter in net.parameters()) == count
    assert [p.shape for p in net.parameters()] == [p.shape for p in reference.parameters()]


@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("resnet18", 64),
        ("efficientnet_b0", 64),
        ("inception_v1", 64),
        ("inception_v4", 75),
        ("mobilenet", 64),
        ("densenet121", 64),
    ],
)
def test_with_the_same_parameters_the_reference_gives_the_same_logits(name, side):
    net, reference = published(name, side).eval(), PUBLISHED[name][2]().eval()
    reference.load_state_dict(dict(zip(reference.state_dict(), net.state_dict().values(), strict=True)))
    x = torch.randn(2, 3, side, side)
    with torch.no_grad():
        torch.testing.assert_close(net(x), reference(x))


@pytest.mark.parametrize("name", ["vgg16", "vgg19"])
def test_the_convolutions_and_poolings_of_vgg_are_the_published_ones(name):
    side, _, build_reference = PUBLISHED[name]
    with torch.device("meta"):
        assert repr(published(name, side).encoder[0]) == repr(build_reference().features)


@pytest.mark.parametrize("name", ["vgg16", "vgg19"])
@pytest.mark.parametrize(("side", "poolings", "grid"), [(28, 4, 1), (64, 5, 1), (112, 5, 7)])
def test_vgg_keeps_the_poolings_that_leave_a_pixel(name, side, poolings, grid):
    net = small(name, (side, side))
    assert sum(isinstance(module, nn.MaxPool2d) for module in net.modules()) == poolings
    assert net.encoder[:2](torch.zeros(1, 3, side, side)).shape[2:] == (grid, grid)


@pytest.mark.parametrize(
    ("name", "channels", "pixels"),  # pixels of the last map for images of 28, 64 x 100 and 224 px
    [
        ("inception_v1", 1024, [16, 6, 49]),
        ("mobilenet", 1024, [4, 8, 49]),
        ("densenet121", 1024, [9, 6, 49]),
        ("vgg16", 512, [1, 6, 49]),
        ("vgg19", 512, [1, 6, 49]),
    ],
)
def test_flattened_the_last_map_feeds_the_head_of_preservetask(name, channels, pixels):
    for size, number in zip([(28, 28), (64, 100), (224, 224)], pixels, strict=True):
        with torch.device("meta"):
            net = network(name, size, layer="flatten")
        assert (net.layer, net.features) == ("flatten", channels * number)
        layers = [(512, channels * number), (512,), (100, 512), (100,), (3, 100), (3,)]
        assert [parameter.shape for parameter in net.head.parameters()] == layers


@pytest.mark.parametrize(("name", "layer"), OTHER_LAYERS.items())
def test_the_parameters_before_the_feature_layer_do_not_depend_on_it(name, layer):
    default, other = small(name), small(name, layer=layer)
    assert (default.layer, other.layer) == (members.load("networks", name)().layer, layer)
    trunks = ({key: tensor.shape for key, tensor in net.encoder[0].state_dict().items()} for net in (default, other))
    assert next(trunks) == next(trunks)


@pytest.mark.parametrize(("side", "patch", "tokens"), [(28, 4, 50), (64, 9, 50), (112, 16, 50), (218, 16, 197)])
def test_vit_b_16_has_at_least_seven_by_seven_patches(side, patch, tokens):
    transformer = small("vit_b_16", (side, side)).encoder[-1]
    assert transformer.patch_size == patch
    assert transformer.encoder.pos_embedding.shape[1] == tokens


@pytest.mark.parametrize(("name", "arguments"), [("small_cnn", {}), ("vgg16", {}), ("vgg16", {"layer": "flatten"})])
def test_stacked_gives_the_gradients_of_a_loop(name, arguments):
    nets = [small(name, seed=seed, **arguments).double() for seed in (0, 1)]
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


@pytest.mark.parametrize(
    ("name", "arguments"), [("small_cnn", {}), *((name, {"layer": "flatten"}) for name in OTHER_LAYERS)]
)
def test_random_images_are_learnt_by_heart(name, arguments):
    net, x, y = small(name, **arguments), images(16), torch.arange(16) % 3
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)

    def learnt():
        logits = net(x)
        optimizer.zero_grad()
        F.cross_entropy(logits, y).backward()
        optimizer.step()
        return (logits.argmax(1) == y).all()

    assert any(learnt() for _ in range(60))


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


def test_swin_has_seven_patches_a_side_of_small_images_in_windows_of_four():
    encoder = small("swin", size=(28, 28)).encoder
    convolution = next(layer for layer in encoder.modules() if isinstance(layer, nn.Conv2d))
    assert convolution(torch.zeros(1, 3, 28, 28)).shape[2:] == (7, 7)
    tables = [table for name, table in encoder.named_parameters() if name.endswith("relative_position_bias_table")]
    assert {len(table) for table in tables} == {(2 * 4 - 1) ** 2}
