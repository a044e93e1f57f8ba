"""conf/ and the command line as a `Study`: everything wrong in it is an error before anything runs.

A study file names other files by their group: ``network: mlp`` is ``conf/network/mlp.yaml``. Values are laid
over each other in this order: the study, the scale, the study's own ``scales``, ``key=value`` arguments.
"""

import ast
from collections.abc import Iterable
from dataclasses import MISSING, fields, is_dataclass
from itertools import product
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from fairray import evaluation, registry
from fairray.errors import BadInput, unknown
from fairray.stages import Numerics, Training
from fairray.study import Direction, Grid, Launch, Range, Search, Study, space

__all__ = ["conf_file", "load", "scales", "script", "studies"]

Tree = dict[str, Any]

FAMILIES = {"dataset": "datasets", "method": "methods", "network": "networks", **registry.TAKEN}
MEMBERS = {"tasks": "dataset", "methods": "method", "networks": "network", "searches": "search"}
COMMAND_LINE = "command line"
ROOTS = (Path.cwd(), Path(__file__).parents[1], Path(__file__).parent)


def load(name: str, scale: str = "small", overrides: Iterable[str] = ()) -> Study:
    """The study `name`, validated.

    overrides: ``key=value`` with dotted keys, as on the command line.
    Raises BadInput that names the file or argument, the key, what was expected and the cure.
    """
    draft = Draft(name)
    file = conf_file("scale", scale)
    own = [(key, value, draft.file) for key, value in draft.values.pop("scales", {}).get(scale, {}).items()]
    given = [(key, value, COMMAND_LINE) for key, value in map(_argument, overrides)]
    for key, value, source in [*own, *given]:  # which file, before what is changed in it
        if _is_choice(key):
            draft.set(key, value, source)
    of_scale = [(key, value, str(file)) for key, value in _read(file).items()]
    for key, value, source in [*filter(draft.takes, [*of_scale, *own]), *given]:
        if not _is_choice(key):
            draft.set(key, value, source)
    return _study(draft, name, scale)


class Draft:
    """A study's values before they are checked, and where each came from."""

    def __init__(self, name: str):
        path = conf_file("study", name)
        self.file = str(path)
        self.values: Tree = {"numerics": {}, "search": "grid", "launch": "ray", **_read(path)}
        self.origin: dict[str, str] = {}
        self.labels: set[str] = set()  # of all tasks and methods there were, also of those that an argument takes away
        for key in MEMBERS:
            given, self.values[key] = self.values.get(key), {}
            if given is not None:
                self._choose(key, given, self.file)
        for key in ("network", "training", "search", "launch"):
            if key in self.values:
                self.set(key, self.values[key], self.file)

    def _choose(self, key: str, members: Any, source: str) -> None:
        """Which tasks or methods there are: those in a list keep what the study says of them already."""
        if not isinstance(members, dict | list) or not members:
            raise BadInput(f"{source} ({key})", f"got {members!r}", f"name at least one, such as {key}=[NAME]")
        old, self.values[key] = self.values[key], {}
        for label in members:
            value = members[label] if isinstance(members, dict) else old.get(label, label)
            self.set(f"{key}.{label}", value, self.origin.get(f"{key}.{label}", source) if label in old else source)
        if key in ("tasks", "methods"):
            self.labels |= set(members)

    def set(self, key: str, value: Any, source: str) -> None:
        """Lay one value over what is there; the name of a file becomes what the file says."""
        if key in MEMBERS:
            self._choose(key, value, source)
            return
        *path, last = key.split(".")
        if "*" in path:
            for one in self._matching(key, source):
                self.set(one, value, source)
            return
        tree = self.values
        for i, part in enumerate(path):
            if part not in tree:
                raise unknown(f"{source} ({key})", "key", ".".join(path[: i + 1]), tree)
            if not isinstance(tree[part], dict):
                raise BadInput(f"{source} ({key})", f"{'.'.join(path[: i + 1])} has no keys", "set it as a whole")
            tree = tree[part]
        group = _group(key)
        if group is not None:
            value, source = _expanded(group, value, f"{source} ({key})", source)
        tree[last] = value
        self.origin = {old: origin for old, origin in self.origin.items() if not old.startswith(f"{key}.")}
        self.origin[key] = source

    def _matching(self, key: str, source: str) -> list[str]:
        """The keys that tasks.*.folder stands for: of every task whose data set has a folder."""
        group, _, rest = key.split(".", 2)
        family, name = FAMILIES[MEMBERS[group]], rest.split(".")[0]
        found = [
            f"{group}.{label}.{rest}"
            for label, spec in self.values[group].items()
            if name in _arguments_of(family, spec["name"])
        ]
        if not found:
            raise BadInput(
                f"{source} ({key})", f"none of the {group} has {rest}", f"there are: {', '.join(self.values[group])}"
            )
        return found

    def where(self, key: str) -> str:
        """The file or argument that a key came from."""
        parts = key.split(".")
        for end in range(len(parts), 0, -1):
            if (prefix := ".".join(parts[:end])) in self.origin:
                return f"{self.origin[prefix]} ({key})"
        return f"{self.file} ({key})"

    def takes(self, item: tuple[str, Any, str]) -> bool:
        """Whether a scale's item means anything here: a width does only to a network that has one."""
        group, *rest = item[0].split(".")
        if group in MEMBERS and len(rest) > 1 and rest[0] in self.labels - {*self.values[group]}:
            return False  # an argument has taken it away
        part, _, name = item[0].replace("methods.*", "methods").partition(".")
        if part not in ("network", "methods"):
            return True
        family, used = f"{part.removesuffix('s')}s", self.values[part]
        here = [used["name"]] if part == "network" else [spec["name"] for spec in used.values()]
        if any(name in _arguments_of(family, member) for member in here):
            return True
        # what no member has is a mistake, and is told as one
        return not any(name in _arguments_of(family, other) for other in registry.names(family))


def _arguments_of(family: str, member: str) -> list[str]:
    return registry.arguments(registry.load(family, member))


def conf_file(group: str, name: str) -> Path:
    """The file of a name in a group; a conf/ folder where the user stands comes first."""
    for root in ROOTS:
        path = root / "conf" / group / f"{name}.yaml"
        if path.is_file():
            return path
    raise unknown(f"conf/{group}", group, name, _files(group))


def studies() -> dict[str, str]:
    """Every study and its question."""
    return {name: _question(name) for name in _files("study")}


def scales() -> list[str]:
    """The names of the scales."""
    return _files("scale")


def script(name: str) -> Path | None:
    """The study's script, where it has one."""
    found = [path for root in ROOTS if (path := root / "studies" / f"{name}.py").is_file()]
    return found[0] if found else None


def _study(draft: Draft, name: str, scale: str) -> Study:
    values = draft.values
    known = {field.name for field in fields(Study)} - {"name", "question", "scale", "left_out"} | {"optional"}
    for key in values:
        if key not in known:
            raise unknown(draft.where(key), "key", key, known)
    for key in ("tasks", "methods", "network", "training", "seeds", "objectives"):
        if values.get(key) in (None, {}):
            raise BadInput(f"{draft.file} ({key})", "it is missing", f"give {key}: ...")
    seeds = values["seeds"]
    if not isinstance(seeds, int) or isinstance(seeds, bool) or seeds < 1:
        raise BadInput(draft.where("seeds"), f"got {seeds!r}", "give a whole number of at least 1")
    left_out = _left_out(values)
    values["tasks"], families = _pairs({k: task for k, task in values["tasks"].items() if k not in left_out})
    tasks = {label: _member(draft, f"tasks.{label}", "dataset") for label in values["tasks"]}
    search = _checked(draft, "search", Search)
    methods = {label: _member(draft, f"methods.{label}", "method") for label in values["methods"]}
    baseline = values.get("baseline")
    if baseline is not None and baseline not in methods:
        raise unknown(draft.where("baseline"), "method of this study", baseline, methods)
    study = Study(
        name=name,
        question=_question(name),
        scale=scale,
        tasks=tasks,
        families=families,
        methods=methods,
        network=_member(draft, "network", "network"),
        networks={label: _member(draft, f"networks.{label}", "network") for label in values["networks"]},
        training=_checked(draft, "training", Training),
        numerics=_checked(draft, "numerics", Numerics),
        seeds=seeds,
        objectives=_objectives(draft),
        search=Search(**search),
        searches={label: Search(**_checked(draft, f"searches.{label}", Search)) for label in values["searches"]},
        launch=Launch(**_checked(draft, "launch", Launch)),
        baseline=baseline,
        printed=_printed(draft),
        printed_tasks=values.get("printed_tasks", {}),
        left_out=left_out,
    )
    if not study.tasks:
        label, reason = next(iter(left_out.items()))
        raise BadInput(draft.where(f"tasks.{label}"), "no task is left to run", reason)
    _check_names(draft, study)
    searched = [(study.searches.get(label, study.search), spec) for label, spec in methods.items()]
    for way, spec in [*searched, (study.search, study.network), (study.search, study.training)]:
        for key, value in space(spec).items():
            if isinstance(value, Range) and way.name == "grid":
                raise BadInput(
                    f"{draft.file} ({key})", "a grid search needs a grid", "set search=tpe or give grid: [...]"
                )
    return study


def _left_out(values: Tree) -> dict[str, str]:
    """The optional tasks whose files are not given, and how to give them."""
    return {
        label: f"{missing[0]} is not given: tasks.{label}.{missing[0]}=DIR"
        for label in values.get("optional", [])
        if label in values["tasks"]
        if (missing := [key for key in ("folder", "path") if values["tasks"][label].get(key, "") is None])
    }


def _check_names(draft: Draft, study: Study) -> None:
    """Raise BadInput where a network is for no task, or an objective is measured by nothing."""
    for label in study.networks:
        if label not in draft.labels:
            known = {*study.families.values(), *study.methods}
            raise unknown(draft.where(f"networks.{label}"), "task or method of this study", label, known)
    for label in study.searches:
        if label not in draft.labels:
            raise unknown(draft.where(f"searches.{label}"), "method of this study", label, study.methods)
    own = {measure for arm in study.arms() for measure in getattr(arm.last_stage, "measures", ())}
    known = {*evaluation.metrics(), *own}
    for metric in study.objectives:
        if metric not in known:
            raise unknown(draft.where(f"objectives.{metric}"), "metric", metric, known)


def _member(draft: Draft, key: str, group: str) -> Tree:
    """A member's spec, checked against the fields of its class."""
    spec = _at(draft.values, key)
    try:
        cls = registry.load(FAMILIES[group], spec["name"])
    except BadInput as error:
        raise BadInput(draft.where(f"{key}.name"), error.problem, error.cure) from error
    name = spec["name"]
    arguments = _checked(draft, key, cls, {k: v for k, v in spec.items() if k != "name"})
    return {"name": str(Path(name).resolve()) if name.endswith(".py") else name, **arguments}


def _inner(draft: Draft, key: str, group: str) -> Tree:
    """The spec of a member that is an argument of another one, such as a method's trigger."""
    value, source = _expanded(group, _at(draft.values, key), draft.where(key), draft.where(key))
    *path, last = key.split(".")
    _at(draft.values, ".".join(path))[last] = value
    draft.origin.setdefault(key, source)
    return _member(draft, key, group)


def _pairs(tasks: Tree) -> tuple[Tree, dict[str, str]]:
    """A task with lists of targets and protected attributes stands for every pair of two different ones.

    Also which task of the study each stands for.
    """
    found, families = {}, {}
    for family, spec in tasks.items():
        both = {key: spec[key] for key in ("target", "protected") if key in spec}
        if not any(isinstance(values, list) for values in both.values()):
            found[family], families[family] = spec, family
            continue
        for pair in product(*(values if isinstance(values, list) else [values] for values in both.values())):
            if len(set(pair)) == len(pair):
                label = f"{family} {'/'.join(map(str, pair))}"
                found[label], families[label] = spec | dict(zip(both, pair, strict=True)), family
    return found, families


def _checked(draft: Draft, key: str, cls: Any, spec: Tree | None = None) -> Tree:
    """Values for the fields of a dataclass, as its types want them; search spaces checked at every end."""
    spec = _at(draft.values, key) if spec is None else spec
    if not is_dataclass(cls):
        raise BadInput(draft.where(key), f"{cls!r} is not a dataclass", "name a frozen dataclass in __all__")
    names = registry.arguments(cls)
    for name in spec:
        if name not in names:
            raise unknown(draft.where(f"{key}.{name}"), "key", name, names)
    inner = {name: _inner(draft, f"{key}.{name}", name) for name in spec if name in FAMILIES and spec[name] is not None}
    spec = spec | inner
    searched = {
        name: _space(draft, f"{key}.{name}", value)
        for name, value in spec.items()
        if isinstance(value, dict) and name not in inner
    }
    closed = {name: value for name, value in spec.items() if name not in searched}
    start = {name: next(iter(_ends(choice))) for name, choice in searched.items()}
    valid = _validated(draft, key, cls, closed | start)
    for name, choice in searched.items():
        for value in _ends(choice):
            _validated(draft, key, cls, closed | start | {name: value})
    # a member that is an argument's default needs no spec
    return {name: searched.get(name, valid[name]) for name in names if not is_dataclass(valid[name])}


def _validated(draft: Draft, key: str, cls: Any, values: Tree) -> Tree:
    try:
        valid = TypeAdapter(cls).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        default = {field.name: field.default for field in fields(cls)}.get(name, MISSING)
        hint = "" if default is MISSING else f"; the default is {default!r}"
        expected = first["msg"].replace("Input should be ", "").replace("valid ", "")
        if first["type"] == "missing":
            raise BadInput(draft.where(f"{key}.{name}"), "it is missing", f"give {name}: VALUE") from error
        raise BadInput(
            draft.where(f"{key}.{name}"), f"got {first['input']!r}, expected {expected}", f"mend the value{hint}"
        ) from error
    plain = {field.name: getattr(valid, field.name) for field in fields(valid)}
    return {name: str(value.resolve()) if isinstance(value, Path) else value for name, value in plain.items()}


def _space(draft: Draft, key: str, value: Tree) -> Grid | Range:
    cls: type[Grid] | type[Range] = Grid if "grid" in value else Range
    for name in value:
        if name not in registry.arguments(cls):
            raise unknown(draft.where(key), "key of a search space", name, ["grid", "low", "high", "log"])
    choice = cls(**_validated(draft, key, cls, value))
    if isinstance(choice, Grid) and not choice.grid:
        raise BadInput(draft.where(key), "the grid is empty", "give at least one value")
    if isinstance(choice, Range) and not choice.low < choice.high:
        raise BadInput(draft.where(key), f"low {choice.low} is not below high {choice.high}", "swap or mend them")
    if isinstance(choice, Range) and choice.log and choice.low <= 0:
        raise BadInput(draft.where(key), f"low {choice.low} has no logarithm", "let low be above 0")
    return choice


def _ends(choice: Grid | Range) -> tuple[Any, ...]:
    return choice.grid if isinstance(choice, Grid) else (choice.low, choice.high)


def _objectives(draft: Draft) -> dict[str, Direction]:
    objectives = draft.values["objectives"]
    if not isinstance(objectives, dict) or not objectives:
        raise BadInput(draft.where("objectives"), f"got {objectives!r}", "give objectives: {odds: minimize}")
    for metric, direction in objectives.items():
        if direction not in ("minimize", "maximize"):
            raise unknown(draft.where(f"objectives.{metric}"), "direction", direction, ("minimize", "maximize"))
    return objectives


def _printed(draft: Draft) -> Path | None:
    name = draft.values.get("printed")
    if name is None:
        return None
    found = [path for root in ROOTS if (path := root / "conf" / "printed" / f"{name}.csv").is_file()]
    if not found:
        raise BadInput(draft.where("printed"), f"there is no conf/printed/{name}.csv", "add it or leave the key out")
    return found[0]


def _question(name: str) -> str:
    path = script(name)
    text = ast.get_docstring(ast.parse(path.read_text())) if path else None
    return (text or name).split("\n\n")[0].replace("\n", " ")


def _expanded(group: str, value: Any, where: str, source: str) -> tuple[Any, str]:
    """What a name stands for, and the file it is in."""
    if isinstance(value, str):
        family = FAMILIES.get(group)
        if value in _files(group):
            path = conf_file(group, value)
            return _read(path), str(path)
        if family is None or not (value.endswith(".py") or value in registry.names(family)):
            raise unknown(where, group, value, {*_files(group), *(registry.names(family) if family else ())})
        return {"name": value}, source
    if not isinstance(value, dict):
        raise BadInput(where, f"got {value!r}", f"name a file of conf/{group}, or give its values")
    if group in FAMILIES and "name" not in value:
        raise BadInput(where, "it has no name", f"give name: one of {', '.join(registry.names(FAMILIES[group]))}")
    return dict(value), source


def _is_choice(key: str) -> bool:
    """Whether a key says which members there are, or which file one comes from."""
    return key in MEMBERS or _group(key) is not None


def _group(key: str) -> str | None:
    """The group whose file a key can name."""
    part, _, rest = key.partition(".")
    if part in MEMBERS and rest and "." not in rest:
        return MEMBERS[part]
    return part if part in ("network", "training", "search", "launch") and not rest else None


def _argument(text: str) -> tuple[str, Any]:
    key, sign, value = text.partition("=")
    if not sign or not key:
        raise BadInput(f"{COMMAND_LINE} ({text})", "it is not key=value", "write for example training.epochs=3")
    try:
        return key, yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise BadInput(f"{COMMAND_LINE} ({key})", f"{value!r} is not yaml", "put it in quotes") from error


def _read(path: Path) -> Tree:
    try:
        tree = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise BadInput(str(path), f"it is not yaml: {error}", "mend the file") from error
    if not isinstance(tree, dict):
        raise BadInput(str(path), f"it holds {type(tree).__name__}, keys were expected", "write key: value lines")
    return tree


def _files(group: str) -> list[str]:
    return sorted({path.stem for root in ROOTS for path in (root / "conf" / group).glob("*.yaml")})


def _at(tree: Tree, key: str) -> Any:
    for part in key.split("."):
        tree = tree[part]
    return tree
