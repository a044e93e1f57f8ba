"""What study files say: pairs of targets and attributes, networks of their own, triggers, scales."""

from dataclasses import replace

import pytest

from fairray import catalogue, config, members
from fairray.errors import BadInput
from fairray.networks.mlp import Mlp
from fairray.space import points
from fairray.triggers.badnet import BadNet

STUDIES = catalogue.studies()


@pytest.mark.parametrize("scale", catalogue.scales())
@pytest.mark.parametrize("name", STUDIES)
def test_every_study_is_valid_at_every_scale(name, scale):
    """At paper scale CelebA, UTKFace and the others wait for their folders; everything else is checked."""
    try:
        study = config.load(name, scale)
    except BadInput as error:
        assert (scale, error.problem) == ("paper", "no task is left to run")  # noqa: PT017
        return
    assert "?" in study.question
    assert list(study.arms())


def test_the_67_tasks_of_celeba(tmp_path):
    study = config.load("bade_artificial_bias", "paper", [f"tasks.*.folder={tmp_path}"])
    assert len(study.tasks) == 67
    assert study.tasks["CelebA Attractive/Male"].target == "Attractive"
    assert members.label(study.network.corner) == "resnet18"


def test_a_star_stands_for_every_task_that_has_the_key(tmp_path):
    study = config.load("bade_benchmarks", "small", [f"tasks.*.folder={tmp_path}"])
    assert list(study.tasks) == ["Adult", "MEPS", "UTKFace"]
    assert study.tasks["MEPS"].folder == study.tasks["UTKFace"].folder == tmp_path
    with pytest.raises(BadInput, match="none of the tasks has fodler"):
        config.load("bade_benchmarks", "small", ["tasks.*.fodler=x"])


def test_lists_stand_for_all_pairs_of_different_ones():
    study = config.load("bade_artificial_bias", "small")
    assert len(study.tasks) == 8 * 7
    assert study.tasks["Adult income/sex"].protected == "sex"
    assert "MEPS" in study.left_out
    assert not any(data.target == data.protected for data in study.tasks.values())


def test_an_argument_beats_the_study_s_own_scale():
    study = config.load("bade_celeba", "smoke", ["tasks={A: toy, B: toy}", "network=mlp", "network.units=8"])
    assert list(study.tasks) == ["A", "B"]
    assert study.network.corner == Mlp(units=8, depth=3)
    assert config.load("bade_celeba", "smoke").network.corner.channels == 4


def test_a_scale_trains_no_stage_of_a_method_that_an_argument_takes_away():
    fewer = {"epochs": 3}
    for methods, trained in (
        ("[vanilla, rrr]", fewer),
        ("[vanilla, dfr]", None),
        ("{vanilla: vanilla, mine: rrr}", fewer),
    ):
        study = config.load("clarc_correction", "small", [f"methods={methods}"])
        assert study.training.corner.get("reasoned") == trained


def test_a_task_can_have_its_own_network(tmp_path):
    study = config.load(
        "bade_backbones", "smoke", ["tasks={A: toy, B: toy}", "networks={A: mlp}", "networks.A.units=8", "network=mlp"]
    )
    units = {arm.task: arm.corner.network.units for arm in study.arms()}
    assert units == {"A": 8, "B": 16}
    with pytest.raises(BadInput, match=r"networks\.C"):
        config.load("bade_backbones", "smoke", ["networks={C: mlp}"])


def test_a_method_s_trigger_is_a_file_or_a_spec():
    assert config.load("bade_triggers", "small").methods["badnet10"].corner.trigger == BadNet(size=10)
    spec = "methods={bade: {name: bade, trigger: {name: badnet, size: 3}}}"
    study = config.load("bade_triggers", "small", [spec, "baseline=null"])
    assert study.methods["bade"].corner.trigger == BadNet(size=3)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("badnett", "badnet"),
        ("{name: badnet, sise: 3}", "size"),
        ("{name: badnet, size: 0}", "greater than or equal to 1"),
        ("{size: 3}", "it has no name"),
    ],
)
def test_a_wrong_trigger_is_named(value, says):
    with pytest.raises(BadInput, match="trigger") as raised:
        config.load("bade_triggers", "small", [f"methods={{bade: {{name: bade, trigger: {value}}}}}", "baseline=null"])
    assert says in str(raised.value)


def test_a_method_can_have_a_network_of_its_own():
    study = config.load("trust_networks", "small", ["methods=[VGG16, MobileNet]", "baseline=VGG16"])
    names = {(arm.name, members.label(arm.corner.network)) for arm in study.arms()}
    assert names == {("VGG16", "vgg16"), ("MobileNet", "mobilenet")}


def test_a_list_may_name_what_a_scale_leaves_out():
    assert set(config.load("bade_backbones", "small").tasks) == {"ResNet18", "VGG16"}
    study = config.load("bade_backbones", "small", ["tasks=[Swin, VGG16]"])
    assert {arm.task: members.label(arm.corner.network) for arm in study.arms()} == {"Swin": "swin", "VGG16": "vgg16"}
    with pytest.raises(BadInput, match="no dataset 'Swine'"):
        config.load("bade_backbones", "small", ["tasks=[Swine]"])


def test_a_network_of_a_list_of_targets_is_that_of_all_its_tasks(tmp_path):
    study = config.load("trust_faces", "paper", [f"tasks.*.folder={tmp_path}"])
    networks = {arm.task: members.label(arm.corner.network) for arm in study.arms()}
    assert networks == dict.fromkeys(["DiF gender", "DiF pose"], "inception_v1") | dict.fromkeys(
        ["Wiki gender", "Wiki age"], "densenet121"
    )
    assert study.families["Wiki age"] == "Wiki"


def test_a_method_can_be_trained_in_a_way_of_its_own(tmp_path):
    """What it does not say is as in all others; the file that says all of it makes the same study."""
    given = ["trainings.standard_tuned.batch=64"]
    study = config.load("bade_benchmarks", "small", given)
    arms = {arm.name: arm for arm in study.arms()}
    assert arms["standard_tuned"].corner.training == replace(arms["standard"].corner.training, batch=64, epochs=5)
    assert {*arms["standard_tuned"].space} == {"training.lr", "training.epochs"}
    path = tmp_path / "mine.yaml"
    path.write_text(config.dump(study))
    assert config.load(str(path)).trainings == study.trainings
    with pytest.raises(BadInput, match=r"trainings\.other.*no method of this study 'other'"):
        config.load("bade_benchmarks", "small", ["trainings={other: {lr: 0.1}}"])
    with pytest.raises(BadInput, match=r"trainings\.standard_tuned\.lr.*a grid search needs a grid"):
        config.load("bade_benchmarks", "small", ["trainings.standard_tuned.lr={low: 0.1, high: 0.2}"])
    with pytest.raises(BadInput, match=r"trainings\.standard_tuned.*bach"):
        config.load("bade_benchmarks", "small", ["trainings={standard_tuned: {bach: 3}}"])


@pytest.mark.parametrize("scale", ["small", "paper"])
def test_searched_methods_of_table_3_are_tried_at_as_many_points_by_other_seeds_than_are_reported(scale):
    study = config.load("bade_benchmarks", scale)
    spaces = {arm.name: len(points(arm.space)) for arm in study.arms()}
    assert {count for name, count in spaces.items() if name.endswith("_tuned")} == {4}
    assert {name for name, count in spaces.items() if count == 1} >= {n.removesuffix("_tuned") for n in spaces}
    assert not {*study.choosing} & {*study.reported}


def test_a_method_can_be_searched_in_a_way_of_its_own():
    study = config.load("trust_grl_lambda", "small")
    assert {name: search.name for name, search in study.searches.items()} == {"grl_optuna": "nsga2"}
    assert study.search.name == "grid"
    with pytest.raises(BadInput, match="a grid search needs a grid"):
        config.load("trust_grl_lambda", "small", ["searches={grl_optuna: grid}"])
    with pytest.raises(BadInput, match=r"searches\.grl"):
        config.load("trust_grl_lambda", "small", ["searches={grl: nsga2}"])
    with pytest.raises(BadInput, match="pints"):
        config.load("trust_grl_lambda", "small", ["searches={grl_optuna: {name: nsga2, pints: 3}}"])


def test_a_scale_sets_probes_where_there_are_any():
    probes = config.load("trust_networks", "small").methods["MobileNet"].corner
    assert probes.probe_epochs < members.load("methods", "trust")().probe_epochs
    assert not hasattr(config.load("bade_celeba", "small").methods["standard"].corner, "probe_epochs")
    with pytest.raises(BadInput, match="none of the methods has prob_lr"):
        config.load("trust_networks", "small", ["methods.*.prob_lr=1"])


@pytest.mark.parametrize(
    ("launch", "here", "device"),
    [
        (["launch=local"], False, "cpu"),
        (["launch=local"], True, "cuda"),
        ([], True, "cuda"),
        (["launch.gpus=0"], True, "cpu"),
        (["launch.gpus=0.5"], False, "cuda"),
        (["launch.address=auto"], False, "cpu"),
        (["launch=cluster"], False, "cuda"),
        (["launch=cluster", "launch.device=cpu"], True, "cpu"),
        (["launch=cluster", "launch.gpus=0"], False, "cpu"),
        (["launch=cluster", "numerics.device=cpu"], True, "cpu"),
        (["numerics.device=auto"], True, "cuda"),
    ],
    ids=str,
)
def test_the_device_is_a_gpu_where_the_launch_has_one(launch, here, device, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: here)
    assert config.load("bade_benchmarks", "smoke", launch).numerics.device == device
