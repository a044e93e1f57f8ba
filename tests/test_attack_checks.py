"""What attacks, costs, saliency maps and triggers are given: modes, ranges, numbers that are not finite, vanished
gradients, half precision, batches."""

from dataclasses import fields

import pytest
import torch
from test_attacks import ONE_STEP, SHORTER, SIDE, Squared, images, linear
from torch import nn

from fairray import members
from fairray.attacks._iterated import fooling, vanishes
from fairray.attacks.pgd_l2 import PgdL2
from fairray.attacks.ppgd import Ppgd
from fairray.costs.ssim import Ssim
from fairray.errors import BadInput
from fairray.methods._attacked import Attacked, Victim, as_bytes
from fairray.networks import Network
from fairray.networks._pretrained import tried
from fairray.stages import Numerics, Setting, Training

every_attack = pytest.mark.parametrize("name", members.names("attacks"))
HALVES = [torch.float16, torch.bfloat16]


def made(name, **more):
    """The attack, short, with a toy for a cost."""
    member = members.load("attacks", name)
    cost = {"cost": Squared()} if "cost" in {field.name for field in fields(member)} and name not in ONE_STEP else {}
    return member(**cost, **SHORTER.get(name, {}), **more)


def judged(model, x):
    return model(x).argmax(1)


CLIMBING = [
    name for name in members.names("attacks") if "loss" in {f.name for f in fields(members.load("attacks", name))}
]


@pytest.mark.parametrize("name", CLIMBING)
def test_where_the_cross_entropy_s_gradient_is_0_the_margin_s_is_not(name):
    """As a network whose logits are a thousand times smaller is fooled, this one is robust in nothing but rounding."""
    model, x = linear(3, dtype=torch.float32), images(6, dtype=torch.float32)
    weak, y = model, judged(model, x)
    sure = lambda x: 1000 * weak(x)  # noqa: E731
    longer = {"ssim_one_step": {"eps": 60.0}, "perceptual": {"eps": 0.05, "normalised": True}, "pgd_l2": {"eps": 0.5}}
    settings = longer.get(name, {})
    assert vanishes(sure, x, y, "cross_entropy").all()
    assert not vanishes(sure, x, y, "margin").any()
    assert (judged(sure, made(name, **settings)(sure, x, y)) == y).all()
    assert (judged(weak, made(name, **settings)(weak, x, y)) != y).all()
    assert (judged(sure, made(name, **settings, loss="margin")(sure, x, y)) != y).all()


def test_the_margin_over_the_logits_range_is_differentiated_as_by_hand():
    model, x = linear(4), images(5)
    z, y = model(x), judged(model, x)
    other, w = z.scatter(1, y[:, None], -torch.inf).argmax(1), model[1].weight
    expected = (w[other] - w[y]) / (z.amax(1) - z.amin(1))[:, None]
    gradient, _ = fooling(model, x, y, "margin")
    torch.testing.assert_close(gradient.flatten(1), expected.detach())


def toy(dtype="float32"):
    """A setting on 16 px, and a convolutional network of random weights, as it is attacked."""
    data = members.build("datasets", {"name": "toy", "side": 16, "size": 64}).load()
    network = members.build("networks", {"name": "small_cnn", "channels": 4})
    setting = Setting(data, network, Training(), Numerics(dtype=dtype))
    torch.manual_seed(0)
    built = network.build(data.shape, data.outputs).to(setting.numerics.precision).requires_grad_(False)
    return setting, Victim(grey=False).sees(built)


def step(attack, batch=8, shard=(0, 1)):
    return Attacked(model=None, victim=Victim(grey=False), attack=attack, batch=batch, shard=shard)


def attacked(step, setting, model):
    """What a step makes of the test images."""
    found = step.attacked(setting, 0, model)
    tensors = {name: found.tensors[f"test/{name}"] for name in ("row", "attacked")}
    return tensors, found.records.query("split == 'test'")


def test_gradients_that_vanish_are_recorded_image_by_image():
    setting, model = toy()
    dark = setting.dataset.test["x"].float().mean((1, 2, 3)).median()  # half of the images are hard to tell
    steep = lambda x: model(x) * torch.where(x.mean((1, 2, 3)) * 255 < dark, 1e6, 1.0)[:, None]  # noqa: E731
    tensors, records = attacked(step(PgdL2(N=2)), setting, steep)
    x = setting.dataset.test["x"][tensors["row"]].float() / 255
    y = setting.dataset.test["y"][tensors["row"]]
    expected = vanishes(steep, x, y, "cross_entropy")
    assert 0 < expected.sum() < len(expected)
    found = records[records["metric"] == "vanished"]
    assert found["value"].tolist() == expected.double().tolist()
    assert found["sample"].tolist() == setting.dataset.test["id"][tensors["row"]].tolist()


@every_attack
def test_a_model_that_is_not_finite_is_no_success_and_no_failure(name):
    model, x = linear(3), images(4)
    y = judged(model, x)
    model[1].weight.data[2] = torch.nan
    with pytest.raises(BadInput, match="model: its output is not finite for 4 of 4 images"):
        made(name)(model, x, y)
    spotted = x.clone()
    spotted[1, 0, 0, 0] = torch.nan
    with pytest.raises(BadInput, match="x: it is not finite for 1 of 4 images"):
        made(name)(linear(3), spotted, y)


def test_a_study_s_attack_and_its_bytes_are_of_finite_numbers():
    setting, _ = toy()
    with pytest.raises(BadInput, match="its output is not finite for 8 of 8 images"):
        attacked(step(PgdL2()), setting, lambda x: x.flatten(1)[:, :2] * torch.nan)
    with pytest.raises(BadInput, match="what it makes is not finite for 1 of 2 images"):
        as_bytes(torch.tensor([[0.5], [torch.nan]]))
    broken = Network(nn.Flatten(), nn.Linear(12, 2), 12)
    broken.head.weight.data.fill_(torch.nan)
    with pytest.raises(BadInput, match="weights: the model's output is not finite"):
        tried(broken, (3, 2, 2), 2)


@pytest.mark.parametrize("attack", [PgdL2(eps=0.5, N=20), Ppgd(cost=Squared(), T=5)], ids=["pgd_l2", "ppgd"])
def test_images_attacked_one_by_one_do_not_depend_on_shards_in_float32(attack):
    """With a convolution, whose sums come in another order where a batch has another size."""
    setting, model = toy()
    whole, _ = attacked(step(attack, batch=1), setting, model)
    for shard in ((0, 3), (1, 3), (2, 3)):
        part, _ = attacked(step(attack, batch=1, shard=shard), setting, model)
        assert torch.equal(part["attacked"], whole["attacked"][torch.isin(whole["row"], part["row"])])


def test_in_float64_the_batch_changes_no_byte_of_a_convolutional_network_s_images():
    setting, model = toy("float64")
    many, one = (attacked(step(PgdL2(eps=0.5, N=20), batch=batch), setting, model)[0] for batch in (32, 1))
    assert torch.equal(many["attacked"], one["attacked"])


class Moody(nn.Module):
    """A classifier that draws, and counts what it sees, in training."""

    def __init__(self):
        super().__init__()
        self.norm, self.drop, self.frozen = nn.BatchNorm2d(3), nn.Dropout(0.5), nn.BatchNorm1d(3 * 144)
        self.norm.running_mean += 0.4
        self.read = linear(3, dtype=torch.float32)
        self.frozen.eval()

    def forward(self, x):
        return self.read[1](self.drop(self.frozen(self.norm(x).flatten(1))))


@every_attack
@pytest.mark.parametrize("how", ["module", "method"])
def test_a_model_in_training_is_attacked_as_it_predicts_and_put_back(name, how):
    model, x = Moody().train(), images(4, dtype=torch.float32)
    model.frozen.eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    modes = {name: module.training for name, module in model.named_modules()}
    y = torch.tensor([0, 1, 2, 0])
    given = model if how == "module" else model.forward
    first, second = made(name)(given, x, y), made(name)(given, x, y)
    assert torch.equal(first, second)
    assert {name: module.training for name, module in model.named_modules()} == modes
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert torch.equal(first, made(name)(model.eval(), x, y))
    model.train()
    with pytest.raises(BadInput):
        made(name)(model, x, y + 2)
    assert model.norm.training


@every_attack
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda x: 2 * x - 1, r"x: it goes from -0.3\d+ to 0.3\d+, images in \[0, 1\] were expected"),
        (lambda x: 255 * x, r"x: it goes from 80 to 175, images in \[0, 1\]"),
        (lambda x: (255 * x).byte(), r"x: it is torch.uint8 of axes \(4, 3, 12, 12\), floats of"),
        (lambda x: x[0], r"x: it is torch.float64 of axes \(3, 12, 12\)"),
    ],
)
def test_images_of_another_range_or_kind_are_refused(name, change, says):
    with pytest.raises(BadInput, match=says):
        made(name)(linear(3), change(images(4)), torch.zeros(4, dtype=torch.long))


@pytest.mark.parametrize(
    ("y", "says"),
    [
        (torch.zeros(3, dtype=torch.long), r"y: it is torch.int64 of axes \(3,\), a class for each of 4 images"),
        (torch.zeros(4), "y: it is torch.float32"),
        (torch.full((4,), 3), r"model: it gives \(4, 3\) for 4 images, .* with a class 3"),
    ],
)
def test_labels_that_are_none_are_refused(y, says):
    with pytest.raises(BadInput, match=says):
        PgdL2()(linear(3), images(4), y)


@every_attack
@pytest.mark.parametrize("dtype", [*HALVES, torch.float32, torch.float64], ids=str)
def test_without_images_no_model_is_called(name, dtype):
    x = images(0, dtype=dtype)
    found = made(name)(None, x, torch.zeros(0, dtype=torch.long))
    assert (found.shape, found.dtype) == (x.shape, dtype)


@every_attack
@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_half_precision_is_attacked_in_float32(name, dtype):
    half, x = linear(3, dtype=torch.float32).to(dtype), images(4, dtype=dtype)
    y = judged(half, x)
    found = made(name)(half, x, y)
    wide = made(name)(lambda x: half(x.to(dtype)).float(), x.float(), y)
    assert found.dtype == dtype
    assert torch.equal(found, wide.to(dtype))
    assert found.isfinite().all()
    assert not torch.equal(found, x)


@pytest.mark.parametrize("name", members.names("costs"))
def test_costs_know_what_images_are(name):
    cost = members.load("costs", name)()
    for x in (2 * images(2) - 1, 255 * images(2)):
        with pytest.raises(BadInput, match="x0: it goes from"):
            cost.prepare(x)


def test_ssim_of_no_images_is_none():
    x = images(0)
    assert Ssim()(Ssim().prepare(x), x).shape == (0,)


@pytest.mark.parametrize("name", members.names("saliency"))
def test_saliency_knows_what_images_are(name):
    with pytest.raises(BadInput, match=r"x: it goes from .*, images in \[0, 1\]"):
        members.load("saliency", name)()(255 * images(2))
    assert members.load("saliency", name)()(images(0)).shape == (0, SIDE, SIDE)


@pytest.mark.parametrize("name", [name for name in members.names("triggers") if name != "column"])
def test_triggers_know_what_images_are(name):
    trigger, which = members.load("triggers", name)(), torch.zeros(2, dtype=torch.long)
    with pytest.raises(BadInput, match=r"x: it goes from -"):
        trigger(2 * images(2) - 1, which)
    with pytest.raises(BadInput, match=r"which: it has the axes \(2,\) beside images of axes \(3, 3, 12, 12\)"):
        trigger(images(3), which)
    for x in (images(0), images(0).byte()):
        assert trigger(x, which[:0]).shape == x.shape
