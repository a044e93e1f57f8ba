"""The examples of CONTRIBUTING.md join as files outside the package, and do what they say."""

import re
from pathlib import Path

import pytest
import torch

from fairray import members
from fairray.attacks import Attack
from fairray.costs import between
from fairray.metrics import Predictions
from fairray.trial import Trial, execute, results

PAGE = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
EXAMPLES = {re.search(r'__all__ = \["(\w+)"\]', block)[1]: block for block in BLOCKS}


@pytest.fixture
def file(tmp_path):
    """Writes an example to a file; gives its path."""

    def write(name):
        path = tmp_path / f"example_{name.lower()}.py"
        path.write_text(EXAMPLES[name])
        return str(path)

    return write


def test_there_is_one_for_each_family():
    assert set(EXAMPLES) == {
        "Focal", "Coins", "Linear", "Stripe", "Speck", "Sign", "Blur", "Centre", "gap_of_accuracy", "Best"
    }  # fmt: skip


def test_a_method_a_data_set_and_a_network(file, store):
    one = Trial("coins", "focal", file("Coins"), {"name": file("Focal"), "gamma": 1}, file("Linear"), {"epochs": 2})
    execute([one], store)
    test = results(one, store).query("split == 'test' and metric == 'accuracy' and group.isna() and epoch.isna()")
    assert 0.3 < test["value"].item() < 0.7


def test_a_trigger_an_attack_a_cost_and_a_saliency_map(file, store):
    images, attack = {"name": "toy", "side": 16, "size": 128}, {"name": file("Sign"), "eps": 0.1}
    method = {"name": "attack", "attack": attack, "distances": [file("Blur")], "saliency": file("Centre"), "shards": 1}
    network = {"name": "small_cnn", "channels": 2}
    attacked = Trial("toy", "attack", images, method, network, {"epochs": 1})
    bade = Trial("toy", "bade", images, {"name": "bade", "trigger": file("Stripe")}, network, {"epochs": 1})
    execute([attacked, bade], store)
    found = results(attacked, store).query("stage == 'summary' and split == 'test'").set_index("metric")["value"]
    assert found["blur"] > 0
    assert 0 <= found["saliency_linf"] <= 1
    assert found["linf"] == pytest.approx(0.1, abs=1 / 255)


def test_what_the_examples_compute(file):
    x = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    blur, sign = members.build("costs", file("Blur")), members.build("attacks", file("Sign"))
    assert torch.equal(between(blur, x, x), torch.zeros(3))
    attack: Attack = sign
    assert (attack(lambda z: z.flatten(1)[:, :2], x, torch.tensor([0, 1, 0])) - x).abs().max() <= 0.03 + 1e-6
    stripe = members.build("triggers", file("Stripe"))(x, torch.tensor([0, 1, -1]))
    assert stripe[0, :, 0].max() == 0
    assert stripe[1, :, 0].min() == 1
    assert torch.equal(stripe[2], x[2])
    stamped = members.build("datasets", {"name": "stamped_digits", "artefact": file("Speck"), "p": 1.0}).load()
    assert (stamped.test["mask"].flatten(1).sum(1) == 9).all()
    assert (stamped.test["attacked"][stamped.test["mask"][:, None].expand(-1, 3, -1, -1)] == 255).all()
    assert torch.equal(stamped.test["group"] == 1, stamped.test["y"] == 0)
    gap = members.load("metrics", file("gap_of_accuracy"))
    logits = torch.tensor([[[0.0, 1], [1, 0], [0, 1], [1, 0]]])
    assert gap(Predictions(logits, torch.tensor([1, 0, 0, 1]), torch.tensor([0, 0, 1, 1]), 2)).item() == 1.0
