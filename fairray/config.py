"""conf/, the command line and values of Python as a `Study`: everything wrong in it is an error before anything runs.

A study file names other files by their group: ``network: mlp`` is ``conf/network/mlp.yaml`` or, without such a file,
the member itself. Values are laid over each other in this order: the study, the scale, the study's own ``scales``,
``key=value`` arguments. A study that is ``fixed: true`` has its own values at every scale.
"""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass
from functools import partial
from itertools import combinations, product
from pathlib import Path
from typing import Annotated, Any

import yaml
from annotated_types import Ge, Gt, MinLen

from fairray import members
from fairray.catalogue import conf_file, conf_names, find, question, scales, writes
from fairray.errors import BadInput, placed, said_of, unknown
from fairray.rules import Selection
from fairray.space import Range, Template, is_space, template
from fairray.stages import Numerics
from fairray.study import Launch, Search, Study
from fairray.trial import checked_training

__all__ = ["declare", "dump", "load"]

Tree = dict[str, Any]

SINGLE = ("network", "training", "search", "launch")
MANY = {"tasks": "dataset", "methods": "method", "networks": "network", "searches": "search"}
MANY |= {"trainings": "training", "replays": "search"}
FAMILIES = {group: f"{group}s" for group in ("artefact", "attack", "cost", "dataset", "method", "network", "trigger")}
FAMILIES |= {"saliency": "saliency"}
GROUPS = {family: group for group, family in FAMILIES.items()}
COMMAND_LINE, ARGUMENTS = "command line", "argument"  # of the shell, and of Python
SCALE = "small"  # unless another is asked for
FIXED = "fixed"  # the scale of a study that has none
SUFFIXES = (".yaml", ".yml")  # of study files


@dataclass(frozen=True, kw_only=True)
class Keys:
    """What a study file may say, and must."""

    tasks: dict[str, Any]
    methods: dict[str, Any]
    network: dict[str, Any]
    training: dict[str, Any]
    seeds: Annotated[int, Ge(1)]
    objectives: Annotated[tuple[str, ...], MinLen(1)]
    splits: Annotated[int, Ge(1)] = 1
    confirm: Annotated[int, Ge(0)] = 0
    optional: tuple[str, ...] = ()
    networks: dict[str, Any] = field(default_factory=dict)
    numerics: dict[str, Any] = field(default_factory=dict)
    search: dict[str, Any] = field(default_factory=dict)
    searches: dict[str, Any] = field(default_factory=dict)
    replays: dict[str, Any] = field(default_factory=dict)
    trainings: dict[str, Any] = field(default_factory=dict)
    selection: dict[str, Any] = field(default_factory=dict)
    launch: dict[str, Any] = field(default_factory=dict)
    baseline: str | None = None
    margins: dict[str, Annotated[float, Gt(0)]] = field(default_factory=dict)
    spread: dict[str, Annotated[float, Gt(0)]] = field(default_factory=dict)
    printed: str | None = None
    printed_tasks: dict[str, str] = field(default_factory=dict)
    fixed: bool = False


def load(name: str, scale: str | None = None, overrides: Iterable[str] | Mapping[str, Any] = ()) -> Study:
    """The study `name`, or the one of a yaml file, validated.

    overrides: ``key=value`` with dotted keys, as on the command line, or values by dotted keys.
    Raises BadInput that names the file or argument, the key, what was expected and the cure.
    """
    path = Path(name) if name.endswith(SUFFIXES) else conf_file("study", name)
    if not path.is_file():
        raise BadInput(name, "there is no such file", "give the path of a study file, or the name of a study")
    draft = Draft(str(path), _read(path))
    if isinstance(overrides, Mapping):
        given = [(key, value, ARGUMENTS) for key, value in overrides.items()]
    else:
        given = [(key, value, COMMAND_LINE) for key, value in map(_argument, overrides)]
    scale = draft.pick_scale(scale)
    file = None if draft.fixed else conf_file("scale", scale)
    own = [(key, value, draft.file) for key, value in draft.scales.get(scale, {}).items()]
    for key, value, source in [*own, *given]:  # which file, before what is changed in it
        if _is_choice(key):
            draft.set(key, value, source)
    of_scale = [(key, value, str(file)) for key, value in (_read(file) if file else {}).items()]
    for key, value, source in [*filter(draft.takes, [*of_scale, *own]), *given]:
        if not _is_choice(key):
            draft.set(key, value, source)
    return _study(draft, path.stem, scale)


def declare(name: str, values: Mapping[str, Any]) -> Study:
    """A study of values as a study file has them, which no scale changes; members may be there as they are built.

    Raises BadInput as `load` does.
    """
    draft = Draft(ARGUMENTS, {**values, "fixed": True})
    return _study(draft, name, draft.pick_scale(None))


def dump(study: Study, rename: Callable[[str], str] = str) -> str:
    """A study file that says all values of a study, of the tasks and methods that it runs; no scale changes them.

    rename: what stands for a text, such as for the path of a file that will lie elsewhere.
    """
    of_families = {task: study.networks[of] for task, of in study.families.items() if of in study.networks}
    networks = {k: t for k, t in (of_families | study.networks).items() if k in study.tasks or k in study.methods}
    as_they_are = ("seeds", "splits", "confirm", "objectives", "baseline", "margins", "spread")
    values = {
        "fixed": True,
        "tasks": {task: members.plain(member) for task, member in study.tasks.items()},
        "methods": {method: part.plain for method, part in study.methods.items()},
        "network": study.network.plain,
        "networks": {label: part.plain for label, part in networks.items()},
        "training": study.training.plain,
        "trainings": {method: part.plain for method, part in study.trainings.items() if method in study.methods},
        "searches": {method: asdict(search) for method, search in study.searches.items() if method in study.methods},
        "replays": {label: asdict(search) for label, search in study.replays.items()},
        **{key: asdict(getattr(study, key)) for key in ("numerics", "search", "selection", "launch")},
        **{key: getattr(study, key) for key in as_they_are},
        "printed": study.printed and study.printed.stem,
        "printed_tasks": {task: of for task, of in study.printed_tasks.items() if task in study.tasks},
    }
    said = {key: _as_yaml(value, rename) for key, value in values.items() if value is not None and value != {}}
    return yaml.safe_dump(said, sort_keys=False, width=120)


def _as_yaml(value: Any, rename: Callable[[str], str]) -> Any:
    """A value as yaml has it."""
    if isinstance(value, Mapping):
        return {key: _as_yaml(inner, rename) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_as_yaml(inner, rename) for inner in value]
    return rename(value) if isinstance(value, str) else value


class Draft:
    """A study's values before they are checked, and where each came from."""

    def __init__(self, file: str, values: Tree):
        self.file = file
        self.fixed = values.get("fixed") is True
        self.values: Tree = {
            "numerics": {},
            "search": "grid",
            "launch": "ray",
            "selection": {},
            "margins": {},
            "spread": {},
            **values,
        }
        self.origin: dict[str, str] = {}
        self.scales = _scales(self.values.pop("scales", {}), self.file)
        # of all tasks and methods there are at some scale, also of those that an argument takes away
        self.labels = {
            group: {label for own in self.scales.values() for label in own.get(group) or ()} for group in MANY
        }
        self.taken: dict[str, Tree] = {group: {} for group in MANY}  # what is taken away, as it was
        for group in MANY:
            given, self.values[group] = self.values.get(group), {}
            if given is not None:
                self._choose(group, given, self.file)
        for key in SINGLE:
            if key in self.values:
                self.set(key, self.values[key], self.file)

    def _choose(self, group: str, chosen: Any, source: str) -> None:
        """Which tasks or methods there are: those in a list are what the study says of them at any scale."""
        if not isinstance(chosen, dict | list | tuple) or not chosen:
            raise BadInput(f"{source} ({group})", f"got {chosen!r}", f"name at least one, such as {group}=[NAME]")
        old, self.values[group] = self.values[group], {}
        known = self.taken[group] | old
        for label in chosen:
            if not isinstance(label, str):
                raise BadInput(f"{source} ({group})", f"{label!r} is no text", "put it in quotes")
            if label == "*":
                raise BadInput(f"{source} ({group})", "'*' stands for all of them", "give it another name")
            self.labels[group].add(label)
            value = chosen[label] if isinstance(chosen, dict) else known.get(label, label)
            origin = self.origin.get(f"{group}.{label}", source) if label in known else source
            self.set(f"{group}.{label}", value, origin)
        self.taken[group] = {label: spec for label, spec in known.items() if label not in self.values[group]}

    def pick_scale(self, wanted: str | None) -> str:
        """The scale that is wanted, or the usual one; a study that is fixed has none."""
        if not self.fixed:
            return SCALE if wanted is None else wanted
        if wanted not in (None, FIXED):
            raise BadInput(f"{self.file} (fixed)", f"it has no scales, and {wanted} was asked for", "ask for none")
        if self.scales:
            raise BadInput(f"{self.file} (scales)", "no scale changes a study that is fixed", "leave one of them out")
        return FIXED

    def set(self, key: str, value: Any, source: str) -> None:
        """Lay one value over what is there; the name of a file becomes what the file says."""
        if key in MANY:
            self._choose(key, value, source)
            return
        *path, last = self._parts(key)
        key = ".".join([*path, last])
        if "*" in path:
            for one in self._matching(key, source):
                self.set(one, value, source)
            return
        tree = self.values
        for i, part in enumerate(path):
            if part not in tree and path[:i] == ["training"]:  # the settings of one stage
                tree[part] = {}
            if part not in tree and part not in self._fields(path[:i], tree):
                raise unknown(f"{source} ({key})", "key", ".".join(path[: i + 1]), tree)
            if not isinstance(tree.get(part), dict):
                raise BadInput(f"{source} ({key})", f"{'.'.join(path[: i + 1])} has no keys", "set it as a whole")
            tree = tree[part]
        group = MANY.get(path[0]) if len(path) == 1 else key if key in SINGLE else None
        if group is not None:
            value, source = _expanded(group, value, f"{source} ({key})", source)
        tree[last] = value
        self.origin = {old: origin for old, origin in self.origin.items() if not old.startswith(f"{key}.")}
        self.origin[key] = source

    def _fields(self, path: list[str], spec: Tree) -> list[str]:
        """Of the member that a key names, if it does."""
        group = MANY.get(path[0], path[0]) if path else ""
        is_member = group in FAMILIES and len(path) == (2 if path[0] in MANY else 1)
        return _arguments_of(FAMILIES[group], spec["name"]) if is_member else []

    def _parts(self, key: str) -> list[str]:
        """The parts of a dotted key; what stands in quotes, and a label of a task or method, may have dots itself."""
        if '"' in key:
            return _split(key)
        group, _, rest = key.partition(".")
        for label in sorted(self.labels.get(group, ()), key=len, reverse=True):
            if rest == label or rest.startswith(f"{label}."):
                return [group, label, *filter(None, rest[len(label) + 1 :].split("."))]
        return key.split(".")

    def _matching(self, key: str, source: str) -> list[str]:
        """The keys that tasks.*.folder stands for: of every task whose data set has a folder."""
        group, _, rest = key.split(".", 2)
        family, name = FAMILIES[MANY[group]], rest.split(".")[0]
        having = [label for label, spec in self.values[group].items() if name in _arguments_of(family, spec["name"])]
        if not having:
            problem = f"none of the {group} has {rest}"
            raise BadInput(f"{source} ({key})", problem, f"there are: {', '.join(self.values[group])}")
        return [f"{group}.{label}.{rest}" for label in having]

    def where(self, key: str) -> str:
        """The file or argument that a key came from."""
        parts = key.split(".")
        prefixes = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
        return f"{next((self.origin[p] for p in prefixes if p in self.origin), self.file)} ({key})"

    def takes(self, item: tuple[str, Any, str]) -> bool:
        """Whether a scale's item means anything here: a width does only to a network that has one."""
        group, *rest = self._parts(item[0])
        if group in MANY and len(rest) > 1 and rest[0] in self.labels[group] - {*self.values[group]}:
            return False  # an argument has taken it away
        if group == "training" and len(rest) > 1 and self._is_taken(rest[0]):
            return False
        part, _, name = item[0].replace("methods.*", "methods").partition(".")
        if part not in ("network", "methods"):
            return True
        family, used = f"{part.removesuffix('s')}s", self.values[part]
        here = [used["name"]] if part == "network" else [spec["name"] for spec in used.values()]
        if any(name in _arguments_of(family, member) for member in here):
            return True
        # what no member has is a mistake, and is told as one; to load them all takes seconds
        if writes(family, name):
            return False
        return not any(name in _arguments_of(family, other) for other in members.names(family))

    def _is_taken(self, stage: str) -> bool:
        """Whether a stage is one that a method which is taken away has for itself."""
        name = stage.title().replace("_", "")
        gone, here = (
            [members.module("methods", spec["name"]) for spec in specs.values()]
            for specs in (self.taken["methods"], self.values["methods"])
        )
        own = any(f"\nclass {name}(" in inspect.getsource(module) for module in gone)
        return own and not any(hasattr(module, name) for module in here)

    def built(self, key: str, build: Callable[[Any], Any], values: Any) -> Any:
        """What the door makes of values; its errors say where these came from."""
        with placed(self.where), said_of(key):
            return build(values)

    def closed(self, key: str, build: Callable[[Any], Any], values: Tree) -> Any:
        """A value of which nothing is searched."""
        try:
            return self.built(key, build, values)
        except BadInput:
            for name, value in values.items():
                if is_space(value):
                    cure = "a search space may stand in methods, network and training"
                    problem = f"got {value!r}, and one value was expected"
                    raise BadInput(self.where(f"{key}.{name}"), problem, cure) from None
            raise

    def member(self, group: str, key: str, values: Tree) -> Template:
        """A member with open values."""
        values = self._spelled(group, key, values)
        return self.built(key, partial(template, partial(members.build, FAMILIES[group])), values)

    def _spelled(self, group: str, key: str, values: Tree) -> Tree:
        """The values with what stands in the files that the members in them are named after."""
        cls = self.built(key, lambda spec: members.load(FAMILIES[group], spec["name"]), values)
        spelled = dict(values)
        for name, family in members.families(cls).items():
            inner = GROUPS[family]
            if isinstance(value := values.get(name), list):
                spelled[name] = [self._inner(inner, f"{key}.{name}", one) for one in value]
            elif value is not None and not is_space(value):
                spelled[name] = self._inner(inner, f"{key}.{name}", value)
        return spelled

    def _inner(self, group: str, key: str, value: Any) -> Tree:
        expanded, source = _expanded(group, value, self.where(key), "")
        if source:
            self.origin.setdefault(key, source)
        return self._spelled(group, key, expanded)


def _study(draft: Draft, name: str, scale: str) -> Study:
    keys = draft.built("", partial(members.checked, Keys), draft.values)
    _check_labels(draft, keys)
    left_out = _left_out(draft)
    tasks, families = _tasks(draft, left_out)
    search, train = partial(members.checked, Search), partial(template, checked_training)
    launch = draft.closed("launch", partial(members.checked, Launch), keys.launch)
    study = Study(
        name=name,
        question=question(name),
        scale=scale,
        tasks=tasks,
        families=families,
        methods={k: draft.member("method", f"methods.{k}", spec) for k, spec in keys.methods.items()},
        network=draft.member("network", "network", keys.network),
        networks={k: draft.member("network", f"networks.{k}", spec) for k, spec in keys.networks.items()},
        training=draft.built("training", train, keys.training),
        trainings={k: draft.built(f"trainings.{k}", train, {**keys.training, **v}) for k, v in keys.trainings.items()},
        numerics=draft.closed("numerics", partial(_numerics, launch), keys.numerics),
        seeds=keys.seeds,
        splits=keys.splits,
        confirm=keys.confirm,
        objectives=keys.objectives,
        search=draft.closed("search", search, keys.search),
        searches={k: draft.closed(f"searches.{k}", search, spec) for k, spec in keys.searches.items()},
        replays={k: draft.closed(f"replays.{k}", search, spec) for k, spec in keys.replays.items()},
        selection=draft.closed("selection", partial(members.checked, Selection), keys.selection),
        launch=launch,
        baseline=keys.baseline,
        margins=keys.margins,
        spread=keys.spread,
        printed=_printed(draft, keys.printed),
        printed_tasks=keys.printed_tasks,
        left_out=left_out,
        where=draft.where,
    )
    _check_searches(draft, study)
    return study


def _numerics(launch: Launch, values: Tree) -> Numerics:
    """The numeric mode, with the device that "auto" stands for."""
    auto = values.get("device", "auto") == "auto"
    return members.checked(Numerics, {**values, "device": "cuda" if launch.has_gpus else "cpu"} if auto else values)


def _check_labels(draft: Draft, keys: Keys) -> None:
    """Raise BadInput where a key names a task or method that there is not."""
    tasks, methods = draft.labels["tasks"], draft.labels["methods"]
    named = [("optional", keys.optional, tasks), ("printed_tasks", keys.printed_tasks, tasks)]
    named += [("networks", keys.networks, tasks | methods)]
    named += [("searches", keys.searches, methods), ("trainings", keys.trainings, methods)]
    for key, labels, known in named:
        for label in labels:
            if not any(label == one or label.startswith(f"{one} ") for one in known):  # of a task with lists, too
                what = " or ".join(kind for kind, of in (("task", tasks), ("method", methods)) if of <= known)
                raise unknown(draft.where(f"{key}.{label}"), f"{what} of this study", label, known)
    if keys.baseline is not None and keys.baseline not in keys.methods:
        raise unknown(draft.where("baseline"), "method of this study", keys.baseline, keys.methods)


def _check_searches(draft: Draft, study: Study) -> None:
    """Raise BadInput where a grid search has an interval to try all of."""
    if grids := [label for label, search in study.replays.items() if search.name == "grid"]:
        raise BadInput(draft.where(f"replays.{grids[0]}"), "it is a grid", "name a sampler, such as tpe")
    if stopped := [label for label, search in study.replays.items() if search.stop is not None]:
        raise BadInput(draft.where(f"replays.{stopped[0]}"), "a replay trains nothing to stop", "leave stop out")
    own = (("methods", study.methods), ("trainings", study.trainings))
    parts = [(f"{key}.{k}", study.searches.get(k, study.search), t) for key, of in own for k, t in of.items()]
    parts += [(key, study.search, getattr(study, key)) for key in ("network", "training")]
    for key, search, part in parts:
        for name, choice in part.space.items():
            if isinstance(choice, Range) and search.name == "grid":
                place = draft.where(f"{key}.{name}")
                raise BadInput(place, "a grid search needs a grid", "set search=tpe or give grid: [...]")


def _left_out(draft: Draft) -> dict[str, str]:
    """The optional tasks whose files are not given, and how to give them."""
    found = {}
    for label in draft.values.get("optional") or ():
        spec = draft.values["tasks"].get(label)
        cls = draft.built(f"tasks.{label}", lambda s: members.load("datasets", s["name"]), spec) if spec else None
        for one in fields(cls) if cls else ():
            given = spec.get(one.name, None if one.default is MISSING else one.default)
            if one.name in ("folder", "path") and given is None:
                found[label] = f"{one.name} is not given: tasks.{label}.{one.name}=DIR"
    return found


def _tasks(draft: Draft, left_out: Mapping[str, str]) -> tuple[Tree, dict[str, str]]:
    """The data sets by task, and which task of the study file each stands for.

    A task with lists of targets and protected attributes stands for every pair of two different ones.
    """
    tasks, families = {}, {}
    build = partial(members.build, "datasets")
    for family, spec in draft.values["tasks"].items():
        lists = {key: spec[key] for key in ("target", "protected") if isinstance(spec.get(key), list)}
        both = {key: lists.get(key, [spec[key]]) for key in ("target", "protected") if lists and key in spec}
        for pair in product(*both.values()) if family not in left_out else ():
            if all(one != other for one, other in combinations(pair, 2)):
                label = f"{family} {'/'.join(map(_call, pair))}" if both else family
                tasks[label] = draft.closed(f"tasks.{family}", build, spec | dict(zip(both, pair, strict=True)))
                families[label] = family
    if not tasks:
        label, reason = next(iter(left_out.items()))
        raise BadInput(draft.where(f"tasks.{label}"), "no task is left to run", reason)
    return tasks, families


def _call(value: Any) -> str:
    """What one of a list of attributes is called; several that are crossed have keys."""
    return " and ".join(value) if isinstance(value, dict) else str(value)


def _printed(draft: Draft, name: str | None) -> Path | None:
    path = name and find(f"conf/printed/{name}.csv")
    if name is not None and path is None:
        raise BadInput(draft.where("printed"), f"there is no conf/printed/{name}.csv", "add it or leave the key out")
    return path or None


def _scales(given: Any, file: str) -> dict[str, Tree]:
    """What a study sets at each scale, by dotted keys."""
    if not isinstance(given, dict) or not all(isinstance(own, dict) for own in given.values()):
        raise BadInput(f"{file} (scales)", f"got {given!r}", "give scales: {SCALE: {KEY: VALUE}}")
    for scale, own in given.items():
        if scale not in scales():
            raise unknown(f"{file} (scales.{scale})", "scale", scale, scales())
        for key in own:
            if key.split(".")[0] not in members.arguments(Keys):
                raise unknown(f"{file} (scales.{scale}.{key})", "key", key.split(".")[0], members.arguments(Keys))
    return given


def _expanded(group: str, value: Any, where: str, source: str) -> tuple[Any, str]:
    """What a name stands for, and the file it is in."""
    family = FAMILIES.get(group)
    if isinstance(value, str):
        if value in conf_names(group):
            path = conf_file(group, value)
            return _read(path), str(path)
        if family is None or not (value.endswith(".py") or value in members.names(family)):
            raise unknown(where, group, value, {*conf_names(group), *(members.names(family) if family else ())})
        return {"name": value}, source
    if is_dataclass(value) and not isinstance(value, type):  # it is built already
        return (members.plain(value) if family else asdict(value)), source
    if not isinstance(value, dict):
        raise BadInput(where, f"got {value!r}", f"name a file of conf/{group}, or give its values")
    if family is not None and "name" not in value:
        raise BadInput(where, "it has no name", f"give name: one of {', '.join(members.names(family))}")
    return dict(value), source


def _arguments_of(family: str, member: str) -> list[str]:
    return members.arguments(members.load(family, member))


def _is_choice(key: str) -> bool:
    """Whether a key says which members there are, or which file one comes from."""
    parts = _split(key)
    return key in SINGLE or (parts[0] in MANY and len(parts) <= 2)


def _split(key: str) -> list[str]:
    """The parts of a key between dots; of one in quotes, what stands between them."""
    return [quoted or plain for quoted, plain in re.findall(r'"([^"]+)"|([^."]+)', key)] or [key]


def _argument(text: str) -> tuple[str, Any]:
    key, sign, value = text.partition("=")
    if not sign or not key:
        raise BadInput(f"{COMMAND_LINE} ({text})", "it is not key=value", "write for example training.epochs=3")
    try:
        return key, yaml.load(value, Loader)
    except yaml.YAMLError as error:
        raise BadInput(f"{COMMAND_LINE} ({key})", f"{value!r} is not yaml: {error}", "put it in quotes") from error


def _read(path: Path) -> Tree:
    try:
        tree = yaml.load(path.read_text(), Loader)
    except yaml.YAMLError as error:
        raise BadInput(str(path), f"it is not yaml: {error}", "mend the file") from error
    if not isinstance(tree, dict):
        raise BadInput(str(path), f"it holds {type(tree).__name__}, keys were expected", "write key: value lines")
    return tree


class Loader(yaml.SafeLoader):
    """Safe yaml whose keys are text, and each there once."""

    def compose_mapping_node(self, anchor: Any) -> Any:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.YAMLError(f"the key {key.value} stands twice{key.start_mark}")
            if key.tag not in ("tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"):
                raise yaml.YAMLError(f"the key {key.value} is no text unless it stands in quotes{key.start_mark}")
            seen.add(key.value)
        return node
