"""What Python and notebooks hold: a study that plans and runs itself, results that tabulate, judge and draw themselves.

Like the command line it stands above launch/ and report/, and computes nothing itself.
"""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd

from fairray import benchmarks, config, frames, given, members, report, results, study
from fairray.bundle import Packed, pack
from fairray.datasets._cells import Value
from fairray.errors import BadInput, unknown
from fairray.identity import field_values
from fairray.judgement import Rivals
from fairray.launch import planning
from fairray.launch.export import export
from fairray.launch.progress import label, tell
from fairray.launch.study import run_study
from fairray.model import Model, take_model
from fairray.report import Block, Frame, Items, Picture, Strong, show_alone
from fairray.space import Grid, Range, Template
from fairray.stages import Training
from fairray.trial import Trial, dataset
from fairray.words import write_count

if TYPE_CHECKING:  # to speak of one is no plotting
    from matplotlib.figure import Figure  # noqa: TID251

__all__ = ["Model", "Plan", "Results", "Study", "declare", "from_frame", "judge", "load", "load_model"]

T = TypeVar("T")


def load(
    name: str | Path, overrides: Mapping[str, Any] | None = None, /, *, scale: str | None = None, **keys: Any
) -> "Study":
    """The study of a name, or of a yaml file, as ``fairray run`` takes it.

    overrides: values by dotted keys, such as {"training.epochs": 3}; those without dots may be keywords, too.
    Raises BadInput that names the file or argument, the key, what was expected and the cure.
    """
    return _as(Study, config.load(str(name), scale, {**(overrides or {}), **keys}))


def declare(
    *,
    tasks: Mapping[str, Any] | Iterable[str],
    methods: Mapping[str, Any] | Iterable[str],
    name: str = "study",
    network: Any = "mlp",
    training: Any = "adam",
    seeds: int = 5,
    objectives: Iterable[str] = ("eacc", "odds"),
    **keys: Any,
) -> "Study":
    """A study of plain values, without any file.

    tasks, methods: by the names that the study gives them, or only by the names of members. Members are names, mappings
    or objects. keys: what else a study file may say. The baseline is `standard`, where there is one and none is given.
    Raises BadInput as `load` does.
    """
    methods = dict(methods) if isinstance(methods, Mapping) else [*methods]
    said = {"baseline": "standard" if "standard" in methods else None, **keys}
    said |= {"tasks": dict(tasks) if isinstance(tasks, Mapping) else [*tasks], "methods": methods}
    said |= {"network": network, "training": training, "seeds": seeds, "objectives": tuple(objectives)}
    return _as(Study, config.declare(name, said))


def from_frame(
    frame: Any,
    target: str,
    protected: str | Mapping[str, Any],
    *,
    name: str | None = None,
    output: str | Path = "runs",
    quiet: bool = False,
    **keys: Any,
) -> "Study":
    """A study of a data frame (pandas, arrow, polars): does what is predicted of `target` differ by `protected`?

    Methods, seeds, splits, network and training are chosen by the rows; what was chosen is printed, unless it is to be
    quiet, and `Study.save` keeps it. output: the folder of the frame, as a file, and of the results.
    keys: what the data set `table` may be told, such as positive, without or weights, and what a study file may say,
    such as methods, seeds or training, in the place of what would be chosen.
    Raises BadInput where the frame cannot be used.
    """
    known = members.arguments(members.load("datasets", "table"))
    own, said = ({key: keys[key] for key in keys if (key in known) is is_own} for is_own in (True, False))
    data = frames.describe(frames.read_frame(frame), target, protected, Path(output) / "frames", own)
    values = frames.choose_values(len(dataset(data).train["y"]), data["problem"]) | said
    launch = values.get("launch", {})
    values["launch"] = {"executor": "local", "tracking": "none", **launch} if isinstance(launch, Mapping) else launch
    # most of what differs between studies of a table is in how it is divided, so each seed divides it anew
    values.setdefault("splits", 1 if frames.is_divided(own) else values["seeds"])
    made = declare(name=name or data["path"].stem, tasks={target: data}, **values)
    made, refused = _serve(made, chosen="methods" not in said)
    made = replace(made, launch=replace(made.launch, output=str(output)))
    if not quiet:
        print(made, *refused, sep="\n")
    return made


def judge(
    frame: Any,
    *,
    positive: Value | None = None,
    threshold: float | None = None,
    logits: bool = False,
    regression: bool = False,
    baseline: str | None = None,
    selection: str | None = None,
    name: str = "scores",
    output: str | Path = "runs",
    quiet: bool = False,
    **columns: str,
) -> "Results":
    """What scores that were made elsewhere come to, by the same metrics, intervals and verdict; nothing is trained.

    frame: a row for each example, with its label, its group and its score, the probability of the positive label, or
    its logit; of several methods or seeds all of them, one below the other; of several classes score_0, score_1, ...
    Or the folder in which a sweep of DomainBed's or SubpopBench's wrote its runs, of which checkpoints are chosen by
    the rule `selection` on validation data (`fairray.benchmarks.RULES`).
    columns: what they are called, where it is not y, group, score, split, seed and method; the last three may be left
    out. positive: the positive label (default: the last in order). threshold: above it a score predicts the positive
    label. regression: the label is a number, and a score what was predicted of it, in its own unit. baseline: the
    method that others are compared with (default: the first). Where there is one seed, intervals are over test
    examples. The page is written to a folder of the name in output/reports.
    Raises BadInput where the frame cannot be used.
    """
    if isinstance(frame, str | Path):
        runs = _as(Study, benchmarks.ask(Path(frame), str(output), name, baseline, selection))
        return _run(runs, quiet, report.review())
    path = frames.keep(frames.read_frame(frame), Path(output) / "frames", name)
    said = {"positive": positive, "threshold": threshold, "logits": logits, "regression": regression}
    made = _as(Study, given.ask(path, columns, str(output), name, baseline, **said))
    return _run(made, quiet, report.inspection(made))


def load_model(path: str | Path) -> Model:
    """The model of a file that `Model.save` has written. Raises BadInput where it is none."""
    return Model.load(path)


def _serve(made: "Study", chosen: bool) -> "tuple[Study, list[str]]":
    """The study without the chosen methods that cannot serve the data, and why they cannot."""
    refused = {arm.name: error for arm in made.arms() if (error := made.refusal(arm)) is not None}
    if not chosen or made.baseline in refused:
        made.check()
    served = {name: method for name, method in made.methods.items() if name not in refused or not chosen}
    return replace(made, methods=served), [f"left out: {name}: {error.problem}" for name, error in refused.items()]


class Study(study.Study):
    """A study that can be planned, run and saved."""

    def plan(self) -> "Plan":
        """What a run would compute, what is stored, and what is shared. Raises BadInput where it cannot run."""
        return _as(Plan, planning.plan(self))

    def run(self, quiet: bool = False) -> "Results":
        """Compute what is not stored, write the report, and give the results.

        It runs where the study's launch says, and says on stderr how far it is, unless it is to be quiet. A trial or a
        section of the report that fails is a warning. Raises BadInput before anything runs.
        """
        return _run(self, quiet)

    def results(self) -> "Results":
        """What is stored of it. Raises BadInput where nothing is."""
        found = planning.open_results(self)
        if found is None:
            raise BadInput(f"study {self.name}", "nothing of it is stored", "run it")
        return _as(Results, found)

    def save(self, path: str | Path) -> Path:
        """Write all of its values to a yaml file, which ``fairray run`` and `load` take for the same study."""
        path = Path(path)
        if path.suffix not in config.SUFFIXES:
            raise BadInput(str(path), "a study file ends in .yaml", f"call it {path.with_suffix('.yaml').name}")
        path.write_text(config.dump(self))
        return path

    def __repr__(self) -> str:
        return "\n".join(f"{name}: {said}" for name, said in self._facts())

    def _repr_html_(self) -> str:
        return show_alone([Items([(Strong(name), f": {said}") for name, said in self._facts()])])

    def _facts(self) -> list[tuple[str, str]]:
        """What it is, in words."""
        launch = self.launch
        seeds = [write_count(self.seeds, "seed"), *([f"{self.splits} splits of the data"] if self.splits > 1 else ())]
        return [
            ("study", self.name if self.question == self.name else f"{self.name}: {self.question}"),
            ("tasks", "; ".join(f"{task}: {members.label(member)}" for task, member in self.tasks.items())),
            ("methods", "; ".join(_name(name, method) for name, method in self.methods.items())),
            ("network", _name(members.label(self.network.corner), self.network)),
            ("training", _list_values(self.training, Training)),
            ("seeds", ", ".join([*seeds, *([f"{self.confirm} fresh ones confirm"] if self.confirm else ())])),
            ("objectives", ", ".join(self.objectives)),
            ("runs", f"{'on Ray' if launch.executor == 'ray' else 'in this process'}, results in {launch.folder}"),
        ]


class Plan(planning.Plan):
    """A plan that a notebook shows as a table."""

    def _repr_html_(self) -> str:
        first, second, *_ = str(self).split("\n")
        arms = pd.DataFrame([asdict(arm) for arm in self.arms])
        arms["failed"] = [", ".join(f"{count} ({kind})" for kind, count in arm.failed.items()) for arm in self.arms]
        said = [first, second, *([str(self.estimate)] if self.estimate else ())]
        return show_alone([Items(said), Frame("", arms.astype(str), arms, "")])


class Results(results.Results):
    """What a study found, as frames and figures. `records` has every value as measured, in a tidy frame."""

    def table(self, *metrics: str) -> pd.DataFrame:
        """Of each chosen trial the mean over seeds on test data, its 95 % interval (low, high) and n.

        metrics: without any, and for a task that has none of them, the objectives. Values are in the unit of print,
        such as percent; `doubt` says why a trial is no result, and is empty where it is one.
        """
        numbers = _find(Frame, report.Table(metrics)(self)).numbers
        if not numbers["printed"].notna().any():
            numbers = numbers.drop(columns="printed")
        pairs = zip(numbers["task"], numbers["method"], strict=True)
        return numbers.assign(doubt=[self.doubt(*pair) if pair in self.chosen else "" for pair in pairs])

    def verdict(self, *metrics: str, rivals: Rivals = "baseline") -> pd.DataFrame:
        """Each method against the baseline, or all with each other: paired differences over seeds, tests, and the word.

        Differences are as measured; `word` is better, worse, equivalent, undecided, or no verdict where one of the two
        is no result. Raises BadInput where there is nothing to compare.
        """
        if self.study.baseline is None and rivals == "baseline":
            raise BadInput("verdict", "the study has no baseline", "give it one, or ask for rivals='all'")
        blocks = [*report.Verdict(metrics, rivals)(self)]
        if not any(isinstance(block, Frame) for block in blocks):
            raise BadInput("verdict", "no two methods are stored with the same metric", "run the study")
        return _find(Frame, blocks).numbers

    def plot(self, x: str = "odds", y: str = "eacc") -> "Figure":
        """Every method in the plane of two metrics: seeds, their means and 95 % intervals; hollow is no result.

        Where no task has both, the last of the objectives against the first.
        """
        picture = _find(Picture, report.Tradeoff(x, y)(self))
        assert not isinstance(picture.image, bytes)
        return picture.image

    def best(self, task: str, method: str) -> Trial:
        """The trial that is chosen of a method, by the study's rule on validation data; `point` is where it lies."""
        methods = {arm: trial for (of, arm), trial in self.chosen.items() if of == task}
        if not methods:
            raise unknown("task", "task of what is stored", task, {of for of, _ in self.chosen})
        if method not in methods:
            raise unknown("method", f"method of what is stored of {task}", method, methods)
        return methods[method]

    def model(self, task: str, method: str, seed: int | None = None) -> Model:
        """The trained network of the trial that is chosen, of a seed or the first, which predicts from new rows.

        Raises BadInput where the method ends in something else than a network that predicts.
        """
        trial = self.best(task, method)
        return take_model(trial, trial.seeds[0] if seed is None else seed, self.read)

    def export(self, form: str, folder: str | Path | None = None) -> list[Path]:
        """Write it for other tools: parquet, arrays (of rliable and autorank), tensorboard or wandb; gives the places.

        folder: without one, one of that name beside the report. Raises BadInput where a package is missing.
        """
        return [*export(self, form, Path(folder) if folder else None)]

    def bundle(self, path: str | Path | None = None, limit_mb: float | None = None) -> Packed:
        """Write all of it into one archive, which ``fairray audit`` takes on another machine.

        limit_mb: the stages' tensors, or a file of the user's, are left out where they are more (default: 100).
        """
        files, _ = report.write_report(self, report.load_sections(self.study))
        return pack(self, files, Path(path) if path else None, limit_mb)

    def __repr__(self) -> str:
        return self.table().to_string(index=False)

    def _repr_html_(self) -> str:
        return show_alone([*report.Verdict()(self), *report.Table()(self)])


def _run(made: Study, quiet: bool, sections: Sequence[report.Section] | None = None) -> Results:
    """sections: of the report, where they are not those that the study has."""
    outcome = run_study(made, (lambda line: None) if quiet else tell, sections)
    for trial, error in outcome.failures:
        warnings.warn(f"failed: {label([trial])}\n{error}", stacklevel=3)
    for failure in outcome.broken:
        warnings.warn(f"a section of the report failed: {failure}", stacklevel=3)
    if outcome.files and not quiet:
        tell(f"report: {outcome.files[0]}")
    return made.results()


def _as(cls: type[T], value: Any) -> T:
    """A value as the class of this file that has the same fields."""
    return cls(**field_values(value))


def _find(kind: type[T], blocks: Iterable[Block]) -> T:
    """The first block of a kind."""
    return next(block for block in blocks if isinstance(block, kind))


def _name(name: str, part: Template) -> str:
    said = _list_values(part)
    return f"{name} ({said})" if said else name


def _list_values(part: Template, cls: Any = None) -> str:
    """Its values that are no defaults of its class, and of the open ones what they may be."""
    defaults = {field.name: field.default for field in fields(cls or type(part.corner))}
    open_ones = {name.split(".")[0] for name in part.space}
    values = {key: value for key, value in part.plain.items() if key != "name" and key not in open_ones}
    said = [f"{key}={value}" for key, value in values.items() if value != defaults.get(key)]
    return ", ".join(said + [f"{name} {_say(choice)}" for name, choice in part.space.items()])


def _say(choice: Grid | Range) -> str:
    if isinstance(choice, Range):
        return f"from {choice.low} to {choice.high}"
    return f"of {' or '.join(map(str, choice.grid))}"
