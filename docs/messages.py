"""The error messages of fairray, read from where they are raised; what is only known then is …, or its name."""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import fairray

ROOT = Path(fairray.__file__).parent
OPEN = "…"
# by where they arise: the beginnings of files' names; the first place that has one that fits
PLACES = {
    "Your own table": (
        "datasets/_cells", "datasets/_files", "datasets/_rows", "datasets/_inputs", "datasets/_tabular",
        "datasets/table", "datasets/_levels", "datasets/_protected", "frames",
    ),
    "Your own images": ("datasets/_folders", "datasets/_images", "datasets/_maps", "datasets/image_folder", "pixels"),
    "Scores made elsewhere": ("datasets/_scores", "given"),
    "A study, its file and its values": (
        "config", "space", "study", "members", "catalogue", "cli", "errors", "trial", "measures", "contrast",
        "identity",
    ),
    "In Python": ("api", "model"),
    "Methods": ("methods", "concepts", "training"),
    "Networks": ("networks",),
    "Triggers and artefacts": ("triggers", "artefacts"),
    "Attacks, costs and saliency": ("attacks", "costs", "saliency"),
    "Other data sets": ("datasets", "data"),
    "Running and what is stored": ("launch", "store", "claims", "audit", "budget", "bundle", "benchmarks", "memory"),
    "Reports and statistics": ("report", "statistics"),
}  # fmt: skip


class Message(NamedTuple):
    """What an error can say, and the cures that it can name. file: where it is raised, in fairray/."""

    file: str
    problems: tuple[str, ...]
    cures: tuple[str, ...]

    @property
    def place(self) -> str:
        """The part of the index that it belongs to."""
        return next(place for place, files in PLACES.items() if self.file.startswith(files))


@cache
def list_messages() -> tuple[Message, ...]:
    """All of them, but for errors that are raised again with more of where they are."""
    found = dict.fromkeys(message for path in sorted(ROOT.rglob("*.py")) for message in _read(path))
    return tuple(message for message in found if any(problem.strip(OPEN) for problem in message.problems))


def _read(path: Path) -> Iterator[Message]:
    tree, file = ast.parse(path.read_text()), path.relative_to(ROOT).with_suffix("").as_posix()
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            known = _Known([*_assigned(tree.body), *_assigned(ast.walk(function))])
            said = (known.read(node) for node in _own(function) if isinstance(node, ast.Call))
            yield from (Message(file, *texts) for texts in said if texts)


def _own(function: ast.AST) -> Iterator[ast.AST]:
    """What is in a function, but not in those in it."""
    for node in ast.iter_child_nodes(function):
        if not isinstance(node, ast.FunctionDef):
            yield node
            yield from _own(node)


def _assigned(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, ast.expr, bool]]:
    """Names and what they are given, and whether that is added to what they were."""
    for node in nodes:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, node.value, False
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            yield node.target.id, node.value, True


class _Known:
    """What names stand for where an error is raised."""

    def __init__(self, assigned: Iterable[tuple[str, ast.expr, bool]]):
        self.assigned = list(assigned)

    def read(self, call: ast.Call) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
        """The problems and the cures of an error that a call makes, if it makes one."""
        name = ast.unparse(call.func).split(".")[-1]
        if name in ("BadInput", "Fatal") and len(call.args) == 3:
            return tuple(self.say(call.args[1])), tuple(self.say(call.args[2]))
        if name == "unknown":
            kinds = self.say(call.args[1])
            return tuple(f"there is no {kind} {OPEN}" for kind in kinds), (f"did you mean {OPEN}? there are: {OPEN}",)
        return None

    def say(self, value: ast.AST) -> list[str]:
        """The texts that an expression can be."""
        match value:
            case ast.Constant(str(text)):
                return [text]
            case ast.JoinedStr(parts):
                return _joined([self.say(part) for part in parts])
            case ast.FormattedValue(ast.Name(name) | ast.Attribute(attr=name)):
                return [f"{{{name}}}"]
            case ast.BinOp(left, ast.Add(), right):
                return _joined([self.say(left), self.say(right)])
            case ast.IfExp(_, one, other):
                return [*self.say(one), *self.say(other)]
            case ast.Name(name):
                return self.look_up(name) or [OPEN]
        return [OPEN]

    def look_up(self, name: str) -> list[str]:
        """The texts that a name can stand for; none where it stands for something else, or is an argument."""
        texts: list[str] = []
        for value, adds in [(value, adds) for of, value, adds in self.assigned if of == name]:
            said = [] if _names(value, name) else self.say(value)
            texts = _joined([texts, said]) if adds else texts + [text for text in said if text.strip(OPEN)]
        return [text for text in texts if text != OPEN]


def _names(value: ast.AST, name: str) -> bool:
    return any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(value))


def _joined(parts: list[list[str]]) -> list[str]:
    """Every way to put one text of each part behind the other."""
    texts = [""]
    for part in parts:
        texts = [text + more for text in texts for more in part]
    return texts
