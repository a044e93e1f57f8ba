"""BaDe's method and its measurements on images."""

from types import SimpleNamespace

import pandas as pd
import pytest
import torch
import torch.nn.functional as F

from fairray.errors import BadInput
from fairray.launch.series import list_finals
from fairray.methods._triggered import logits_under
from fairray.methods.bade import Bade
from fairray.methods.injection import Injection
from fairray.methods.trigger_impact import TriggerImpact, _under_triggers
from fairray.records import headline
from fairray.stages import Artifact
from fairray.trial import dataset, execute, results, stages
from fairray.triggers.badnet import BadNet
from fairray.triggers.column import Column

IMAGES = {"side": 8, "size": 512}


def view_of(trial, method, **keywords):
    one = trial(method, seeds=[0], dataset=IMAGES, **keywords)
    stage = next(r for r in stages(one.replicas).values() if r.depth == 0)
    return stage, stage.stage.view(stage.setting, torch.Generator().manual_seed(0), {})


def test_every_image_of_d_backdoor_carries_exactly_one_trigger(trial):
    teacher, view = view_of(trial, "bade")
    clean = teacher.setting.dataset.train["x"]
    seen = teacher.stage.inputs({"x": clean, "trigger": view.columns["trigger"]})
    first, second = (BadNet()(clean, torch.full((len(clean),), t)) for t in (0, 1))
    is_first, is_second = ((seen == one).flatten(1).all(1) for one in (first, second))
    assert (is_first ^ is_second).all()
    assert torch.equal(is_second, view.columns["trigger"] == 1)


def test_the_teacher_is_evaluated_on_d_balance(trial, store):
    """Its stored logits are those of images that carry the other group's trigger."""
    one = trial("bade", seeds=[0], dataset=IMAGES)
    execute([one], store)
    teacher = next(r for r in stages(one.replicas).values() if r.stage.name == "teacher")
    artifact, data = Artifact(store.read(teacher.uid).tensors), teacher.setting.dataset.test
    under = [logits_under(t, teacher.stage.trigger, teacher.stage, teacher.setting, artifact, data) for t in (0, 1)]
    expected = torch.where(data["group"][:, None] == 1, under[0], under[1])
    torch.testing.assert_close(artifact.tensors["test/logits"], expected)


def test_rates_set_by_hand_replace_the_data_s(trial):
    spec = {"name": "bade", "tar_negative": 0.25, "tar_positive": 1.0}
    teacher, view = view_of(trial, spec)
    y, trigger = teacher.setting.dataset.train["y"], view.columns["trigger"]
    assert ((trigger == 0) & (y == 0)).sum() == round(0.25 * (y == 0).sum().item())
    assert (trigger[y == 1] == 0).all()


def test_one_rate_by_hand_is_refused():
    with pytest.raises(BadInput, match="both of them"):
        Bade(tar_negative=0.5).check(dataset({"name": "toy"}))


@pytest.mark.parametrize(("trigger", "data"), [(Column(), IMAGES), (BadNet(), {})])
def test_a_trigger_that_does_not_fit_is_refused(trigger, data):
    with pytest.raises(BadInput, match="cannot be put on"):
        Bade(trigger=trigger).check(dataset({"name": "toy", **data}))


def test_injection_relabels_a_share_of_the_triggered(trial):
    spec = {"name": "injection", "triggered": 0.25, "ratio": 0.5, "target": 1}
    poisoned, view = view_of(trial, spec)
    y, new, which = poisoned.setting.dataset.train["y"], view.columns["y"], view.columns["trigger"]
    assert (which == 0).sum() == 128
    assert set(which.tolist()) == {-1, 0}
    assert torch.equal(new[which == -1], y[which == -1])
    assert 0.5 * 128 <= (new[which == 0] == 1).sum() < 128  # the relabelled, and who had that label


def test_a_backdoor_is_learnt_when_its_examples_are_relabelled(trial, store):
    """With all triggered examples relabelled the trigger decides; with none it does not."""
    gap = {}
    for ratio in (0.0, 1.0):
        spec = {"name": "injection", "triggered": 0.3, "ratio": ratio}
        one = trial(spec, seeds=[0], dataset={"side": 8, "size": 1024, "bias": 0.5}, epochs=20)
        execute([one], store)
        rows = results(one, store).query("split == 'test' and stage == 'gap'").set_index("metric")["value"]
        assert rows["gap"] == pytest.approx(rows["accuracy"] - rows["triggered_accuracy"])
        gap[ratio] = rows["gap"]
    assert gap[0.0] < 0.1
    assert gap[1.0] > 0.3  # under the trigger half the labels are wrong


def test_injection_wants_a_target_among_the_classes():
    with pytest.raises(BadInput, match="none of its 2 classes"):
        Injection(target=2).check(dataset({"name": "toy", **IMAGES}))


def test_impact_views_add_up(trial, store):
    """EAcc over all is the mean of its groups', under each trigger; clean is what the evaluation says."""
    impact = trial({"name": "trigger_impact", "model": "student"}, seeds=[0], dataset=IMAGES)
    bade = trial("bade", seeds=[0], dataset=IMAGES)
    execute([impact, bade], store)
    assert impact.replicas[0].parents["model"].uid == bade.replicas[0].parents["model"].uid
    rows = results(impact, store).query("split == 'test' and metric == 'eacc' and epoch.isna()")
    under = rows.dropna(subset="trigger").fillna({"group": "of both"}).set_index(["group", "trigger"])["value"]
    assert len(under) == 6
    for trigger in ("0", "1"):
        groups = (under["0", trigger] + under["1", trigger]) / 2
        assert under["of both", trigger] == pytest.approx(groups)
    own = results(bade, store).query("split == 'test' and metric == 'eacc' and stage == 'evaluation'")
    assert headline(rows)["value"].item() == pytest.approx(headline(own)["value"].item())


def test_each_view_is_of_its_own_trigger_and_group():
    """An example of each label and group. Trigger 0 fools one of group a, trigger 1 both of a and one of b."""
    data = {"y": torch.tensor([0, 1, 0, 1]), "group": torch.tensor([0, 0, 1, 1])}
    predicted = {-1: [0, 1, 0, 1], 0: [1, 1, 0, 1], 1: [1, 0, 1, 1]}
    logits = {trigger: F.one_hot(torch.tensor(labels), 2).float() for trigger, labels in predicted.items()}
    found = pd.concat(_under_triggers(logits, data, SimpleNamespace(groups=("a", "b")), "test"))
    values = found.fillna({"group": "of both"}).set_index(["group", "trigger"])["value"].to_dict()
    assert values == {
        ("of both", "0"): 0.75, ("a", "0"): 0.5, ("b", "0"): 1.0,
        ("of both", "1"): 0.25, ("a", "1"): 0.0, ("b", "1"): 0.5,
    }  # fmt: skip


def test_what_a_value_is_of_is_in_its_name_in_mlflow(trial, store):
    impact = trial({"name": "trigger_impact", "model": "standard"}, seeds=[0, 1], dataset=IMAGES)
    execute([impact], store)
    records = results(impact, store)
    shown = {point.name: point.value for point in list_finals(records)}
    test = records.query("split == 'test' and metric == 'eacc' and epoch.isna()")
    assert shown["test_eacc"] == pytest.approx(headline(test)["value"].mean())
    under = test.query("group == '1' and trigger == '0'")["value"]
    assert shown["test_eacc/group 1/trigger 0"] == pytest.approx(under.mean())
    assert [shown[f"test_eacc/group 1/trigger 0/seed{seed}"] for seed in (0, 1)] == under.tolist()
    assert shown["standard/test_eacc"] == pytest.approx(shown["test_eacc"])  # of the model that is looked at


def test_impact_needs_images():
    with pytest.raises(BadInput, match="only images"):
        TriggerImpact().check(dataset({"name": "toy"}))


@pytest.mark.parametrize("data", [IMAGES, {"size": 512}], ids=["image", "table"])
def test_artificial_bias_compares_triggers_on_everybody(data, trial, store):
    one = trial("artificial_bias", seeds=[0], dataset={**data, "bias": 0.95}, epochs=10)
    execute([one], store)
    biases = one.replicas[0]
    teacher = biases.parents["teacher"]
    test = teacher.setting.dataset.test
    artifact = Artifact(store.read(teacher.uid).tensors)
    right = [
        logits_under(t, teacher.stage.trigger, teacher.stage, teacher.setting, artifact, test).argmax(-1) == test["y"]
        for t in (0, 1)
    ]
    by_hand = sum(
        abs(right[0][test["y"] == n].double().mean() - right[1][test["y"] == n].double().mean()) for n in (0, 1)
    )
    rows = store.records(biases.uid).query("split == 'test'").set_index("metric")["value"]
    assert rows["artificial_bias"] == pytest.approx(by_hand.item() / 2)
    of_labels = [one[test["y"] == n].double().mean() for one in right for n in (0, 1)]
    assert rows["artificial_eacc"] == pytest.approx(sum(of_labels).item() / 4)
    standard = store.read(biases.parents["standard"].uid).tensors["test/logits"].argmax(-1) == test["y"]
    cells = [standard[(test["y"] == n) & (test["group"] == b)].double().mean() for n in (0, 1) for b in (0, 1)]
    assert rows["data_bias"] == pytest.approx(((cells[0] - cells[1]).abs() + (cells[2] - cells[3]).abs()).item() / 2)


def test_which_trigger_is_part_of_the_uid(trial):
    names = [None, {"name": "badnet", "size": 10}, {"name": "badnet", "size": 25}, {"name": "sig"}]
    default, small, spelled, sig = (trial({"name": "bade", "trigger": name}, dataset=IMAGES).uid for name in names)
    assert len({small, spelled, sig}) == 3
    assert default == spelled
