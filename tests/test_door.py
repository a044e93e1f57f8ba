"""Members are built in one place: what is checked is what is used, however it is given."""

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Annotated, Any

import pytest
from annotated_types import Ge

from fairray import catalogue, config, members
from fairray.attacks.perceptual import Perceptual
from fairray.cli import main
from fairray.costs.lpips import Lpips
from fairray.costs.ssim import Ssim
from fairray.errors import BadInput
from fairray.launch.samplers import _distribution
from fairray.methods.bade import Bade
from fairray.space import Grid, Range, Template, points, template
from fairray.stages import Training
from fairray.trial import Trial, checked_training
from fairray.triggers import TriggerField
from fairray.triggers.badnet import BadNet
from fairray.triggers.sig import Sig


@pytest.fixture
def study(tmp_path):
    def make(*overrides, scale="smoke", name="bade_benchmarks"):
        return config.load(name, scale, ["tasks.Adult=toy", f"launch.output={tmp_path}", *overrides])

    return make


@pytest.fixture
def own_conf(tmp_path, monkeypatch):
    """Writes a file of conf/ that comes before the project's."""

    def write(place, text):
        path = tmp_path / "conf" / f"{place}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    monkeypatch.setattr(catalogue, "ROOTS", (tmp_path, *catalogue.ROOTS))
    return write


STUDY = """
tasks: {T: toy}
methods: {standard: standard}
network: mlp
training: adam
seeds: 1
objectives: [odds]
"""


@pytest.mark.parametrize(
    ("arguments", "where", "problem"),
    [
        ({"method": {"name": "bade", "strength": 7}}, "method.strength", "got 7, expected less than or equal to 1"),
        ({"method": Bade(strength=7)}, "method.strength", "got 7, expected less than or equal to 1"),
        ({"method": {"name": "bade", "strenght": 0.5}}, "method.strenght", "no key 'strenght'"),
        ({"method": "bdae"}, "method.name", "no method 'bdae'"),
        ({"method": Bade(trigger=BadNet(size=0))}, "method.trigger.size", "got 0"),
        ({"method": Bade(trigger=Ssim())}, "method.trigger", "none of fairray/triggers"),
        ({"method": 3}, "method", "got 3"),
        ({"training": {"selection": "acuracy"}}, "training.selection", "'tradeoff', 'z'"),
        ({"training": Training(epochs=0)}, "training.epochs", "greater than or equal to 1"),
        ({"training": {"epochs": 2.5}}, "training.epochs", "got 2.5"),
        ({"training": {"teacher": {"epohcs": 2}}}, "training.teacher.epohcs", "no key 'epohcs'"),
        ({"network": {"name": "mlp", "units": "wide"}}, "network.units", "got 'wide'"),
        ({"numerics": {"dtype": "float16"}}, "numerics.dtype", "'float32'"),
        ({"dataset": {"name": "toy", "bias": 2}}, "dataset.bias", "less than or equal to 1"),
    ],
)
def test_python_s_door_is_the_command_line_s(arguments, where, problem):
    given = {"dataset": "toy", "method": "standard", "network": "mlp", **arguments}
    with pytest.raises(BadInput) as error:
        Trial("t", "a", **given)
    assert error.value.where == where
    assert problem in error.value.problem


def test_members_come_by_name_by_values_or_built():
    spelled = [Trial("t", "a", "toy", method, "mlp") for method in ("bade", {"name": "bade"}, Bade())]
    assert spelled[0] == spelled[1] == spelled[2]
    assert len({trial.uid for trial in spelled}) == 1


def test_values_have_their_fields_types():
    made = members.build("methods", {"name": "bade", "strength": 1, "temperature": "1e-1", "trigger": {"name": "sig"}})
    assert made == Bade(strength=1.0, temperature=0.1, trigger=Sig())
    assert isinstance(made.strength, float)
    assert members.build("networks", {"name": "mlp", "units": 8.0}).units == 8
    assert members.build("methods", {"name": "attack", "distances": ["ssim", {"name": "lpips"}]}).distances == (
        Ssim(), Lpips()
    )  # fmt: skip


@pytest.mark.parametrize("family", [family for family in members.FAMILIES if family != "metrics"])
def test_every_member_s_defaults_have_their_fields_types(family):
    """pydantic does not look at defaults, and a float that is spelled as an int would not stack."""
    for name in members.names(family):
        cls = members.load(family, name)
        if any(f.default is f.default_factory for f in cls.__dataclass_fields__.values()):
            continue  # it has a value that must be given
        assert repr(members.build(family, cls())) == repr(cls()), name


def test_a_member_travels_and_comes_back():
    method = {"name": "bade", "strength": 0.5, "trigger": {"name": "badnet", "size": 3}}
    training = {"epochs": 3, "teacher": {"lr": 1e-3}}
    trial = Trial("t", "a", {"name": "toy", "size": 128}, method, "mlp", training, seeds=(0, 1), point={"x": 1})
    assert trial.stages == {"teacher": {"lr": 1e-3}}
    import json

    assert Trial(**json.loads(json.dumps(trial.plain)) | {"seeds": (0, 1)}) == trial


def test_paths_are_absolute_wherever_workers_stand(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert members.build("datasets", {"name": "meps", "folder": "here"}).folder == tmp_path / "here"


def test_a_class_that_workers_cannot_import_is_refused():
    @dataclass(frozen=True, kw_only=True)
    class Local:
        pass

    with pytest.raises(BadInput, match="workers cannot import it"):
        members.plain(Local())


@dataclass(frozen=True, kw_only=True)
class Odd:
    """Fields of kinds that no shipped member has."""

    weights: dict[str, float] = field(default_factory=dict)
    triggers: tuple[TriggerField, ...] = ()
    count: Annotated[int, Ge(1)] | None = None
    share: float = 0.5


def odd(values):
    return members.checked(Odd, values)


def test_a_field_may_be_a_mapping():
    made = template(odd, {"weights": {"a": 1, "b": "2"}, "share": {"grid": [0, 1]}})
    assert made.corner == Odd(weights={"a": 1.0, "b": 2.0}, share=0.0)
    assert made.space == {"share": Grid(grid=(0.0, 1.0))}


def test_a_tuple_of_members():
    assert odd({"triggers": ["sig", {"name": "badnet", "size": 3}]}).triggers == (Sig(), BadNet(size=3))
    with pytest.raises(BadInput, match=r"triggers\.size"):
        odd({"triggers": [{"name": "badnet", "size": -3}]})
    assert members.families(Odd) == {"triggers": "triggers"}
    assert members.families(Perceptual) == {"cost": "costs"}


@pytest.mark.parametrize(
    ("values", "space"),
    [
        ({"share": {"grid": [0, 0.0, "1e-1", 0.1]}}, Grid(grid=(0.0, 0.1))),
        ({"count": {"grid": [8, 8.0, 9]}}, Grid(grid=(8, 9))),
        ({"share": {"low": 0, "high": 1}}, Range(low=0.0, high=1.0)),
        ({"count": {"low": 1.0, "high": 5.0, "log": True}}, Range(low=1, high=5, log=True)),
    ],
)
def test_a_space_has_its_field_s_type(values, space):
    (found,) = template(odd, values).space.values()
    assert found == space
    assert [type(end) for end in found.ends] == [type(end) for end in space.ends]


def test_a_grid_has_every_value_of_one_number_with_every_value_of_the_others():
    space = {"a": Grid(grid=(1, 2)), "b": Grid(grid=("x", "y", "z"))}
    assert [(point["a"], point["b"]) for point in points(space)] == [(a, b) for a in (1, 2) for b in "xyz"]


def test_whether_a_range_is_whole_is_said_by_the_field(study):
    """README's own command searched 0 and 1 only."""
    arms = study("search=tpe", "methods.bade_tuned.strength={low: 0, high: 1}", "training.epochs={low: 1.0, high: 5.0}")
    space = next(arm.space for arm in arms.arms() if arm.name == "bade_tuned")
    strength, epochs = (_distribution(space[name]) for name in ("method.strength", "training.epochs"))
    assert (type(strength).__name__, type(epochs).__name__) == ("FloatDistribution", "IntDistribution")
    assert (strength.low, strength.high, epochs.low, epochs.high) == (0.0, 1.0, 1, 5)


def test_numbers_that_yaml_reads_as_text_are_numbers(study):
    """yaml 1.1 takes 1e-3 for text."""
    made = study("training.lr={grid: [1e-3, 1e-2]}")
    assert made.training.space == {"lr": Grid(grid=(1e-3, 1e-2))}
    assert {arm.at(point).training.lr for arm in made.arms() for point in points(arm.space)} == {1e-3, 1e-2}


def test_grids_of_ints_and_floats_have_the_same_uids(study):
    def uids(grid):
        (arm,) = study(f"methods={{b: {{name: bade, strength: {{grid: {grid}}}}}}}", "baseline=null").arms()
        return [arm.at(point).uid for point in points(arm.space)]

    assert uids("[0, 1]") == uids("[0.0, 1.0]")


def test_a_point_is_built_by_the_door():
    made = Template(Bade(trigger=BadNet()), {})
    assert made.at({"strength": 0.5, "trigger.size": 3}) == Bade(strength=0.5, trigger=BadNet(size=3))
    assert made.at({"trigger": "sig"}).trigger == Sig()
    with pytest.raises(BadInput, match="less than or equal to 1"):
        made.at({"strength": 7})


def test_members_of_a_grid_are_named(study):
    spec = "methods={b: {name: bade, trigger: {grid: [badnet, sig]}}}"
    (arm,) = study(spec, "baseline=null", "tasks.Adult.side=8", "network=small_cnn").arms()
    assert [arm.at(point).method.trigger for point in points(arm.space)] == [BadNet(), Sig()]


@pytest.mark.parametrize(
    ("argument", "place", "says"),
    [
        ("numerics.dtype={grid: [float32, float64]}", "numerics.dtype", "methods, network and training"),
        ("tasks.Adult.bias={grid: [0.1, 0.9]}", "tasks.Adult.bias", "methods, network and training"),
        ("launch.cpus={grid: [1, 2]}", "launch.cpus", "methods, network and training"),
        ("methods.bade.strength={low: 0, high: 1, lgo: true}", "methods.bade.strength", "key of a search space 'lgo'"),
        ("methods.bade.strength={low: 0}", "methods.bade.strength", "high is missing"),
        ("methods.bade.strength={grid: 0.5}", "methods.bade.strength", "give a list"),
        ("methods.bade.strength={grid: [0, 2]}", "methods.bade.strength", "got 2"),
        ("methods.bade.strength={low: 0, high: 1, grid: [0]}", "methods.bade.strength", "no key of a search space"),
        ("methods.bade.trigger={low: 0, high: 1}", "methods.bade.trigger", "got 0"),
        ("methods.adversarial.update={low: projection, high: reversal}", "update", "no range of numbers"),
        ("training.epochs=true", "training.epochs", "got True"),
        ("training.techer={epochs: 3}", "training.techer", "no stage of these methods 'techer'"),
        ("training.teacher.epohcs=3", "training.teacher.epohcs", "no key 'epohcs'"),
        ("training.epohcs=3", "training.epohcs", "did you mean 'epochs'"),
        ("families={T: adult}", "families", "no key 'families'"),
        ("optional=[Nope]", "optional.Nope", "no task of this study 'Nope'"),
        ("optional=Nope", "optional", "expected a tuple"),
        ("searches={Adult: tpe}", "searches.Adult", "no method of this study 'Adult'"),
        ("printed_tasks=[Adult]", "printed_tasks", "expected a dictionary"),
        ("printed_tasks={Adlut: Adult}", "printed_tasks.Adlut", "no task of this study"),
        ("methods={no: standard}", "methods", "no text unless it stands in quotes"),
        ("methods={a: standard, a: bade}", "methods", "the key a stands twice"),
        ("objectives={odds: minimize}", "objectives", "expected a tuple"),
        ("objectives=[oods]", "objectives", "did you mean 'odds'"),
        ("selection.rule=best", "selection.rule", "'constraint'"),
        ("selection.orcale=true", "selection.orcale", "did you mean 'oracle'"),
        ("margins={oods: 1}", "margins", "did you mean 'odds'"),
        ("margins.odds=0", "margins.odds", "greater than 0"),
        ("launch.folder=x", "launch.folder", "no key 'folder'"),
    ],
)
def test_nothing_is_accepted_and_ignored(study, argument, place, says):
    with pytest.raises(BadInput) as error:
        study(argument, "search=tpe").check()
    assert place in error.value.where
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("scales: {smal: {seeds: 1}}", "there is no scale 'smal'"),
        ("scales: {paper: {sedes: 1}}", "there is no key 'sedes'"),
        ("scales: [small]", "give scales:"),
        ("seeds: 2\nseeds: 3", "the key seeds stands twice"),
        ("printed_tasks: [T]", "expected a dictionary"),
        ("optional: [U]", "no task of this study 'U'"),
        ("networks: {U: mlp}", "no task or method of this study 'U'"),
        ("families: {T: U}", "there is no key 'families'"),
    ],
)
def test_every_key_of_a_study_file_is_checked(own_conf, text, says):
    path = own_conf("study/mine", STUDY + text)
    with pytest.raises(BadInput) as error:
        config.load("mine", "smoke")
    assert says in str(error.value)
    assert str(path) in error.value.where


def test_an_optional_task_is_left_out_however_it_is_spelled(own_conf):
    for spelled in ("meps", "{name: meps}", "{name: meps, folder: null}"):
        own_conf("study/mine", STUDY.replace("T: toy", f"T: toy, MEPS: {spelled}") + "optional: [MEPS]")
        made = config.load("mine", "smoke")
        assert list(made.tasks) == ["T"]
        assert made.left_out == {"MEPS": "folder is not given: tasks.MEPS.folder=DIR"}


def test_a_label_may_have_a_dot(own_conf):
    own_conf("study/mine", STUDY.replace("standard: standard", "bade_0.5: bade, bade_0: bade"))
    made = config.load("mine", "smoke", ["methods.bade_0.5.strength=0.5", "methods.bade_0.strength=0"])
    assert {label: part.corner.strength for label, part in made.methods.items()} == {"bade_0.5": 0.5, "bade_0": 0.0}
    with pytest.raises(BadInput, match=r"methods\.bade_0\.5\.strength"):
        config.load("mine", "smoke", ["methods.bade_0.5.strength=5"])


def test_settings_of_one_stage(study):
    made = study("training.teacher.epochs=5", "training.teacher.lr={grid: [1e-3, 1e-2]}", "methods=[standard, bade]")
    arms = {arm.name: arm for arm in made.arms()}
    assert arms["bade"].space == {"training.teacher.lr": Grid(grid=(1e-3, 1e-2))}
    assert arms["bade"].corner.stages == {"teacher": {"epochs": 5, "lr": 1e-3}}
    assert arms["standard"].corner.stages == {}
    first, second = (arms["bade"].at(point) for point in points(arms["bade"].space))
    assert first.uid != second.uid
    assert checked_training({"epochs": 1, "teacher": {"epochs": "5"}})["teacher"] == {"epochs": 5}


def test_what_does_not_go_together_is_said_with_its_file(study):
    with pytest.raises(BadInput) as error:
        study("tasks.Adult=adult", "tasks.Adult.protected=race").check()
    assert error.value.where.endswith("(methods.bade) on adult (income ~ race)") or "methods.bade" in error.value.where
    with pytest.raises(BadInput, match=r"command line \(methods.bade.trigger\) on toy"):
        study("methods.bade.trigger={name: sig}").check()
    with pytest.raises(BadInput, match=r"method.trigger on toy"):
        Trial("t", "a", "toy", Bade(trigger=Sig()), "mlp").check()


def test_python_s_trials_are_checked_against_their_data(store):
    from fairray.trial import execute

    with pytest.raises(BadInput, match="5 groups"):
        execute([Trial("t", "a", {"name": "adult", "protected": "race"}, "bade", "mlp")], store)
    with pytest.raises(BadInput, match="no stage 'techer'"):
        execute([Trial("t", "a", "toy", "bade", "mlp", {"techer": {"epochs": 1}})], store)


@pytest.mark.parametrize("family", [family for family in members.FAMILIES if family != "metrics"])
def test_list_prints_every_member_s_fields(family, capsys):
    for name in members.names(family):
        assert main(["list", family, name]) == 0
        said = capsys.readouterr().out
        cls: Any = members.load(family, name)
        assert all(f"\n  {argument} " in said for argument in members.arguments(cls)), name


def test_list_says_ranges_and_defaults(capsys):
    main(["list", "methods", "bade"])
    lines = [line.split("  ") for line in capsys.readouterr().out.splitlines()]
    rows = {row[0]: row[1:] for row in ([part.strip() for part in line if part.strip()] for line in lines) if row}
    assert rows["strength"] == ["float >= 0, <= 1", "1.0"]
    assert rows["trigger"] == ["of triggers | null", "null"]
    assert main(["list", "networks", "mlpp"]) == 2
    assert "did you mean 'mlp'" in capsys.readouterr().err


def test_no_file_in_conf_repeats_its_class():
    """What a class says of itself is said there."""
    found = []
    for group, family in config.FAMILIES.items():
        for name in catalogue.conf_names(group):
            values = config._read(catalogue.conf_file(group, name))
            cls = members.load(family, values.pop("name"))
            defaults = {f.name: f.default for f in cls.__dataclass_fields__.values()}
            found += [name for _ in [0] if all(defaults[key] == value for key, value in values.items())]
    assert found == []


def test_strengths_rise(study):
    """The grid of the study, as its trials have it."""
    (arm,) = (arm for arm in study(scale="small").arms() if arm.name == "bade_tuned")
    strengths = [arm.at(point).method.strength for point in points(arm.space)]
    assert all(low < high for low, high in pairwise(strengths))
    assert replace(arm.corner, arm="bade").uid == arm.corner.uid
