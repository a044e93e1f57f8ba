import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fairray.data import cell_counts
from fairray.errors import BadInput
from fairray.methods.bade import Bade, Student, Teacher, backdoor, balance, distillation, trigger_adding_rate
from fairray.methods.reweighing import weights
from fairray.methods.undersampling import Undersampling
from fairray.networks.mlp import Mlp
from fairray.stages import Numerics, Setting, Training
from fairray.trial import dataset
from fairray.triggers.column import Column


@pytest.fixture(scope="module")
def adult():
    return dataset({"name": "adult"})


def setting(data):
    return Setting(data, Mlp(units=8), Training(), Numerics())


def test_reweighing_makes_label_and_group_independent(adult):
    w, y, group = weights(adult), adult.train["y"], adult.train["group"]
    joint = torch.zeros(2, 2, dtype=torch.float64).index_put_((y, group), w, accumulate=True) / w.sum()
    torch.testing.assert_close(joint, joint.sum(1, keepdim=True) * joint.sum(0, keepdim=True), rtol=0, atol=1e-12)
    assert w.sum().item() == pytest.approx(len(y), rel=1e-12)


def test_undersampling_keeps_equal_cells_and_no_row_twice(adult):
    view = Undersampling().view(setting(adult), torch.Generator().manual_seed(0), {})
    kept = {name: tensor[view.rows] for name, tensor in adult.train.items()}
    least = cell_counts(adult.train, 2, 2).min()
    assert (cell_counts(kept, 2, 2) == least).all()
    assert len(view.rows.unique()) == len(view.rows)


def test_trigger_adding_rate_goes_from_the_marginal_to_the_data(adult):
    y, group = adult.train["y"], adult.train["group"]
    data = torch.stack([(group[y == n] == 0).double().mean() for n in (0, 1)])
    marginal = (group == 0).double().mean()
    torch.testing.assert_close(trigger_adding_rate(adult, 1.0), data)
    torch.testing.assert_close(trigger_adding_rate(adult, 0.0), marginal.expand(2))
    torch.testing.assert_close(trigger_adding_rate(adult, 0.5), (data + marginal) / 2)


def test_backdoor_follows_the_rate_and_ignores_the_group(adult):
    y, group = adult.train["y"], adult.train["group"]
    trigger = backdoor(adult, trigger_adding_rate(adult, 1.0), torch.Generator().manual_seed(0))
    assert set(trigger.unique().tolist()) == {0, 1}
    for n, rate in enumerate(trigger_adding_rate(adult, 1.0).tolist()):
        count = (y == n).sum().item()
        assert ((trigger == 0) & (y == n)).sum().item() == round(rate * count)
        for b in (0, 1):
            cell = (y == n) & (group == b)
            deviation = (rate * (1 - rate) / cell.sum().item()) ** 0.5
            assert abs((trigger[cell] == 0).double().mean().item() - rate) < 4 * deviation
    other = backdoor(adult, trigger_adding_rate(adult, 1.0), torch.Generator().manual_seed(1))
    assert not torch.equal(trigger, other)


def test_balance_gives_each_group_the_other_trigger():
    assert balance({"group": torch.tensor([0, 1, 1])}).tolist() == [1, 0, 0]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_distillation_is_its_closed_form(temperature):
    student, teacher = torch.randn(2, 50, 3, dtype=torch.float64)
    p, q = (torch.exp(z / temperature) / torch.exp(z / temperature).sum(-1, keepdim=True) for z in (teacher, student))
    expected = temperature**2 * (p * (p / q).log()).sum(-1)
    torch.testing.assert_close(distillation(student, teacher, temperature), expected)


def test_distillation_has_the_gradient_of_cross_entropy_to_soft_labels():
    teacher = torch.randn(20, 2, dtype=torch.float64)
    student = torch.randn(20, 2, dtype=torch.float64, requires_grad=True)
    ours = torch.autograd.grad(distillation(student, teacher, 1.0).sum(), student)[0]
    soft = F.cross_entropy(student, teacher.softmax(-1), reduction="sum")
    torch.testing.assert_close(ours, torch.autograd.grad(soft, student)[0])


@pytest.mark.parametrize("mse", [0.0, 0.25, 1.0])
def test_the_student_weighs_squares_by_their_share_and_the_divergence_by_the_rest(mse):
    """Of a teacher with probabilities 3/4 and 1/4 at temperature 2, and a student that says half and half."""
    teacher, student = torch.tensor([[2 * math.log(3), 0.0]]), torch.tensor([[1.0, 1.0]])
    squares = ((2 * math.log(3) - 1) ** 2 + 1) / 2
    divergence = 2**2 * (0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5))
    stage = Student(teacher=Teacher(trigger=Column()), temperature=2.0, mse=mse)
    loss = stage.loss(nn.ModuleDict(), {"logits": student}, {"teacher": teacher}).item()
    assert loss == pytest.approx(mse * squares + (1 - mse) * divergence)


def test_the_teacher_reads_the_trigger_and_the_student_does_not(trial, store):
    """On data whose only signal is the trigger's rate, the artificial bias is learnt: the method's premise."""
    from fairray.trial import execute, stages

    biased = trial("bade", seeds=[0], dataset={"bias": 0.95, "size": 2048}, epochs=10)
    execute([biased], store)
    tensors = {r.stage.name: store.read(r.uid).tensors for r in stages(biased.replicas).values()}
    assert tensors["teacher"]["model/main.encoder.1.weight"].shape[1] == 9
    assert tensors["student"]["model/main.encoder.1.weight"].shape[1] == 8
    weight = tensors["teacher"]["model/main.encoder.1.weight"]
    assert weight[:, -1].abs().mean() > weight[:, 2:8].abs().mean()


def test_bade_needs_two_groups():
    with pytest.raises(BadInput, match="two groups"):
        Bade().check(dataset({"name": "adult", "protected": "race"}))
    Bade().check(dataset({"name": "adult", "protected": "race", "privileged": "White"}))
